-- recipes.lua: training settings that several presets share.
local cs = require "convscope"

local recipes = {}

-- What was found to work on Tiny ImageNet for the paper's networks, and is the same for all of them, so that what differs is the network: a warm-up over
-- 3,000 steps, then a cosine to 0; gradients clipped, weights averaged, labels smoothed; flips and crops. `rate`: 0.01 unless said.
function recipes.paper(rate)
  return {
    epochs = 20,
    batch = 32,
    optimizer = cs.sgd { rate = rate or 0.01, momentum = 0.9, weight_decay = 5e-4, clip_norm = 2, average = 0.999 },
    schedule = "cosine",
    warmup = 3000,
    smoothing = 0.1,
    augment = { flip = true, crop = 0.5 },
    patience = 0,
  }
end

return recipes
