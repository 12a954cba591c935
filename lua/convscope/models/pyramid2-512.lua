-- pyramid2-512: the paper's second try, wider.
return {
  title = "the paper's second try: two convolutions, 512-256",
  paper = "text",
  options = { dropout = 0, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths = { 512, 256 }
    return require("convscope.pyramid")(options)
  end,
}
