-- folding.lua: batch normalisations taken out of a trained network, their numbers put into the layers beside them.
local cs = require "convscope"

local folding = {}

-- gamma / sqrt(variance + epsilon) and beta - mean * that, as vectors: in inference the layer is x * scale + shift.
local function affine(net, norm)
  local has = {}
  for _, name in ipairs(norm.weights) do has[name] = true end
  local scale = 1 / (net:weights(norm.index, "moving_variance") + norm.spec.epsilon):sqrt()
  if has.gamma then scale = scale * net:weights(norm.index, "gamma") end
  local shift = -(net:weights(norm.index, "moving_mean") * scale)
  if has.beta then shift = shift + net:weights(norm.index, "beta") end
  return scale, shift
end

local function weighted(layer) return layer and (layer.type == "conv" or layer.type == "dense") end

-- The layer that a norm's numbers can go into, and "behind" it or "before" it: the norm follows a linear one directly, or all that it gives out goes
-- into one that pads nothing (a border of zeros would be one of other numbers after the change). Dropout does nothing in inference.
local function partner(layers, at, gone)
  local i = at - 1
  while layers[i] and (layers[i].type == "dropout" or layers[i].type == "batchnorm" and gone[i]) do i = i - 1 end
  if weighted(layers[i]) and (layers[i].spec.activation or "linear") == "linear" then return layers[i], "behind" end
  i = at + 1
  while layers[i] and (layers[i].type == "dropout" or layers[i].type == "flatten") do i = i + 1 end
  local next_one = layers[i]
  if weighted(next_one) and (next_one.type == "dense" or next_one.spec.padding ~= "same") then return next_one, "before" end
end

-- A norm behind a layer: its outputs scaled and shifted.
local function fold_behind(kernel, bias, scale, shift)
  return kernel * scale, bias * scale + shift
end

-- A norm before a layer: its inputs scaled and shifted. Of a dense layer behind a flattened map the inputs are all positions of each channel.
local function fold_before(kernel, bias, scale, shift)
  local outputs, inputs = kernel.shape[#kernel.shape], kernel.shape[#kernel.shape - 1]
  local channels = scale.count
  if inputs ~= channels then
    scale = scale + cs.tensor({ inputs // channels, channels }, 0)
    shift = shift + cs.tensor({ inputs // channels, channels }, 0)
  end
  local each = scale:reshape { inputs, 1 }:dot(cs.tensor({ 1, outputs }, 1))
  local taps = kernel:reshape { -1, inputs, outputs }:sum(0)
  return kernel * each, bias + shift:reshape { 1, inputs }:dot(taps):reshape { outputs }
end

--- net:fold()
-- The same network without its batch normalisations, as far as what they do in inference (moving statistics) can be done by the layers beside them: behind
-- a linear convolution or dense layer that one's kernel and bias are scaled, and an activation that follows becomes its own; before one that pads nothing
-- (dropout and flattening between them do not matter) the next one's. Predictions, activations of the layers that stay and projections through them are the
-- same but for rounding; training goes on differently. Pre-processing and class names stay. Returns the network, how many norms went and how many stayed. nil, message, code when the
-- network cannot be built.
function folding.fold(net)
  local layers = net.layers
  local gone, change, stayed = {}, {}, 0
  local function changed(layer)
    if not change[layer.index] then
      local kernel = net:weights(layer.index, "kernel")
      local spec = {}
      for key, value in pairs(layer.spec) do spec[key] = value end
      local bias = spec.bias ~= false and net:weights(layer.index, "bias") or cs.tensor({ kernel.shape[#kernel.shape] }, 0)
      spec.bias = true
      change[layer.index] = { kernel = kernel, bias = bias, spec = spec }
    end
    return change[layer.index]
  end
  for i, layer in ipairs(layers) do
    if layer.type == "batchnorm" then
      local into, side = partner(layers, i, gone)
      if into then
        local new = changed(into)
        local fold = side == "behind" and fold_behind or fold_before
        new.kernel, new.bias = fold(new.kernel, new.bias, affine(net, layer))
        gone[i] = true
        local activation = layers[i + 1]
        if side == "behind" and activation and activation.type == "activation" then
          new.spec.activation, new.spec.alpha = activation.spec.activation, activation.spec.alpha
          gone[i + 1] = true
        end
      else
        stayed = stayed + 1
      end
    end
  end
  local list = {}
  for i, layer in ipairs(layers) do
    if not gone[i] then list[#list + 1] = change[i - 1] and change[i - 1].spec or layer.spec end
  end
  local out, message, code = net:rebuild(list)
  if not out then return nil, message, code end
  local went = 0
  for i, layer in ipairs(layers) do
    if layer.type == "batchnorm" and gone[i] then went = went + 1 end
    local new = change[i - 1]
    if new then
      out:set_weights(layer.name, "kernel", new.kernel)
      out:set_weights(layer.name, "bias", new.bias)
    end
    if not gone[i] then out:freeze(layer.name, layer.frozen or false) end
  end
  if net.class_names then out:set_classes(net.class_names, net.class_ids) end
  if net.dataset then out:set_dataset(net.dataset) end
  return out, went, stayed
end

return folding
