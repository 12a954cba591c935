-- demo: a small network that learns `shapes` in about a minute and whose features are worth a look.
--
-- The first layer begins from small weights and all kernels decay, so that what one sees in a kernel, and in a projection
-- through it, was learnt and is not left over from the random beginning.
local cs = require "convscope"

return {
  title = "small and quick: 16-32-64, learns `shapes` in about a minute",
  options = { widths = "16-32-64", dropout = 0.2 },
  training = {
    epochs = 8,
    batch = 32,
    optimizer = cs.adam { rate = 0.003, weight_decay = 0.1 },
    schedule = "one-cycle",
    patience = 0,
  },
  network = function(options)
    local spec, i = { input = options.input }, 0
    for width in tostring(options.widths):gmatch "%d+" do
      i = i + 1
      spec[#spec + 1] = cs.conv {
        math.tointeger(tonumber(width)), i == 1 and 5 or 3, activation = "relu", padding = "same",
        init = i == 1 and "normal" or "he", deviation = i == 1 and 0.01 or nil,
      }
      spec[#spec + 1] = cs.maxpool { 2 }
    end
    spec[#spec + 1] = cs.flatten {}
    if options.dropout > 0 then spec[#spec + 1] = cs.dropout { options.dropout } end
    spec[#spec + 1] = cs.dense { options.classes, activation = "softmax" }
    return spec
  end,
}
