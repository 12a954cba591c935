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

-- The curves of what was measured, and the accuracies in words: add(kind, level, layer, measure, mean, low, high) for each, "none" first, then
-- finish(result). By level: accuracy, and likeness of the last layer's reconstructions, from 0, as it is. By layer: at the middle level of each kind.
local function drawing(layers, opt)
  local plots, order, words, number, clean = {}, {}, {}, {}, nil
  for i, layer in ipairs(layers) do number[layer.name] = i end
  local function point(name, y_label, x_label, ...)
    if not plots[name] then
      local series, add = looking.series()
      plots[name], order[#order + 1] = { series = series, add = add, x_label = x_label, y_label = y_label }, name
    end
    plots[name].add(...)
  end
  return {
    add = function(kind, level, layer, measure, mean, low, high)
      if kind == "none" then clean = { mean, low, high } return end
      local levels, step, by_level = looking.numbers(opt[kind], kind), 0, "level, from none to severe: as said in the notes"
      for i, one in ipairs(levels) do if one == level then step = i end end
      if measure == "accuracy" then
        if step == 1 then
          words[#words + 1] = { ("%s: accuracy %.3f as it is"):format(kind, clean[1]) }
          point("accuracy", measure, by_level, kind, 0, clean[1], clean[2], clean[3])
        end
        table.insert(words[#words], ("%.3f [%.3f, %.3f] at %g"):format(mean, low, high, level))
        return point("accuracy", measure, by_level, kind, step, mean, low, high)
      end
      if measure == "reconstruction similarity" and number[layer] == #layers then point("likeness by level", measure, by_level, kind, step, mean, low, high) end
      if step == (#levels + 1) // 2 then point(measure, measure, "convolution (from 1)", ("%s %g"):format(kind, level), number[layer], mean, low, high) end
    end,
    finish = function(result)
      for k, one in ipairs(words) do result[k == 1 and "verdict" or "note"](result, table.concat(one, ", ")) end
      for _, name in ipairs(order) do
        local one = plots[name]
        local title = name == "likeness by level" and "likeness of " .. layers[#layers].name .. "'s reconstructions to those of the picture as it is"
          or name == "accuracy" and name or name .. ", by layer"
        result:plot(name, cs.plot { title = title, x_label = one.x_label, y_label = one.y_label, series = one.series, zero = true })
      end
    end,
  }
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
    job:part(0, 0.8)
    looking.batches(images, 16, function(some, first)
      local clean <close> = looking.must(net:trace(some))
      local project = first < opt.projected
      local ideal = {}
      for c, condition in ipairs(conditions) do
        local kind, level = condition[1], condition[2]
        job:progress((first + some.count * (c - 1) / #conditions) / images.count, ("%s %g"):format(kind, level), (first + some.count * c / #conditions) / images.count)
        local spoiled = condition[3](some, level, opt.seed)
        local trace <close> = looking.must(net:trace(spoiled))
        local right = looking.correct(trace:scores(), some:labels())
        found:add({ kind, level, "network", "accuracy" }, right)
        for i, layer in ipairs(layers) do
          if kind ~= "none" then
            found:add({ kind, level, layer.name, "activation drift" }, looking.drift(clean:output(layer.index), trace:output(layer.index)))
          end
          if project then
            local view = looking.must(cs.project(trace, layer.index, { targets = looking.whole(some.count), rule = opt.rule }))
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

    local result, curves = cs.result { "kind", "level", "layer", "measure", "mean", "low", "high", "p" }, drawing(layers, opt)
    found:each(function(key, mean, low, high)
      result:add(key[1], key[2], key[3], key[4], mean, low, high, 0 / 0)
      curves.add(key[1], key[2], key[3], key[4], mean, low, high)
    end)
    curves.finish(result)
    if #shown > 0 then
      result:mosaic("gaussian reconstructions", cs.concat(shown), shown[1].shape[1],
        ("reconstructions from %s under Gaussian noise, a row a level: 0, %s"):format(layers[#layers].name, tostring(opt.gaussian):gsub(",", ", ")))
    end
    job:part(0.8, 1)
    quality.compare(job, net, data, layers, opt, result)
    return result
  end,
}
