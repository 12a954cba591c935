-- retraining.lua: a network without one of its layers, and with it for comparison, trained briefly: what the layer is worth.
local cs = require "convscope"
local looking = require "convscope.looking"

local retraining = {}

-- The specifications of the network's layers, with or without (`removed`) those from `first` to `last`, and which of them must begin anew.
function retraining.layers(net, first, last, removed)
  local list, fresh = {}, {}
  for i, layer in ipairs(net.layers) do
    if not (removed and i - 1 >= first and i - 1 <= last) then list[#list + 1] = layer.spec end
  end
  local next_shape = net.layers[last + 1].output[3] ~= net.layers[first + 1].input[3]
  if not removed then
    for i = first, last do fresh[net.layers[i + 1].name] = true end
  end
  for i = last + 1, #net.layers - 1 do
    local layer = net.layers[i + 1]
    if layer.type == "dense" or (next_shape and #layer.weights > 0) then
      fresh[layer.name] = true
      next_shape = next_shape and layer.type == "batchnorm"
    end
  end
  return list, fresh
end

-- How many steps a retraining takes: the epochs, or `steps` where those are fewer (0: the epochs whatever they take).
function retraining.steps(data, opt)
  local whole = opt.epochs * math.ceil(data.train.count / 32)
  return opt.steps > 0 and math.min(opt.steps, whole) or whole, whole
end

-- Those layers with the network's parameters, the fresh ones new, trained briefly and tested: 1 for each image that is known, else 0; nil, message. `opt`
-- has epochs, steps, rate and seed; `told(share)` hears how far it is. A retraining that is cut short keeps its rate, since a cosine would not come
-- to its end.
function retraining.tested(net, data, images, list, fresh, opt, told)
  local new, message = net:rebuild(list, { seed = opt.seed + 1 })
  if not new then return nil, message end
  local blank = looking.must(cs.network { input = net.input, layers = list, seed = opt.seed + 1 })
  for _, layer in ipairs(new.layers) do
    for _, name in ipairs(fresh[layer.name] and layer.weights or {}) do new:set_weights(layer.index, name, blank:weights(layer.index, name)) end
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
