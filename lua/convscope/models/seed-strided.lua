-- seed-strided: the paper's table read literally, strided convolutions and no pools.
return {
  title = "the paper's table read literally: convolutions with strides 3, 2, 2 and no pools",
  paper = "table",
  options = { dropout = 0.5, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths, options.strided = { 512, 256, 128 }, true
    return require("convscope.pyramid")(options)
  end,
}
