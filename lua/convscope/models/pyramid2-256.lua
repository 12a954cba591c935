-- pyramid2-256: the paper's first try, two convolutions and no dropout.
return {
  title = "the paper's first try: two convolutions, 256-128",
  paper = "text",
  options = { dropout = 0, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths = { 256, 128 }
    return require("convscope.pyramid")(options)
  end,
}
