-- seed-bn: the paper's network with batch normalisation between convolution and ReLU.
return {
  title = "the paper's network with batch normalisation",
  paper = "table",
  options = { dropout = 0.5, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths, options.batchnorm = { 512, 256, 128 }, true
    return require("convscope.pyramid")(options)
  end,
}
