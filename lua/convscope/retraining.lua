-- retraining.lua: a network without one of its layers, and with it for comparison, trained briefly: what the layer is worth.
local cs = require "convscope"
local looking = require "convscope.looking"

local retraining = {}

-- The specifications of the network's layers with those from `first` to `last` and without them, and which must begin anew (by name, the same of both, so
-- that one can be compared with the other): those left out, those whose parameters no longer fit, batch norms right behind them, and dense layers (kept, they would
-- tell a layer that begins anew what it has to become, and so the control alone). nil, message where
-- the rest is no network.
function retraining.layers(net, first, last)
  local with, without, fresh, layers = {}, {}, {}, net.layers
  for i, layer in ipairs(layers) do
    with[i] = layer.spec
    if i - 1 < first or i - 1 > last then without[#without + 1] = layer.spec else fresh[layer.name] = true end
  end
  local rest, message = cs.network { input = net.input, layers = without }
  if not rest then return nil, message end
  for i = last + 2, #layers do
    local layer, before = layers[i], layers[i - 1]
    for _, name in ipairs(layer.weights) do
      local had, has = net:weights(layer.index, name), rest:weights(layer.name, name)
      if table.concat(had.shape, "x") ~= table.concat(has.shape, "x") then fresh[layer.name] = true end
    end
    if layer.type == "dense" or layer.type == "batchnorm" and fresh[before.name] then fresh[layer.name] = true end
  end
  return { control = with, without = without }, fresh
end

-- How many steps a retraining takes: the epochs, or `steps` where those are fewer (0: the epochs whatever they take).
function retraining.steps(data, opt)
  local whole = opt.epochs * math.ceil(data.train.count / 32)
  return opt.steps > 0 and math.min(opt.steps, whole) or whole, whole
end

-- Those layers with the network's parameters, the fresh ones new and the first `kept` of the network as they are, trained briefly and tested: 1 for each
-- image that is known, else 0; nil, message. `opt` has epochs, steps, rate and seed; `told(share)` hears how far it is. A retraining that is cut short keeps its rate, since a cosine would not come
-- to its end.
function retraining.tested(net, data, images, list, fresh, kept, opt, told)
  local new, message = net:rebuild(list, { seed = opt.seed + 1 })
  if not new then return nil, message end
  local blank = looking.must(cs.network { input = net.input, layers = list, seed = opt.seed + 1 })
  for _, layer in ipairs(new.layers) do
    for _, name in ipairs(fresh[layer.name] and layer.weights or {}) do new:set_weights(layer.index, name, blank:weights(layer.index, name)) end
    if layer.index < kept and #layer.weights > 0 then new:freeze(layer.index) end
  end
  local done, code
  local steps, whole = retraining.steps(data, opt)
  local taken = 0
  done, message, code = cs.train(new, data, { epochs = opt.epochs, batch = 32, seed = opt.seed, optimizer = cs.adam { rate = opt.rate },
    schedule = steps < whole and "constant" or "cosine", keep_preprocess = net.preprocess.known, patience = 0,
    on_batch = function(news)
      if news.phase ~= "training" then return true end
      taken = taken + 1
      told(taken / steps)
      return taken < steps or steps == whole
    end })
  if code == "cancelled" then looking.fail(code, "%s", message) end
  if not done then return nil, message end
  return looking.correct(new:predict(images), images:labels())
end

return retraining
