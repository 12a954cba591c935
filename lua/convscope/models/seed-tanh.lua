-- seed-tanh: the paper's network with tanh units, whose activation can be inverted exactly.
return {
  title = "the paper's network with tanh in place of ReLU",
  paper = "table",
  options = { dropout = 0.5 },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths, options.activation = { 512, 256, 128 }, "tanh"
    return require("convscope.pyramid")(options)
  end,
}
