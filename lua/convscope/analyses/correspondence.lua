--- Correspondence: does a layer answer to the same part of an object in the same way from picture to picture (Zeiler & Fergus 2014, section 4.3, over a
-- data set)?
--
-- The same part of the object (a place relative to its box) is hidden in every picture of a class; the change of the layer's features, as signs, is compared
-- between pictures by the share of features that change in either and do not change alike (a Hamming distance). Low: the part means
-- something to the layer. As a null, regions of the same size at random places inside the same boxes; pictures are paired, p is of a permutation test,
-- q after Benjamini-Hochberg over all parts and layers.
local cs = require "convscope"
local looking = require "convscope.looking"

local parts = { { "top left", 0.25, 0.25 }, { "top", 0.25, 0.5 }, { "top right", 0.25, 0.75 }, { "left", 0.5, 0.25 }, { "centre", 0.5, 0.5 },
  { "right", 0.5, 0.75 }, { "bottom left", 0.75, 0.25 }, { "bottom", 0.75, 0.5 }, { "bottom right", 0.75, 0.75 } }

-- The pictures with a grey square of `share` of each box's sides, its middle at a place relative to the box.
local function hidden(pixels, boxes, share, place)
  local out = pixels:copy()
  for i, box in ipairs(boxes) do
    local h, w = box.bottom - box.top, box.right - box.left
    local side = math.max(2, math.floor(share * math.max(h, w) + 0.5))
    local y, x = place(i)
    local top, left = math.floor(box.top + y * h - side / 2 + 0.5), math.floor(box.left + x * w - side / 2 + 0.5)
    out[i - 1] = cs.perturb.occlude(pixels:slice(i - 1, 1), top, left, side)[0]
  end
  return out
end

-- For each picture its mean distance to the others of its group: changes [n,features] as real numbers.
local function distances(changes, groups)
  local out = {}
  for _, members in ipairs(groups) do
    local rows = {}
    for k, i in ipairs(members) do rows[k] = changes:slice(i - 1, 1) end
    local c = cs.concat(rows)
    local size = c:abs()
    local signs = c / (size + 1e-12)
    signs = (signs * 2):clamp(-1, 1) -- -1, 0 or 1
    local moved = signs * signs
    local both = moved:dot(moved:transpose()) -- changed in both pictures
    local alike = (signs:dot(signs:transpose()) + both) / 2 -- and the same way
    local count = moved:sum(1)
    for a, i in ipairs(members) do
      local sum, others = 0, 0
      for b = 1, #members do
        local either = count[a - 1] + count[b - 1] - both[{ a - 1, b - 1 }]
        if a ~= b and either > 0 then sum, others = sum + 1 - alike[{ a - 1, b - 1 }] / either, others + 1 end
      end
      out[i] = others > 0 and sum / others or 0 / 0
    end
  end
  return out
end

-- Pictures with boxes, several of each of some classes: at least eight, or what `images` over all classes comes to. Their boxes, and the classes as lists of
-- positions from 1.
local function grouped(data, opt)
  local all = looking.test_images(data, 1 << 40, opt.seed)
  local by_class, order, chosen, boxes, groups, seen = {}, {}, {}, {}, {}, 0
  for i, label in ipairs(all:labels()) do
    if label >= 0 and not by_class[label] then by_class[label], order[#order + 1] = {}, label end
    if label >= 0 then table.insert(by_class[label], i - 1) end
  end
  cs.random(opt.seed):shuffle(order)
  local quota = math.max(8, opt.images // math.max(#order, 1))
  for _, label in ipairs(order) do
    local members = {}
    for _, i in ipairs(by_class[label]) do
      if #members == math.min(quota, opt.images - #chosen) then break end
      local box = data:sample(all:number(i)).box
      seen = seen + 1
      if box and box.right - box.left >= 6 and box.bottom - box.top >= 6 then members[#members + 1] = { i, box } end
    end
    if #members > 1 then
      groups[#groups + 1] = {}
      for _, one in ipairs(members) do
        chosen[#chosen + 1], boxes[#boxes + 1] = one[1], one[2]
        table.insert(groups[#groups], #chosen)
      end
    end
  end
  if #chosen < 4 then looking.fail("unsupported", "correspondence needs boxes around objects, several of a class, and %s has too few: on %d of %d images; shapes and Tiny "
    .. "ImageNet's validation images have boxes", data.spec, #chosen, seen) end
  return all:choose(chosen), boxes, groups
end

return {
  title = "do layers answer to the same part of an object alike, from picture to picture",
  options = { images = 160, layers = "all", share = 0.34, response = "mean", nulls = 4, seed = 0 },

  run = function(job, net, data, opt)
    if not (opt.share > 0 and opt.share <= 1) then looking.fail("argument", "option 'share' is %g; expected a share of the box from 0 to 1", opt.share) end
    job:progress(0, "looking for boxes")
    local layers, images, boxes, groups = looking.layers(net, opt.layers), grouped(data, opt)
    local pixels, steps = images:pixels(), 1 + opt.nulls + #parts
    job:progress(0, "as they are", 1 / steps)
    local base = looking.responses(net, images, layers, opt.response)
    local function measured(place)
      local found, out = looking.responses(net, images:with(hidden(pixels, boxes, opt.share, place)), layers, opt.response), {}
      for i in ipairs(layers) do out[i] = distances(base[i] - found[i], groups) end
      return out
    end
    local null = {}
    for k = 1, opt.nulls do
      job:progress(k / steps, "random regions", (k + 1) / steps)
      local random = cs.random(opt.seed, k)
      local found = measured(function() return random:uniform(0.17, 0.83), random:uniform(0.17, 0.83) end)
      for i in ipairs(layers) do
        local values = cs.tensor(found[i])
        null[i] = null[i] and null[i] + values or values
      end
    end
    for i in ipairs(layers) do null[i] = null[i] / opt.nulls end
    local rows, p = {}, {}
    for k, part in ipairs(parts) do
      job:progress((opt.nulls + k) / steps, part[1] .. " hidden", (opt.nulls + k + 1) / steps)
      local found = measured(function() return part[2], part[3] end)
      for i, layer in ipairs(layers) do
        local values = cs.tensor(found[i])
        local mean, low, high = looking.must(cs.statistics.bootstrap(values, { seed = opt.seed }))
        local lower, effect, chance = looking.must(cs.statistics.paired(null[i] - values, { seed = opt.seed }))
        rows[#rows + 1], p[#p + 1] = { layer.name, part[1], mean, low, high, null[i]:mean(), lower, effect, i }, chance
      end
    end
    local result = cs.result { "layer", "part", "distance", "low", "high", "random regions", "closer by", "effect", "q" }
    local q, series, point = cs.statistics.fdr(p), looking.series()
    local count, best = {}, {}
    for k, row in ipairs(rows) do
      result:add(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], q[k])
      local holds = q[k] < 0.05 and row[7] > 0
      count[row[9]] = (count[row[9]] or 0) + (holds and 1 or 0)
      if not best[row[9]] or row[7] > best[row[9]][7] then best[row[9]] = row end
      point(row[2], row[9], row[7], row[7], row[7])
    end
    for i, layer in ipairs(layers) do
      result[i == #layers and "verdict" or "note"](result, ("%s: %d of %d parts are answered to more alike than random regions (FDR 5 %%); most the %s (%.3f against %.3f)"):format(layer.name, count[i], #parts,
        best[i][2], best[i][3], best[i][6]))
    end
    local columns = math.min(6, images.count)
    result:picture("centre hidden", cs.mosaic(hidden(pixels, boxes, opt.share, function() return 0.5, 0.5 end):slice(0, columns), { columns = columns, photo = true,
      zoom = 2 }))
    return result:plot("closer", cs.plot { title = "correspondence: closer than random regions, by layer", x_label = "convolution (from 1)", y_label = "distance below random",
      series = series })
  end,
}
