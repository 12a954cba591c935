-- filters.lua: what a convolution's kernels are like: which frequencies they pass, which are another's double, how far apart they look; and what of the
-- network could be changed where that is a fault.
local cs = require "convscope"

local filters = {}

local SIDE = 32

-- Kernels as pictures of SIDE pixels, zeros around: [features,SIDE,SIDE,channels].
local function padded(kernel)
  local rows, columns, channels, features = table.unpack(kernel.shape)
  local out = cs.tensor({ features, SIDE, SIDE, channels }, 0)
  local list = kernel:tolist()
  for f = 1, features do
    for r = 1, math.min(rows, SIDE) do
      for c = 1, math.min(columns, SIDE) do
        for k = 1, channels do out[{ f - 1, r - 1, c - 1, k - 1 }] = list[r][c][k][f] end
      end
    end
  end
  return out
end

-- The power of each kernel at `bins` frequencies from 0 to half a cycle a pixel: [features,bins].
function filters.frequencies(kernel, bins)
  return cs.measure.radial(cs.measure.power(padded(kernel), false), bins)
end

-- The share of what kernels pass, of pictures, that lies above half the sampling rate of their stride and so comes back as something else. Powers by
-- frequency, as lists; 0 for a stride of 1.
function filters.folded(gains, light, stride)
  local whole, above = 0, 0
  for b, gain in ipairs(gains) do
    local frequency = (b - 0.5) * 0.5 / #gains
    local energy = gain * light[b] * frequency -- a ring's length grows with its frequency
    whole, above = whole + energy, above + (frequency > 0.5 / stride and energy or 0)
  end
  return stride > 1 and above / whole or 0
end

-- The frequencies, in cycles a pixel, where less than a hundredth of the best band is passed.
function filters.missing(gains)
  local most, out = math.max(table.unpack(gains)), {}
  for b, gain in ipairs(gains) do
    if gain < 0.01 * most then out[#out + 1] = (b - 0.5) * 0.5 / #gains end
  end
  return out
end

-- How many kernels are (nearly) an earlier one's double: a cosine above `alike`.
function filters.doubles(kernel, alike)
  local cosines, seen = cs.measure.cosines(kernel):tolist(), 0
  for a = 1, #cosines do
    for b = 1, a - 1 do
      if cosines[a][b] > alike then
        seen = seen + 1
        break
      end
    end
  end
  return seen
end

-- How many cells further a convolution's next window begins.
function filters.stride(convolution)
  local stride = convolution.spec.stride
  return type(stride) == "table" and stride[1] or stride or 1
end

-- The pool that a convolution's input comes from, or nil.
function filters.pool_before(net, convolution)
  for index = convolution.index - 1, 0, -1 do
    local layer = net.layers[index + 1]
    if layer.type == "maxpool" or layer.type == "avgpool" then return layer end
    if layer.type == "conv" or layer.type == "dense" then return nil end
  end
end

return filters
