-- compact-space.lua: what scripts/paper/tune-best chooses from, for `convscope tune -m compact`. Every choice of stages costs less than the paper's network
-- does (0.54 GMAC an image of 64 pixels, 2 M parameters): `convscope info compact --size 64` tells.
return {
  stages = {
    "32,64,128-128,192-192,256-256", -- 0.13 GMAC, 1.88 M
    "48,96,128-128,192-192,256-256", -- wider where pictures are large: 0.17 GMAC, 1.94 M
    "48,64-64,128-128,192-192,256-192", -- 0.18 GMAC, 1.77 M
    "32-32,64-64,128-128,192-192,256-192", -- two convolutions in every stage: 0.20 GMAC, 1.77 M
    "48-48,96-96,128-128,192-192,224-192", -- 0.33 GMAC, 1.78 M
    "32,64,128-128-128,192-192-192,224", -- deeper in the middle: 0.18 GMAC, 1.71 M
    "32,64,96-96,160-160,320-256", -- wider at the end: 0.10 GMAC, 1.78 M
  },
  dropout = { 0, 0.1, 0.2 },
  rate = { low = 0.01, high = 0.2, log = true },
  weight_decay = { low = 1e-4, high = 2e-3, log = true },
  batch = { 32, 64 }, -- of 128, an epoch makes a quarter of the steps: all of them fall in the first round, whatever they would have become
  crop = { 0.3, 0.5, 0.7 },
  smoothing = { 0, 0.1 },
}
