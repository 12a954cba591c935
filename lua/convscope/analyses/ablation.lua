--- Ablation: what the network loses without each feature, and without each layer.
--
-- Features: one at a time is silenced (zero, or with fill=mean its average over the images) where it leaves its layer, and the layers behind run again:
-- accuracy and loss against the whole network on the same pictures, paired (permutation test, q after Benjamini-Hochberg within a layer).
-- Layers: each convolution is taken out with the batch norm and activation that belong to it, and what is behind is retrained briefly; the layers before
-- stay as they are. Layers behind whose kernels no longer fit begin anew; so as not to blame the layer for that, the control begins the same layers
-- anew, and the removed one too, and is trained for as long: `worth` is the control's accuracy less that without the layer. It is what the layer
-- brings within so few steps, not after a whole training.
local cs = require "convscope"
local looking = require "convscope.looking"
local retraining = require "convscope.retraining"

local function features(job, net, images, labels, layers, opt, result)
  local random, worst = cs.random(opt.seed), {}
  for number, layer in ipairs(layers) do
    local maps, tail = {}, looking.must(net:part(layer.index + 1, "last"))
    job:progress((number - 1) / #layers, layer.name .. ": its maps", (number - 0.9) / #layers)
    looking.batches(images, 32, function(some) maps[#maps + 1] = net:predict(some, { layer = layer.index }) end)
    maps = cs.concat(maps)
    local whole = tail:predict(maps, { output = "scores" })
    local right, loss, list = looking.correct(whole, labels), looking.losses(whole, labels), {}
    for f = 0, layer.features - 1 do list[f + 1] = f end
    if opt.features > 0 and opt.features < #list then
      list = table.move(random:shuffle(list), 1, opt.features, 1, {})
      table.sort(list)
      result:note(("%s: %d of %d features, chosen at random (features=0: all)"):format(layer.name, #list, layer.features))
    end
    local mean, rows, p = maps, {}, {}
    while mean.rank > 1 do mean = mean:mean(0) end
    for k, f in ipairs(list) do
      job:progress((number - 0.9 + 0.9 * (k - 1) / #list) / #layers, ("%s without feature %d"):format(layer.name, f))
      local keep = cs.tensor({ layer.features }, 1)
      keep[f] = 0
      local changed = maps * keep
      if opt.fill == "mean" then changed = changed + (1 - keep) * mean end
      local scores = tail:predict(changed, { output = "scores" })
      local more = looking.losses(scores, labels) - loss
      local lost, _, chance = looking.must(cs.statistics.paired(more, { seed = opt.seed }))
      local _, least, most = looking.must(cs.statistics.bootstrap(more, { seed = opt.seed }))
      local accuracy, low, high = looking.must(cs.statistics.bootstrap(right - looking.correct(scores, labels), { seed = opt.seed }))
      rows[k], p[k] = { f, accuracy, low, high, lost, least, most }, chance
    end
    local q, needed = cs.statistics.fdr(p), 0
    for k, row in ipairs(rows) do
      result:add("feature", layer.name, row[1], row[2], row[3], row[4], row[5], row[6], row[7], q[k])
      if q[k] < 0.05 and row[5] > 0 then needed = needed + 1 end
      worst[#worst + 1] = { layer = layer.name, row = row }
    end
    table.sort(rows, function(a, b) return a[5] > b[5] end)
    local series, point = looking.series()
    for k, row in ipairs(rows) do point("loss added", k, row[5], row[6], row[7]) end
    result:note(("%s: without %d of %d features the loss on %d images rises (FDR 5 %%)%s"):format(layer.name, needed, #list, images.count,
      needed < #list and "; of the others these images show no need" or ""))
    result:plot("features of " .. layer.name, cs.plot { title = layer.name .. ": loss added without each feature, largest first", x_label = "features, by rank",
      y_label = "loss added", zero = true, series = series })
  end
  table.sort(worst, function(a, b) return a.row[5] > b.row[5] end)
  for k = 1, math.min(5, #worst) do
    local one, row = worst[k], worst[k].row
    result[k == 1 and "verdict" or "note"](result, ("%s %s feature %d: %.1f points of accuracy [%.1f, %.1f] and %.3f of loss [%.3f, %.3f] without it"):format(
      k == 1 and "of the features tried the network leans most on" or "then on", one.layer, row[1], 100 * row[2], 100 * row[3], 100 * row[4], row[5], row[6], row[7]))
  end
end

local function layers_out(job, net, data, images, layers, opt, result)
  local worth, steps = {}, retraining.steps(data, opt)
  result:note(("layers are left out one at a time; what is behind is retrained for %d steps, %d of %d training images, and tested on %d images"):format(steps,
    math.min(32 * steps, data.train.count), data.train.count, images.count))
  for number, layer in ipairs(layers) do
    local convolution, scores, last = looking.convolution(net, layer), {}, layer.index
    while net.layers[last + 2] and net.layers[last + 2].type == "batchnorm" do last = last + 1 end
    local lists, fresh = retraining.layers(net, convolution.index, last)
    for k, what in ipairs { "control", "without" } do
      local function told(share)
        job:progress((number - 1 + (k - 1 + share) / 2) / #layers, ("%s: retraining (%s)"):format(convolution.name, what))
      end
      told(0)
      local message = not lists and fresh
      if lists then scores[what], message = retraining.tested(net, data, images, lists[what], fresh, convolution.index, opt, told) end
      if not scores[what] then
        result:note(("%s cannot be left out: %s"):format(convolution.name, message))
        break
      end
    end
    if scores.without then
      local mean, low, high = looking.must(cs.statistics.bootstrap(scores.control - scores.without, { seed = opt.seed }))
      local _, _, p = looking.must(cs.statistics.paired(scores.control - scores.without, { seed = opt.seed }))
      result:add("layer", convolution.name, -1, mean, low, high, 0 / 0, 0 / 0, 0 / 0, p)
      worth[#worth + 1] = { name = convolution.name, mean = mean, low = low, high = high }
      result:note(("%s is worth %.1f points of accuracy [%.1f, %.1f]: %.1f %% without it, %.1f %% with it begun anew"):format(convolution.name, 100 * mean, 100 * low,
        100 * high, 100 * scores.without:mean(), 100 * scores.control:mean()))
    end
  end
  if #worth == 0 then return end
  local series, most, names = { { kind = "bars", y = {}, low = {}, high = {} } }, nil, {}
  for k, one in ipairs(worth) do
    names[k], series[1].y[k], series[1].low[k], series[1].high[k] = one.name, one.mean, one.low, one.high
    if not most or one.mean > most.mean then most = one end
  end
  result:verdict(most.low > 0 and ("the layer worth most, retrained briefly without it: %s, %.1f points of accuracy [%.1f, %.1f]"):format(most.name, 100 * most.mean,
    100 * most.low, 100 * most.high) or ("retrained briefly without it, no layer is told apart from one begun anew (%d images)"):format(images.count))
  result:plot("layers", cs.plot { title = "accuracy that each layer is worth, retrained briefly", y_label = "accuracy lost without it", categories = names,
    series = series, zero = true })
end

return {
  title = "what is lost without each feature, and without each layer (retrained briefly)",
  options = { images = 300, layers = "all", features = 32, fill = "zero", epochs = 2, steps = 150, rate = 0.001, seed = 0 },
  least = { features = 0, epochs = 0, steps = 0 },

  run = function(job, net, data, opt)
    if opt.fill ~= "zero" and opt.fill ~= "mean" then looking.fail("argument", "option 'fill' is '%s'; expected zero or mean", opt.fill) end
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local result = cs.result { "what", "layer", "feature", "accuracy lost", "low", "high", "loss added", "loss low", "loss high", "q" }
    if opt.epochs > 0 then job:part(0, 0.4) end
    features(job, net, images, images:labels(), layers, opt, result)
    if opt.epochs > 0 then
      if net.classes ~= data.classes then looking.fail("shape", "%s tells %d classes apart and the network %d: it cannot be retrained on it", data.spec,
        data.classes, net.classes) end
      job:part(0.4, 1)
      layers_out(job, net, data, images, layers, opt, result)
    end
    return result
  end,
}
