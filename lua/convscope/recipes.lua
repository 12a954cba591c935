-- recipes.lua: training settings that several presets share.
local cs = require "convscope"

local recipes = {}

-- What a probe on Tiny ImageNet found to work for the paper's networks: a warm-up over 1,000 steps to a small rate, then a cosine to 0.
function recipes.pyramid(epochs)
  return {
    epochs = epochs or 15,
    batch = 32,
    optimizer = cs.sgd { rate = 0.005, momentum = 0.9, weight_decay = 5e-4 },
    schedule = "cosine",
    warmup = 1000,
    augment = { flip = true, shift = 4 },
    patience = 20,
  }
end

return recipes
