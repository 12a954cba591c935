-- vgg16: VGG-16 (Simonyan & Zisserman 2015, configuration D), as the paper compared with: at 64x64 with 200 classes 40,708,104 parameters.
local cs = require "convscope"

local blocks = { { 64, 2 }, { 128, 2 }, { 256, 3 }, { 512, 3 }, { 512, 3 } }

return {
  title = "VGG-16 with two dense layers of 4096, the paper's reference",
  paper = "text",
  options = { dropout = 0.5, dense = 4096 },
  training = require("convscope.recipes").paper(0.005), -- half the others' rate: sixteen layers without batch norms
  network = function(options)
    local spec = { input = options.input }
    for _, block in ipairs(blocks) do
      for _ = 1, block[2] do
        spec[#spec + 1] = cs.conv { block[1], 3, padding = "same", activation = "relu", init = "he" }
      end
      spec[#spec + 1] = cs.maxpool { 2 }
    end
    spec[#spec + 1] = cs.flatten {}
    for _ = 1, 2 do
      spec[#spec + 1] = cs.dense { options.dense, activation = "relu", init = "he" }
      if options.dropout > 0 then spec[#spec + 1] = cs.dropout { options.dropout } end
    end
    spec[#spec + 1] = cs.dense { options.classes, activation = "softmax" }
    return spec
  end,
}
