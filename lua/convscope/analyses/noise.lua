--- Noise: how accuracy, activations and reconstructions suffer from noise, blur and JPEG, by layer, and whether naturally noisy or
-- blurred pictures of the data set suffer too (the paper's Figure 6, over a data set).
local cs = require "convscope"
local looking = require "convscope.looking"

local kinds = {
  { "gaussian", function(images, level, seed) return cs.perturb.gaussian(images, level, seed) end },
  { "salt_pepper", function(images, level, seed) return cs.perturb.salt_pepper(images, level, seed) end },
  { "blur", function(images, level) return cs.perturb.blur(images, level) end },
  { "jpeg", function(images, level) return cs.perturb.jpeg(images, level) end },
}

-- How noisy and how sharp a picture is: the power of its highest frequencies, and their share above 0.2 cycles a pixel.
local function quality(images)
  local floor, sharp = {}, {}
  looking.batches(images, 32, function(some)
    local rings = cs.measure.radial(cs.measure.power(cs.measure.luminance(some:pixels())), 20)
    floor[#floor + 1] = rings:slice(18, 2, 1):mean(1)
    sharp[#sharp + 1] = rings:slice(8, 12, 1):sum(1) / rings:sum(1)
  end)
  return cs.concat(floor), cs.concat(sharp)
end

-- The worst quarter against the best one: of `by`, high values are bad when `high`.
local function quarters(by, high)
  local order, list = {}, by:tolist()
  for i = 1, #list do order[i] = i end
  table.sort(order, function(a, b)
    if list[a] ~= list[b] then return (list[a] > list[b]) == high end
    return a < b
  end)
  local n = #order // 4
  return table.move(order, 1, n, 1, {}), table.move(order, #order - n + 1, #order, 1, {})
end

local function pick(values, order)
  local list, out = values:tolist(), {}
  for i, k in ipairs(order) do out[i] = list[k] end
  return out
end

return {
  title = "how noise, blur and JPEG hurt accuracy, activations and reconstructions",
  options = { images = 128, projected = 48, gaussian = "0.05,0.1,0.2,0.4", salt_pepper = "0.02,0.05,0.1,0.2", blur = "0.5,1,2,4", jpeg = "75,40,15,5",
    layers = "all", rule = "deconvnet", seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local found, conditions = looking.gathering(opt.seed), { { "none", 0, function(some) return some end } }
    for _, kind in ipairs(kinds) do
      for _, level in ipairs(looking.numbers(opt[kind[1]], kind[1])) do conditions[#conditions + 1] = { kind[1], level, kind[2] } end
    end
    local correct, alike, shown = {}, {}, {}
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
        if kind == "none" then correct[#correct + 1] = right end
        for i, layer in ipairs(layers) do
          if kind ~= "none" then
            found:add({ kind, level, layer.name, "activation drift" }, looking.drift(clean:output(layer.index), trace:output(layer.index)))
          end
          if project or kind == "none" then
            local targets = {}
            for k = 0, some.count - 1 do targets[k + 1] = { image = k } end
            local view = looking.must(cs.project(trace, layer.index, { targets = targets, rule = opt.rule }))
            if kind == "none" then
              ideal[i] = view
              alike[i] = alike[i] or {}
              table.insert(alike[i], cs.measure.edges(view, clean:input()))
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
    job:progress(nil, "natural noise and blur")
    local right, floor, sharp = cs.concat(correct), quality(images)
    for _, natural in ipairs { { "naturally noisy", floor, true }, { "naturally blurred", sharp, false } } do
      local worst, best = quarters(natural[2], natural[3])
      local measures = { { "network", "accuracy", right } }
      for i, layer in ipairs(layers) do measures[#measures + 1] = { layer.name, "edges kept", cs.concat(alike[i]) } end
      for _, m in ipairs(measures) do
        if #worst >= 8 then
          local a, b = pick(m[3], worst), pick(m[3], best)
          for _, part in ipairs { { "worst", a }, { "best", b } } do
            result:add(natural[1] .. ", " .. part[1] .. " quarter", 0, m[1], m[2], looking.must(cs.statistics.bootstrap(part[2], { seed = opt.seed })))
          end
          result:note(("%s pictures, %s, %s: worst quarter against best, p = %.3g (Mann-Whitney)"):format(natural[1], m[1], m[2],
            (looking.must(cs.statistics.mann_whitney(a, b)))))
        end
      end
    end
    for _, name in ipairs { "accuracy", "activation drift", "reconstruction similarity" } do
      if plots[name] then
        result:plot(name, cs.plot { title = name, x_label = "step of the level, from mild to severe", y_label = name, series = plots[name][1], zero = true })
      end
    end
    if #shown > 0 then result:mosaic("reconstructions under gaussian noise", cs.concat(shown), shown[1].shape[1]) end
    return result
  end,
}
