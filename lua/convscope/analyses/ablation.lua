--- Ablation: what the network loses without each feature, and without each layer.
--
-- Features: one at a time is silenced (zero, or with fill=mean its average over the images) where it leaves its layer, and the layers behind run again:
-- accuracy and loss against the whole network on the same pictures, paired (permutation test, q after Benjamini-Hochberg within a layer).
-- Layers: each convolution is taken out with the batch norm and activation that belong to it, and what is left is retrained briefly. Layers behind whose
-- kernels no longer fit begin anew; so as not to blame the layer for that, the control begins the same layers anew, and the removed one too, and is
-- trained for as long: `worth` is the control's accuracy less that without the layer.
local cs = require "convscope"
local looking = require "convscope.looking"
local retraining = require "convscope.retraining"

local function features(job, net, images, labels, layers, opt, result)
  local random, worst = cs.random(opt.seed), {}
  for number, layer in ipairs(layers) do
    local maps, tail = {}, looking.must(net:part(layer.index + 1, "last"))
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
      job:progress((number - 1 + k / #list) / #layers, ("%s without feature %d"):format(layer.name, f))
      local keep = cs.tensor({ layer.features }, 1)
      keep[f] = 0
      local changed = maps * keep
      if opt.fill == "mean" then changed = changed + (1 - keep) * mean end
      local scores = tail:predict(changed, { output = "scores" })
      local lost, _, chance = looking.must(cs.statistics.paired(looking.losses(scores, labels) - loss, { seed = opt.seed }))
      local accuracy, low, high = looking.must(cs.statistics.bootstrap(right - looking.correct(scores, labels), { seed = opt.seed }))
      rows[k], p[k] = { f, accuracy, low, high, lost }, chance
    end
    local q, needed = cs.statistics.fdr(p), 0
    for k, row in ipairs(rows) do
      result:add("feature", layer.name, row[1], row[2], row[3], row[4], row[5], q[k])
      if q[k] < 0.05 and row[5] > 0 then needed = needed + 1 end
      worst[#worst + 1] = { layer = layer.name, feature = row[1], lost = row[2], loss = row[5] }
    end
    table.sort(rows, function(a, b) return a[5] > b[5] end)
    local sorted = {}
    for k, row in ipairs(rows) do sorted[k] = row[5] end
    result:note(("%s: without %d of %d features the loss rises (FDR 5 %%); each of the others can go alone"):format(layer.name, needed, #list))
    result:plot("features of " .. layer.name, cs.plot { title = layer.name .. ": loss added without each feature, largest first", x_label = "features",
      y_label = "loss added", zero = true, series = { { y = sorted } } })
  end
  table.sort(worst, function(a, b) return a.loss > b.loss end)
  for k = 1, math.min(5, #worst) do
    local one = worst[k]
    result[k == 1 and "verdict" or "note"](result, ("the network leans most on %s feature %d: %.1f points of accuracy and %.3f of loss without it"):format(one.layer, one.feature, 100 * one.lost, one.loss))
  end
end

local function layers_out(job, net, data, images, layers, opt, result)
  for number, layer in ipairs(layers) do
    local convolution, scores = looking.convolution(net, layer), {}
    for _, what in ipairs { "control", "without" } do
      local function told(share)
        job:progress((number - 1 + (what == "control" and 0 or 0.5) + 0.5 * share) / #layers,
          ("%s: retraining the network (%s)"):format(convolution.name, what))
      end
      told(0)
      local list, fresh = retraining.layers(net, convolution.index, layer.index, what == "without")
      local message
      scores[what], message = retraining.tested(net, data, images, list, fresh, opt, told)
      if not scores[what] then
        result:note(("%s cannot be left out: %s"):format(convolution.name, message))
        break
      end
    end
    if scores.without then
      local mean, low, high = looking.must(cs.statistics.bootstrap(scores.control - scores.without, { seed = opt.seed }))
      local _, _, p = looking.must(cs.statistics.paired(scores.control - scores.without, { seed = opt.seed }))
      result:add("layer", convolution.name, -1, mean, low, high, 0 / 0, p)
      result:note(("%s is worth %.1f points of accuracy [%.1f, %.1f]: %.1f %% without it, %.1f %% with it begun anew, after %d steps of retraining"):format(
        convolution.name, 100 * mean, 100 * low, 100 * high, 100 * scores.without:mean(), 100 * scores.control:mean(), (retraining.steps(data, opt))))
    end
  end
end

return {
  title = "what is lost without each feature, and without each layer (retrained briefly)",
  options = { images = 300, layers = "all", features = 64, fill = "zero", epochs = 2, steps = 300, rate = 0.001, seed = 0 },
  least = { features = 0, epochs = 0, steps = 0 },

  run = function(job, net, data, opt)
    if opt.fill ~= "zero" and opt.fill ~= "mean" then looking.fail("argument", "option 'fill' is '%s'; expected zero or mean", opt.fill) end
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local result = cs.result { "what", "layer", "feature", "accuracy lost", "low", "high", "loss added", "q" }
    features(job, net, images, images:labels(), layers, opt, result)
    if opt.epochs > 0 then
      if net.classes ~= data.classes then looking.fail("shape", "%s tells %d classes apart and the network %d: it cannot be retrained on it", data.spec,
        data.classes, net.classes) end
      layers_out(job, net, data, images, layers, opt, result)
    end
    return result
  end,
}
