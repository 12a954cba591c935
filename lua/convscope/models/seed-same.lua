-- seed-same: the paper's network with padding, so that borders count as much as the middle.
return {
  title = "the paper's network with 'same' padding",
  paper = "table",
  options = { dropout = 0.5, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths, options.padding = { 512, 256, 128 }, "same"
    return require("convscope.pyramid")(options)
  end,
}
