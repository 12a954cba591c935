-- seed: the network of the paper (its Figure 1), 5x5x512, 3x3x256, 3x3x128, as the sizes of its Table 1 say: the "strides" are pools'.
return {
  title = "the paper's network: 512-256-128, max-pools 3, 2, 2, dropout before the last convolution",
  paper = "table", -- the network of the paper's Table 1
  options = { dropout = 0.5, activation = "relu", norms = false }, -- norms: see pyramid.lua
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths = { 512, 256, 128 }
    return require("convscope.pyramid")(options)
  end,
}
