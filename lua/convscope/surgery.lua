-- surgery.lua: networks made of the layers of other networks.
local cs = require "convscope"

local surgery = {}

-- The parameters that two layers of one name share, shape by shape, taken over.
local function take_over(net, from)
  for _, layer in ipairs(net.layers) do
    local old = from:layer(layer.name)
    for _, name in ipairs(old and layer.weights or {}) do
      local has = false
      for _, other in ipairs(old.weights) do has = has or other == name end
      local tensor = has and from:weights(old.index, name)
      local own = tensor and net:weights(layer.index, name)
      if own and table.concat(own.shape, "x") == table.concat(tensor.shape, "x") then net:set_weights(layer.index, name, tensor) end
    end
  end
  return net
end

--- net:rebuild(layers[, options])
-- A network of those layers (a list, as cs.network takes them; `spec` of net:layer() among them) that takes over the parameters of each layer of
-- the same name and shape, and the pre-processing. Options: `input` (the shape of one image; unless said, this network's), `name`, `seed` (0) of the
-- parameters that are new. nil, message, code when the layers do not fit together.
function surgery.rebuild(net, list, options)
  options = options or {}
  local spec = { input = options.input or net.input, name = options.name or net.name, seed = options.seed, layers = list }
  local out, message, code = cs.network(spec)
  if not out then return nil, message, code end
  if net.preprocess.known then
    if table.concat(out.input, "x") == table.concat(net.input, "x") then
      out:take_preprocess(net)
    else -- a whitening belongs to its shape, and to what a network's first layer sees
      local pre = net.preprocess
      out:set_preprocess { scale = pre.scale, mean = pre.mean, std = pre.std, bgr = pre.bgr }
    end
  end
  return take_over(out, net)
end

--- net:resize(height[, width])
-- The same network for pictures of another size (`width`: as high), with all its parameters. Convolutions and global pools do not mind; nil, message, code
-- where a layer's parameters belong to the size (a dense layer on a map that is not pooled to one value a channel), or the pictures were whitened.
function surgery.resize(net, height, width)
  local called = net.name ~= "" and net.name or "the network"
  if net.preprocess.whitening then
    return nil, ("%s takes whitened pictures, and a whitening belongs to their size, %dx%d"):format(called, net.input[1], net.input[2]), "unsupported"
  end
  local list = {}
  for i, layer in ipairs(net.layers) do list[i] = layer.spec end
  local out, message, code = surgery.rebuild(net, list, { input = { height, width or height, net.input[3] } })
  if not out then return nil, message, code end
  for i, layer in ipairs(net.layers) do
    for _, name in ipairs(layer.weights) do
      local had, has = net:weights(layer.index, name), out:weights(layer.index, name)
      local before, after = table.concat(had.shape, "x"), table.concat(has.shape, "x")
      if before ~= after then
        return nil, ("%s was trained for pictures of %dx%d: at %dx%d the %s of %s would be %s instead of %s; only behind a global pool is a dense layer free of the size")
          :format(called, net.input[1], net.input[2], height, width or height, name, layer.name, after, before), "unsupported"
      end
    end
    out:freeze(i - 1, layer.frozen or false)
  end
  return out
end

--- net:part(first, last)
-- The layers from `first` to `last` (names or numbers) as a network of its own, with their parameters: what comes after a layer can be run on
-- changed outputs of that layer (`first` is then the one behind it).
function surgery.part(net, first, last)
  local a, message, code = net:layer(first)
  if not a then return nil, message, code end
  local b
  b, message, code = net:layer(last)
  if not b then return nil, message, code end
  local list, layers = {}, net.layers
  for i = a.index, b.index do list[#list + 1] = layers[i + 1].spec end
  return surgery.rebuild(net, list, { input = a.input })
end

return surgery
