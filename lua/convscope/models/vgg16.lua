-- vgg16: VGG-16 (Simonyan & Zisserman 2015, configuration D), as the paper compared with: at 64x64 with 200 classes 40,708,104 parameters.
local cs = require "convscope"

local blocks = { { 64, 2 }, { 128, 2 }, { 256, 3 }, { 512, 3 }, { 512, 3 } }

return {
  title = "VGG-16 with two dense layers of 4096, the paper's reference",
  paper = "text",
  -- norms: batch normalisations (Ioffe & Szegedy 2015) between all layers and their activations, without which two epochs of
  -- Tiny ImageNet leave it at chance; net:fold() takes them out again, and what is left is VGG-16.
  options = { dropout = 0.5, dense = 4096, norms = false },
  training = require("convscope.recipes").paper(0.005), -- half the others' rate: sixteen layers without batch norms
  network = function(options)
    local spec = { input = options.input }
    local function add(layer) spec[#spec + 1] = layer end
    local function add_relu(layer)
      layer.activation = options.norms and "linear" or "relu"
      layer.init = "he"
      add(layer)
      if options.norms then
        add(cs.batchnorm {})
        add(cs.activation { "relu" })
      end
    end
    for _, block in ipairs(blocks) do
      for _ = 1, block[2] do
        add_relu(cs.conv { block[1], 3, padding = "same" })
      end
      add(cs.maxpool { 2 })
    end
    add(cs.flatten {})
    for _ = 1, 2 do
      add_relu(cs.dense { options.dense })
      if options.dropout > 0 then add(cs.dropout { options.dropout }) end
    end
    add(cs.dense { options.classes, activation = "softmax", init = "normal", deviation = 0.001 }) -- as pyramid.lua's
    return spec
  end,
}
