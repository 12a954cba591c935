--- Noise: how accuracy, activations and reconstructions suffer from noise, blur and JPEG, by layer, and whether naturally noisy or
-- blurred pictures of the data set suffer too (the paper's Figure 6, over a data set): those are found by measure (cs.measure.noise_level and
-- cs.measure.sharpness) and compared with clean ones.
local cs = require "convscope"
local looking = require "convscope.looking"
local quality = require "convscope.quality"

local kinds = {
  { "gaussian", function(images, level, seed) return cs.perturb.gaussian(images, level, seed) end, low = 0, high = 1000 },
  { "salt_pepper", function(images, level, seed) return cs.perturb.salt_pepper(images, level, seed) end, low = 0, high = 1 },
  { "blur", function(images, level) return cs.perturb.blur(images, level) end, low = 0, high = 100 },
  { "jpeg", function(images, level) return cs.perturb.jpeg(images, level) end, low = 1, high = 100 },
}

-- Of some images: which are right, and by layer how much of their edges and of the picture itself comes back; the last layer's first four views.
local function come_back(net, images, layers, rule)
  local out, shown = { { "network", "accuracy", {} } }, nil
  for _, layer in ipairs(layers) do
    out[#out + 1], out[#out + 2] = { layer.name, "edges kept", {} }, { layer.name, "likeness to the picture", {} }
  end
  looking.batches(images, 16, function(some, first)
    local trace <close> = looking.must(net:trace(some))
    local picture, targets = net:unwhiten(trace:input()), {}
    table.insert(out[1][3], looking.correct(trace:scores(), some:labels()))
    for k = 0, some.count - 1 do targets[k + 1] = { image = k } end
    for i, layer in ipairs(layers) do
      local view = looking.must(cs.project(trace, layer.index, { targets = targets, rule = rule }))
      table.insert(out[2 * i][3], cs.measure.edges(view, picture))
      table.insert(out[2 * i + 1][3], cs.measure.correlation(view, picture))
      if first == 0 and i == #layers then shown = view:slice(0, math.min(4, some.count)) end
    end
  end)
  for _, one in ipairs(out) do one[3] = cs.concat(one[3]) end
  return out, shown
end

-- Figure 6: pictures that are noisy or blurred by nature against clean ones.
local function nature(job, net, data, layers, opt, result)
  local images = looking.test_images(data, opt.scanned, opt.seed)
  local groups, pictures, views, clean = quality.by_nature(job, images, opt.natural), {}, {}, nil
  if #groups[1][2] < 8 then return result:note(("noisy and blurred pictures: too few among %d images"):format(images.count)) end
  for _, group in ipairs(groups) do
    local name, some = group[1], images:choose(group[2])
    job:progress(nil, ("pictures that are %s by nature"):format(name))
    local found, shown = come_back(net, some, layers, opt.rule)
    clean = clean or found
    pictures[#pictures + 1], views[#views + 1] = some:images(0, 4):pixels(), shown
    result:note(("%d pictures %s by nature: noise level %.1f of 255, sharpness %.3f (medians)"):format(#group[2], name, group[3], group[4]))
    for k, one in ipairs(found) do
      local mean, low, high = looking.must(cs.statistics.bootstrap(one[3], { seed = opt.seed }))
      result:add("by nature: " .. name, 0, one[1], one[2], mean, low, high)
      if name ~= "clean" then
        local p = looking.must(cs.statistics.mann_whitney(one[3], clean[k][3]))
        result:note(("%s, %s of %s pictures: %.3f [%.3f, %.3f], of clean ones %.3f, p = %.2g (Mann-Whitney)"):format(one[1], one[2], name, mean, low, high,
          clean[k][3]:mean(), p))
      end
    end
  end
  result:picture("clean, noisy and blurred pictures, a row each", cs.mosaic(cs.concat(pictures), { columns = 4, photo = true, zoom = 2 }))
  result:mosaic("their reconstructions", cs.concat(views), 4)
end

return {
  title = "how noise, blur and JPEG hurt accuracy, activations and reconstructions",
  options = { images = 128, projected = 48, scanned = 2000, natural = 64, gaussian = "0.05,0.1,0.2,0.4", salt_pepper = "0.02,0.05,0.1,0.2", blur = "0.5,1,2,4", jpeg = "75,40,15,5",
    layers = "all", rule = "deconvnet", seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local found, conditions = looking.gathering(opt.seed), { { "none", 0, function(some) return some end } }
    for _, kind in ipairs(kinds) do
      for _, level in ipairs(looking.numbers(opt[kind[1]], kind[1], kind.low, kind.high)) do conditions[#conditions + 1] = { kind[1], level, kind[2] } end
    end
    local shown = {}
    looking.batches(images, 16, function(some, first)
      local clean <close> = looking.must(net:trace(some))
      local project = first < opt.projected
      local ideal = {}
      for c, condition in ipairs(conditions) do
        local kind, level = condition[1], condition[2]
        job:progress((first + some.count * (c - 1) / #conditions) / images.count, ("%s %g"):format(kind, level))
        local spoiled = condition[3](some, level, opt.seed)
        local trace <close> = looking.must(net:trace(spoiled))
        local right = looking.correct(trace:scores(), some:labels())
        found:add({ kind, level, "network", "accuracy" }, right)
        for i, layer in ipairs(layers) do
          if kind ~= "none" then
            found:add({ kind, level, layer.name, "activation drift" }, looking.drift(clean:output(layer.index), trace:output(layer.index)))
          end
          if project then
            local targets = {}
            for k = 0, some.count - 1 do targets[k + 1] = { image = k } end
            local view = looking.must(cs.project(trace, layer.index, { targets = targets, rule = opt.rule }))
            if kind == "none" then
              ideal[i] = view
            else
              found:add({ kind, level, layer.name, "reconstruction similarity" }, cs.measure.correlation(view, ideal[i]))
            end
            if first == 0 and i == #layers and (kind == "none" or kind == "gaussian") then shown[#shown + 1] = view:slice(0, math.min(8, some.count)) end
          end
        end
      end
    end)

    local result = cs.result { "kind", "level", "layer", "measure", "mean", "low", "high" }
    local plots = {}
    found:each(function(key, mean, low, high)
      if key[3] == "network" then
        result:note(("accuracy under %s %g: %.3f [%.3f, %.3f]"):format(key[1], key[2], mean, low, high))
      end
      result:add(key[1], key[2], key[3], key[4], mean, low, high)
      plots[key[4]] = plots[key[4]] or { looking.series() }
      local step = 0
      if key[1] ~= "none" then
        for i, level in ipairs(looking.numbers(opt[key[1]], key[1])) do if level == key[2] then step = i end end
        plots[key[4]][2](key[3] == "network" and key[1] or key[1] .. ", " .. key[3], step, mean, low, high)
      end
    end)
    for _, name in ipairs { "accuracy", "activation drift", "reconstruction similarity" } do
      if plots[name] then
        result:plot(name, cs.plot { title = name, x_label = "step of the level, from mild to severe", y_label = name, series = plots[name][1], zero = true })
      end
    end
    if #shown > 0 then result:mosaic("reconstructions under gaussian noise", cs.concat(shown), shown[1].shape[1]) end
    nature(job, net, data, layers, opt, result)
    return result
  end,
}
