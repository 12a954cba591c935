--- Probes: how deep is deep enough? A linear classifier is fitted on the outputs of every layer (Alain & Bengio 2016); where its accuracy no longer
-- rises, depth brings nothing that a straight line could not find.
--
-- Each map is averaged over grid x grid fields, so that layers are compared by what they tell, not by how many numbers they have. A probe is softmax regression
-- with weight decay, the decay chosen on a fifth of the fitted images; accuracies are those of test images that no probe saw, with
-- bootstrap intervals; a layer is compared with the best one picture by picture (paired permutation test).
local cs = require "convscope"
local looking = require "convscope.looking"

-- Outputs of each of the layers (and the pixels themselves) over images: [images,numbers] tensors.
local function features(job, net, layers, images, grid, text)
  local parts, pools = {}, {}
  local function pooled(k, map, shape)
    if #shape == 3 then
      local window = { math.max(1, shape[1] // grid), math.max(1, shape[2] // grid) }
      pools[k] = pools[k] or looking.must(cs.network { input = shape, cs.avgpool { window }, cs.flatten {} })
      map = pools[k]:predict(map, { output = "output" })
    end
    parts[k] = parts[k] or {}
    table.insert(parts[k], map:copy())
  end
  job:progress(0, text, 1)
  looking.batches(images, 32, function(some)
    local trace <close> = looking.must(net:trace(some))
    pooled(1, trace:input(), net.input)
    for i, layer in ipairs(layers) do pooled(i + 1, trace:output(layer.index), layer.output) end
  end)
  local out = {}
  for k in ipairs(parts) do out[k] = cs.concat(parts[k]) end
  return out
end

local function probabilities(x, weights, bias)
  local scores = x:dot(weights) + bias
  local e = (scores - scores:max()):clamp(-80, 0):exp()
  return e / e:sum(1):reshape { -1, 1 }:dot(cs.tensor({ 1, e.shape[2] }, 1))
end

-- Nesterov's accelerated descent on softmax regression, by a step that the largest curvature allows.
local function fit(x, targets, decay, steps)
  local n, d, classes = x.shape[1], x.shape[2], targets.shape[2]
  local xt, v = x:transpose(), cs.random(1):normal(0, 1, { d, 1 })
  for _ = 1, 12 do v = xt:dot(x:dot(v)) v = v / v:norm() end
  local rate = 1 / (0.5 * x:dot(v):norm() ^ 2 / n + decay)
  local weights, bias = cs.tensor({ d, classes }, 0), cs.tensor({ classes }, 0)
  local ahead, before = weights, weights
  for step = 1, steps do
    local wrong = probabilities(x, ahead, bias) - targets
    local following = ahead - (xt:dot(wrong) / n + ahead * decay) * rate
    bias = bias - wrong:mean(0) * math.min(1, rate)
    ahead = following + (following - before) * ((step - 1) / (step + 2))
    before, weights = following, following
  end
  return weights, bias
end

local function right(x, weights, bias, labels) return looking.correct(x:dot(weights) + bias, labels) end

local function one_hot(labels, classes)
  local out = cs.tensor({ #labels, classes }, 0)
  for i, class in ipairs(labels) do out[{ i - 1, class }] = 1 end
  return out
end

return {
  title = "linear probes on every layer: how deep is deep enough",
  options = { images = 4000, test = 1000, grid = 2, steps = 150, decays = "0.0003,0.003,0.03", layers = "all", seed = 0 },

  run = function(job, net, data, opt)
    local layers = looking.layers(net, opt.layers)
    if opt.layers == "all" then
      for _, layer in ipairs(net.layers) do
        if layer.type == "dense" and layer.index < #net.layers - 1 then layers[#layers + 1] = layer end
      end
    end
    if data.train.count < 10 then looking.fail("not_found", "the data set %s has no training images to fit probes on", data.spec) end
    local fitted, tested = data.train:sample(opt.images, opt.seed), looking.test_images(data, opt.test, opt.seed)
    local labels, truth = fitted:labels(), tested:labels()
    job:part(0, 0.3)
    local train = features(job, net, layers, fitted, opt.grid, "training images")
    job:part(0.3, 0.5)
    local test = features(job, net, layers, tested, opt.grid, "test images")
    job:part(0.5, 1)
    local result = cs.result { "layer", "numbers", "fitted", "accuracy", "low", "high", "decay", "below the best, p" }
    local scores, names, fits = {}, { "pixels" }, {}
    for i, layer in ipairs(layers) do names[i + 1] = layer.name end
    local held = fitted.count // 5
    for k, x in ipairs(train) do
      job:progress((k - 1) / #train, "probe on " .. names[k])
      local mean, deviation = x:mean(0), x:std(0)
      for d = 0, deviation.count - 1 do deviation[d] = deviation[d] > 1e-8 and deviation[d] or 1 end
      x = (x - mean) / deviation * (1 / math.sqrt(x.shape[2]))
      local y = (test[k] - mean) / deviation * (1 / math.sqrt(x.shape[2]))
      local targets, best = one_hot(labels, data.classes), nil
      for _, decay in ipairs(looking.numbers(opt.decays, "decays", 0, 1e6)) do
        local w, b = fit(x:slice(held, fitted.count - held), targets:slice(held, fitted.count - held), decay / x.shape[2], opt.steps)
        local accuracy = right(x:slice(0, held), w, b, table.move(labels, 1, held, 1, {})):mean()
        if not best or accuracy > best.accuracy then best = { accuracy = accuracy, decay = decay } end
      end
      local w, b = fit(x, targets, best.decay / x.shape[2], opt.steps)
      scores[k], fits[k] = right(y, w, b, truth), { numbers = x.shape[2], fitted = right(x, w, b, labels):mean(), decay = best.decay }
    end
    local best = 1
    for k = 2, #scores do if scores[k]:mean() > scores[best]:mean() then best = k end end
    local list, enough = {}, nil
    local series, point = looking.series()
    for k, values in ipairs(scores) do
      local mean, low, high = looking.must(cs.statistics.bootstrap(values, { seed = opt.seed }))
      local p = 1
      if k ~= best then _, _, p = looking.must(cs.statistics.paired(scores[best] - values, { seed = opt.seed })) end
      result:add(names[k], fits[k].numbers, fits[k].fitted, mean, low, high, fits[k].decay, p)
      point("linear probe", k - 1, mean, low, high)
      if not enough and (k == best or p >= 0.05) then enough = k end
      list[k] = ("%s %.3f"):format(names[k], mean)
    end
    local own, low, high = looking.must(cs.statistics.bootstrap(looking.correct(net:predict(tested), truth), { seed = opt.seed }))
    if net.classes == data.classes then result:add("network", net.parameters, 0 / 0, own, low, high, 0 / 0, 0 / 0) end
    result:note(("accuracy of linear probes (fitted on %d training images of %d classes, tested on %d others): "):format(fitted.count, data.classes, tested.count)
      .. table.concat(list, ", ") .. (net.classes == data.classes and (", the network itself %.3f"):format(own) or ""))
    result:verdict(enough == #names and ("deep enough: none before %s, the last, which is better than all of them (%d images)"):format(names[enough], tested.count)
      or ("deep enough: %s; no later layer is told apart from it by these %d images"):format(names[enough], tested.count))
    return result:plot("accuracy", cs.plot { title = "linear probes: accuracy by layer", x_label = "layer (0: the pixels)", y_label = "accuracy", series = series })
  end,
}
