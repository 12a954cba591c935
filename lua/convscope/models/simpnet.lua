-- simpnet: a pyramid after SimpNet (Hasanpour et al. 2018, "Towards Principled Design of Deep Convolutional Networks"), for 64x64 pictures: homogeneous
-- groups of 3x3 convolutions that keep their size, batch normalisation and ReLU after each, few max-pools between the groups, each with dropout, and
-- a global max-pool before the classes. Deviations: theirs for 32x32 has groups of 5, 5 and 3 and 5.5 M parameters; here the first group, on the whole picture, is
-- short and narrow and one more pool follows it, so that it costs no more than the seed network does.
local cs = require "convscope"

return {
  title = "a pyramid of 13 convolutions after SimpNet: batch norms, three pools; 0.44 GMAC, 1.8 M parameters at 64x64",
  paper = "text",
  options = { groups = "32-32,80-80-80-80,128-128-128-128,192-192-256", dropout = 0.1, dropout_last = 0.3 },
  training = {
    epochs = 40,
    batch = 64,
    optimizer = cs.sgd { rate = 0.02, momentum = 0.9, nesterov = true, weight_decay = 5e-4 },
    schedule = "one-cycle",
    augment = { flip = true, shift = 4 },
    patience = 0,
  },
  network = function(options)
    local spec = { input = options.input }
    local function add(layer) spec[#spec + 1] = layer end
    local group = 0
    for widths in tostring(options.groups):gmatch "[^,]+" do
      group = group + 1
      if group > 1 then
        add(cs.maxpool { 2 })
        if options.dropout > 0 then add(cs.dropout { options.dropout }) end
      end
      for width in widths:gmatch "%d+" do
        add(cs.conv { math.tointeger(tonumber(width)), 3, padding = "same", bias = false, init = "he" })
        add(cs.batchnorm {})
        add(cs.activation { "relu" })
      end
    end
    add(cs.global_maxpool {})
    if options.dropout_last > 0 then add(cs.dropout { options.dropout_last }) end
    add(cs.dense { options.classes, activation = "softmax", init = "glorot" })
    return spec
  end,
}
