-- layers.lua: layers as a person writes them, `cs.conv { 512, 5, activation = "relu" }`, into the flat tables the engine reads.
local layers = { makers = {} }

-- What stands at the positions of each kind's table.
local positions = {
  conv = { "features", "kernel", "stride" },
  maxpool = { "window", "stride" },
  avgpool = { "window", "stride" },
  global_avgpool = {},
  global_maxpool = {},
  dense = { "features" },
  flatten = {},
  activation = { "activation" },
  dropout = { "rate" },
  batchnorm = {},
  zeropad = { "border" },
  rescale = { "factor", "offset" },
}

local function maker(kind, names)
  return function(spec)
    spec = spec or {}
    if type(spec) ~= "table" then
      error(("cs.%s: expected a table, as in cs.%s { ... }, not a %s"):format(kind, kind, type(spec)), 2)
    end
    local layer = { type = kind }
    for key, value in pairs(spec) do
      if type(key) == "number" then
        local name = names[key]
        if not name then
          error(("cs.%s takes %d values by position, this is number %s"):format(kind, #names, tostring(key)), 2)
        end
        key = name
      end
      layer[key] = value
    end
    return layer
  end
end

--- cs.conv { features, kernel[, stride], activation = "linear", padding = "valid", bias = true, init = "default", name = ... }
-- A convolution: how many feature maps, the kernel (5, or {rows, columns}), the stride (1). `padding` is "valid" or "same". `activation`:
-- "linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax", with `alpha` for the third and fourth. `init`: "default" (He before
-- rectifiers, Glorot elsewhere), "he", "glorot", "lecun", "normal" with `deviation` (0: sqrt(1 / inputs)), "zeros".

--- cs.maxpool { window[, stride], padding = "valid" }, cs.avgpool { ... }
-- Pooling over a window (2, or {rows, columns}) at a stride (the window's size).

--- cs.global_avgpool {}, cs.global_maxpool {}
-- One number a feature map.

--- cs.dense { units, activation = "linear", bias = true, init = "default" }
-- A fully connected layer. A flatten comes before it by itself.

--- cs.flatten {}, cs.activation { "relu" }, cs.dropout { rate }, cs.batchnorm { epsilon = 1e-3, momentum = 0.99, centre = true, scale = true }
-- A map as one row of numbers; an activation of its own; dropping a share of the numbers while training; batch normalisation.

--- cs.zeropad { border }, cs.rescale { factor, offset }
-- Zeros around a map (1, {rows, columns} or {top, bottom, left, right}); x * factor + offset.
for kind, names in pairs(positions) do layers.makers[kind] = maker(kind, names) end

-- Kinds after which a map is a row of numbers.
local flattens = { flatten = true, dense = true, global_avgpool = true, global_maxpool = true }

-- The specification of cs.network as one plain table { input, name, seed, layers }, a flatten put in where one is missing.
function layers.flatten_spec(spec)
  if type(spec) ~= "table" then error("cs.network: expected a table of layers, not a " .. type(spec), 3) end
  local out = { input = spec.input, name = spec.name, seed = spec.seed, layers = {} }
  for key in pairs(spec) do
    if type(key) == "string" and key ~= "input" and key ~= "name" and key ~= "seed" and key ~= "layers" then
      error(("cs.network: no field '%s'; there are input, name, seed and the layers"):format(key), 3)
    end
  end
  if type(spec.input) ~= "table" then error("cs.network: input = {height, width, channels} is missing", 3) end
  local flat = #spec.input == 1
  for i, layer in ipairs(spec.layers or spec) do
    if type(layer) ~= "table" or not layer.type then
      error(("cs.network: layer %d is no layer; write it as cs.conv { ... }"):format(i - 1), 3)
    end
    if layer.type == "dense" and not flat then
      out.layers[#out.layers + 1] = { type = "flatten" }
    end
    flat = flat or flattens[layer.type] or false
    out.layers[#out.layers + 1] = layer
  end
  if #out.layers == 0 then error("cs.network: no layers", 3) end
  return out
end

return layers
