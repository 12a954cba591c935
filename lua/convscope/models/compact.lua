-- compact: 3x3 convolutions that keep their size, in stages with a max-pool between them, each with batch normalisation and ReLU, and a global average
-- pool before the classes (after VGG, Simonyan & Zisserman 2015, and Network in Network, Lin et al. 2014). Its pools leave it free of the size of
-- its pictures: it can begin on small ones and go on with `train --from RUN --size N` on larger ones, which saves most of the time.
local cs = require "convscope"

return {
  title = "eight 3x3 convolutions in five stages, batch norms, a global average pool; 0.17 GMAC, 1.9 M parameters at 64x64",
  options = { stages = "48,96,128-128,192-192,256-256", dropout = 0.1 },
  training = {
    epochs = 30,
    batch = 64,
    optimizer = cs.sgd { rate = 0.05, momentum = 0.9, nesterov = true, weight_decay = 5e-4 },
    schedule = "cosine",
    warmup = 1500,
    smoothing = 0.1,
    augment = { flip = true, crop = 0.5 },
    patience = 0,
  },
  network = function(options)
    local spec = { input = options.input }
    local function add(layer) spec[#spec + 1] = layer end
    local stage = 0
    for widths in tostring(options.stages):gmatch "[^,]+" do
      stage = stage + 1
      if stage > 1 then add(cs.maxpool { 2 }) end
      for width in widths:gmatch "%d+" do
        add(cs.conv { math.tointeger(tonumber(width)), 3, padding = "same", bias = false, init = "he" })
        add(cs.batchnorm {})
        add(cs.activation { "relu" })
      end
    end
    add(cs.global_avgpool {})
    if options.dropout > 0 then add(cs.dropout { options.dropout }) end
    add(cs.dense { options.classes, activation = "softmax", init = "glorot" })
    return spec
  end,
}
