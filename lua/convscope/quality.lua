-- quality.lua: pictures of a data set by how noisy and how sharp they are.
local cs = require "convscope"
local looking = require "convscope.looking"

local quality = {}

-- The images that are clean, noisy and blurred by nature, by measure: three lists { name, numbers for images:choose(), their median noise level, their
-- median sharpness }. Noisy are the `natural` with the highest noise level, blurred the least sharp of the rest; clean are the sharpest of those whose
-- noise is below the median.
function quality.by_nature(job, images, natural)
  local noise, sharp, order = {}, {}, {}
  looking.batches(images, 64, function(some, first)
    job:progress(first / images.count, "how noisy and sharp the pictures are")
    local planes = cs.measure.luminance(some:pixels())
    noise[#noise + 1], sharp[#sharp + 1] = cs.measure.noise_level(planes), cs.measure.sharpness(planes)
  end)
  noise, sharp = cs.concat(noise):tolist(), cs.concat(sharp):tolist()
  for i = 1, images.count do if noise[i] == noise[i] and sharp[i] == sharp[i] then order[#order + 1] = i end end
  local count, taken = math.min(natural, #order // 4), {}
  local function take(by, sign, allowed)
    table.sort(order, function(a, b) return sign * by[a] < sign * by[b] or by[a] == by[b] and a < b end)
    local out = {}
    for _, i in ipairs(order) do
      if #out == count then break end
      if not taken[i] and (not allowed or allowed[i]) then
        out[#out + 1], taken[i] = i - 1, true
      end
    end
    return out
  end
  local quiet = {}
  local noisy, blurred = take(noise, -1), take(sharp, 1)
  table.sort(order, function(a, b) return noise[a] < noise[b] or noise[a] == noise[b] and a < b end)
  for k = 1, #order // 2 do quiet[order[k]] = true end
  local function middle(list, by)
    local values = {}
    for k, i in ipairs(list) do values[k] = by[i + 1] end
    return looking.middle(values)
  end
  local clean = take(sharp, -1, quiet)
  return { { "clean", clean, middle(clean, noise), middle(clean, sharp) }, { "noisy", noisy, middle(noisy, noise), middle(noisy, sharp) },
    { "blurred", blurred, middle(blurred, noise), middle(blurred, sharp) } }
end

return quality
