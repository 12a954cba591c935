-- quality.lua: pictures of a data set by how noisy and how sharp they are, and what a network makes of each.
local cs = require "convscope"
local looking = require "convscope.looking"

local quality = {}

-- The images that are clean, noisy and blurred by nature, by measure: three lists { name, numbers for images:choose(), their median noise level, their
-- median sharpness }. Noisy are the `natural` with the highest noise level, blurred the least sharp of the rest; clean are the sharpest of those whose
-- noise is below the median.
function quality.by_nature(job, images, natural)
  local noise, sharp, order = {}, {}, {}
  job:progress(0, "how noisy and sharp the pictures are", 0.5)
  looking.batches(images, 64, function(some)
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

-- Of some images: which are right, and by layer how much of their edges and of the picture itself comes back; the last layer's first four views.
local function come_back(net, images, layers, rule)
  local out, shown = { { "network", "accuracy", {} } }, nil
  for _, layer in ipairs(layers) do
    out[#out + 1], out[#out + 2] = { layer.name, "edges kept", {} }, { layer.name, "likeness to the picture", {} }
  end
  looking.batches(images, 16, function(some, first)
    local trace <close> = looking.must(net:trace(some))
    local picture = net:unwhiten(trace:input())
    table.insert(out[1][3], looking.correct(trace:scores(), some:labels()))
    for i, layer in ipairs(layers) do
      local view = looking.must(cs.project(trace, layer.index, { targets = looking.whole(some.count), rule = rule }))
      table.insert(out[2 * i][3], cs.measure.edges(view, picture))
      table.insert(out[2 * i + 1][3], cs.measure.correlation(view, picture))
      if first == 0 and i == #layers then shown = view:slice(0, math.min(4, some.count)) end
    end
  end)
  for _, one in ipairs(out) do one[3] = cs.concat(one[3]) end
  return out, shown
end

-- The paper's Figure 6: pictures that are noisy or blurred by nature against clean ones, into `result` (its columns: kind, level, layer, measure, mean, low,
-- high, p). Options: scanned, natural, rule, seed.
function quality.compare(job, net, data, layers, opt, result)
  local images = looking.test_images(data, opt.scanned, opt.seed)
  local groups, pictures, views, edges, clean = quality.by_nature(job, images, opt.natural), {}, {}, {}, nil
  if #groups[1][2] < 8 then return result:note(("noisy and blurred pictures: too few among %d images"):format(images.count)) end
  for number, group in ipairs(groups) do
    local name, some = group[1], images:choose(group[2])
    local called = name == "noisy" and "noisy or finely textured" or name
    job:progress(0.5 + (number - 1) / (2 * #groups), ("pictures that are %s by nature"):format(name), 0.5 + number / (2 * #groups))
    local found, shown = come_back(net, some, layers, opt.rule)
    clean = clean or found
    pictures[#pictures + 1], views[#views + 1] = some:images(0, 4):pixels(), shown
    local said = {}
    for k, one in ipairs(found) do
      local mean, low, high = looking.must(cs.statistics.bootstrap(one[3], { seed = opt.seed }))
      local p = name ~= "clean" and looking.must(cs.statistics.mann_whitney(one[3], clean[k][3])) or 0 / 0
      result:add("by nature: " .. name, 0, one[1], one[2], mean, low, high, p)
      if k == #found - 1 then edges[#edges + 1] = ("%.2f [%.2f, %.2f] of %s ones%s"):format(mean, low, high, called, p == p and (" (p = %.2g)"):format(p) or "") end
      said[k] = p == p and ("%.3f [%.3f, %.3f] against %.3f of clean ones (p = %.2g)"):format(mean, low, high, clean[k][3]:mean(), p)
        or ("%.3f [%.3f, %.3f]"):format(mean, low, high)
    end
    result:note(("%d pictures %s by nature (noise level %.1f of 255, sharpness %.3f, medians): accuracy of %s pictures %s; edges that %s keeps of them %s"):format(
      #group[2], called, group[3], group[4], name, said[1], layers[#layers].name, said[#found - 1]))
  end
  result:verdict(("edges that %s keeps of pictures as they are by nature: %s (the paper: noise degrades what comes back)"):format(layers[#layers].name, table.concat(edges, ", ")))
  result:picture("natural pictures", cs.mosaic(cs.concat(pictures), { columns = 4, photo = true, zoom = 2 }), "pictures that are clean, noisy and blurred by nature, a row each")
  result:mosaic("natural reconstructions", cs.concat(views), 4, ("those pictures' reconstructions from %s"):format(layers[#layers].name))
end

return quality
