-- averaging.lua: the mean of what several networks of one shape have learnt.
local cs = require "convscope"

local averaging = {}

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- What keeps the numbers of two networks from being averaged, in words; nil: nothing does. How they are trained (the rate of a dropout layer) does not matter.
local function difference(a, b)
  if #a.layers ~= #b.layers then return ("it has %d layers, not %d"):format(#b.layers, #a.layers) end
  for i, layer in ipairs(a.layers) do
    local other = b.layers[i]
    if layer.type ~= other.type then return ("its layer %s is of type %s, not %s as %s"):format(other.name, other.type, layer.type, layer.name) end
    if not same(layer.output, other.output) or not same(layer.weights, other.weights) then return ("its layer %s has another shape than %s"):format(other.name, layer.name) end
    for _, key in ipairs { "kernel", "window", "stride", "padding", "activation", "alpha", "epsilon" } do
      if not same(layer.spec[key], other.spec[key]) then return ("its layer %s has another %s than %s"):format(other.name, key, layer.name) end
    end
  end
  if not same(a.preprocess, b.preprocess) then return "it normalises its pixels in another way" end
end

--- net:average(others)
-- A network of the same layers whose weights are the mean of this one's and of those of others, a list of networks: what trainings that began with the same
-- weights have found, in one network that costs no more than one of them and is often better than each (Wortsman et al. 2022, "Model soups"). Where they
-- did not begin with the same weights their features stand in other places and the mean is worth nothing. Pre-processing, class names and the layers'
-- settings are this network's. nil, message, code and which of the others, where that one has other layers or normalises its pixels in another way.
function averaging.average(net, others)
  for i, other in ipairs(others) do
    local why = difference(net, other)
    if why then return nil, ("network %d cannot be averaged with this one: %s"):format(i, why), "argument", i end
  end
  local specs = {}
  for i, layer in ipairs(net.layers) do specs[i] = layer.spec end
  local out, message, code = net:rebuild(specs)
  if not out then return nil, message, code end
  for i, layer in ipairs(net.layers) do
    for _, name in ipairs(layer.weights) do
      local sum = net:weights(i - 1, name)
      for _, other in ipairs(others) do sum = sum + other:weights(i - 1, name) end
      out:set_weights(i - 1, name, sum / (1 + #others))
    end
    out:freeze(i - 1, layer.frozen or false)
  end
  if net.class_names then out:set_classes(net.class_names, net.class_ids) end
  if net.dataset then out:set_dataset(net.dataset) end
  return out
end

return averaging
