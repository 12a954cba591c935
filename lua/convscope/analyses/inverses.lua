--- Inverses: which way back shows best what a layer saw: the eight backward rules, the true inverse by least squares (plain and damped) and
-- with the transposed kernel, and what a class looks like to the network (Simonyan et al. 2014).
--
-- Likeness of the whole layer's reconstruction to the picture: correlation, structural similarity of the two standardised, edge similarity. Because a rule
-- may redraw the picture whatever the network learnt (Adebayo et al. 2018), each is measured also through a network of random weights on the same
-- pictures: `learnt` is the likeness through the network less that through the random one, paired by picture.
-- Class models climb the gradient of a class score from grey, with decay: a picture a class, and the probability it reaches. Saliency is the gradient's size
-- in each picture of the score of the class that the network sees there, and how its strong places go with the picture's edges.
local cs = require "convscope"
local looking = require "convscope.looking"

local inverses = {
  ["least-squares"] = { filter = "least-squares" },
  damped = { filter = "least-squares", damping = 0.03 },
  transposed = { filter = "transposed" },
}
local measures = { "correlation", "ssim", "edges" }

-- What the rules with short names do, for sentences.
local spoken = { none = "the transposed kernels alone", m = "rule m (mask alone)", s = "rule s (switches alone)", r = "rule r (rectified alone)",
  mr = "rule mr (mask, rectified)" }

-- The reconstruction of the whole layer for each image of the trace.
local function reconstruct(trace, layer, way, count, opt)
  local parts = {}
  if not inverses[way] then
    for k = 0, count - 1 do parts[k + 1] = { image = k } end
    return looking.must(cs.project(trace, layer, { targets = parts, rule = way }))
  end
  for k = 0, count - 1 do
    local how = inverses[way]
    local seen = looking.must(cs.invert(trace, layer, { image = k, filter = how.filter, damping = how.damping, iterations = opt.iterations }))
    parts[k + 1] = seen:reshape { 1, table.unpack(seen.shape) }
  end
  return cs.concat(parts)
end

local function likeness(view, picture)
  local even = cs.measure.standardise(view)
  return { correlation = cs.measure.correlation(view, picture), ssim = cs.measure.ssim(even, picture), edges = cs.measure.edges(view, picture) }
end

-- The same layers with weights nobody trained.
local function untrained(net, seed)
  local list = {}
  for i, layer in ipairs(net.layers) do list[i] = layer.spec end
  return looking.must(cs.network { input = net.input, layers = list, seed = seed + 1 }):take_preprocess(net)
end

-- Pictures that a class score likes: gradient ascent from grey with decay; probabilities reached.
local function class_models(job, net, classes, opt)
  local last = net.layers[#net.layers]
  local x, targets = cs.tensor({ #classes, table.unpack(net.input) }, 0), {}
  for k, class in ipairs(classes) do targets[k] = { image = k - 1, feature = class, at = "max" } end
  for step = 1, opt.ascent do
    job:progress((step - 1) / opt.ascent, ("class models: step %d of %d"):format(step, opt.ascent), step / opt.ascent)
    local trace <close> = looking.must(net:trace(x))
    local gradient = looking.must(cs.project(trace, last.index, { targets = targets, rule = "gradient", signal = "one", whitened = true }))
    for k = 0, #classes - 1 do
      local size = gradient[k]:norm()
      x[k] = x[k] * (1 - opt.decay) + (size > 0 and gradient[k] * (opt.rate / size) or 0)
    end
  end
  return x, net:predict(x)
end

-- The size of the gradient of the score of the class seen in each picture: maps [n,h,w,1], the largest over channels.
local function saliency(net, images)
  local trace <close> = looking.must(net:trace(images))
  local targets = {}
  for k, class in ipairs(trace:scores():argmax(1):tolist()) do targets[k] = { image = k - 1, feature = math.tointeger(class), at = "max" } end
  local gradient = looking.must(cs.project(trace, net.layers[#net.layers].index, { targets = targets, rule = "gradient", signal = "one" }))
  return gradient:abs():max(3):reshape { images.count, net.input[1], net.input[2], 1 }
end

return {
  title = "eight rules, true inverses and class models: which way back shows what was learnt",
  options = { images = 16, layers = "all", ways = "all", iterations = 30, classes = 6, ascent = 60, rate = 2, decay = 0.02, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local words = opt.ways == "all" and table.concat(cs.rules, ",") .. ",least-squares,damped,transposed" or opt.ways
    local ways, found, random, shown = looking.words(words, "ways"), looking.gathering(opt.seed), untrained(net, opt.seed), {}
    job:part(0, 0.9)
    local pictures = cs.measure.standardise(net:unwhiten(net:trace(images):input()))
    for i, layer in ipairs(layers) do
      local trace <close> = looking.must(net:trace(images))
      local null <close> = looking.must(random:trace(trace:input()))
      for k, way in ipairs(ways) do
        job:progress((i - 1 + (k - 1) / #ways) / #layers, layer.name .. ", " .. way, (i - 1 + k / #ways) / #layers)
        local view = reconstruct(trace, layer.index, way, images.count, opt)
        local learnt, redrawn = likeness(view, pictures), likeness(reconstruct(null, layer.index, way, images.count, opt), pictures)
        for _, name in ipairs(measures) do
          found:add({ layer.name, way, name }, learnt[name])
          found:add({ layer.name, way, "learnt: " .. name }, learnt[name] - redrawn[name])
        end
        if i == #layers then shown[#shown + 1] = view:slice(0, math.min(6, images.count)) end
      end
    end
    job:part(0.9, 1)
    local result, best = cs.result { "layer", "way", "measure", "mean", "low", "high" }, {}
    local bars = {}
    found:each(function(key, mean, low, high)
      result:add(key[1], key[2], key[3], mean, low, high)
      local at = key[1] .. "\0" .. key[3]
      if not best[at] or mean > best[at].mean then best[at] = { way = key[2], mean = mean, low = low, high = high } end
      if key[1] == layers[#layers].name and (key[3] == "edges" or key[3] == "learnt: edges") then
        local bar = bars[key[3]] or { kind = "bars", y = {}, low = {}, high = {} }
        bars[key[3]] = bar
        for place, value in pairs { y = mean, low = low, high = high } do table.insert(bar[place], value) end
      end
    end)
    for _, layer in ipairs(layers) do
      local likest, learnt = best[layer.name .. "\0edges"], best[layer.name .. "\0learnt: edges"]
      if likest and learnt then
        local shows = learnt.low > 0 and "what was learnt shows most by %s (%.2f [%.2f, %.2f] above a random network)"
          or "by none of the ways do they come back better than through a random network (most by %s: %.2f [%.2f, %.2f])"
        result[layer == layers[#layers] and "verdict" or "note"](result, ("%s: the picture's edges come back best by %s (%.2f [%.2f, %.2f]); " .. shows)
          :format(layer.name, spoken[likest.way] or likest.way, likest.mean, likest.low, likest.high, spoken[learnt.way] or learnt.way, learnt.mean, learnt.low, learnt.high))
      end
    end
    for _, name in ipairs { "edges", "learnt: edges" } do
      local whole = name == "edges"
      result:plot(name, cs.plot { title = ("edges that come back from %s%s"):format(layers[#layers].name, whole and "" or " because of what was learnt"),
        y_label = whole and "edge similarity" or "above a random network's", categories = ways, series = { bars[name] }, zero = true })
    end
    local columns, classes = math.min(6, images.count), {}
    result:picture("pictures", cs.mosaic(images:images(0, columns):pixels(), { columns = columns, photo = true, zoom = 2 }))
    result:mosaic("reconstructions", cs.concat(shown), columns, ("reconstructions from %s, a row a way: %s"):format(layers[#layers].name, table.concat(ways, ", ")))
    for class = 0, math.min(opt.classes, net.classes) - 1 do classes[#classes + 1] = class end
    if #net.output == 1 and net.layers[#net.layers].type == "dense" then
      local maps = saliency(net, images)
      local mean, low, high = looking.must(cs.statistics.bootstrap(cs.measure.correlation(maps, cs.measure.sobel(images:pixels())), { seed = opt.seed }))
      result:add("network", "saliency", "goes with the picture's edges", mean, low, high)
      result:mosaic("saliency", maps:slice(0, columns), columns, "saliency of the class seen in each picture")
    end
    if #classes > 0 and #net.output == 1 then
      local models, reached = class_models(job, net, classes, opt)
      local names = {}
      for k, class in ipairs(classes) do names[k] = net:class_name(class) end
      result:mosaic("class models", net:unwhiten(models), 3, "pictures that the score of a class likes: " .. table.concat(names, ", "))
      for k, class in ipairs(classes) do
        local p = reached[{ k - 1, class }]
        result:add("network", "class model", net:class_name(class), p, p, p)
      end
    end
    return result
  end,
}
