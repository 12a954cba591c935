-- pyramid3-1024: the deep and wide one that the paper found to overfit after 500 epochs.
return {
  title = "the paper's wide network: 1024-512-256",
  paper = "text",
  options = { dropout = 0.5, activation = "relu" },
  training = require("convscope.recipes").paper(),
  network = function(options)
    options.widths = { 1024, 512, 256 }
    return require("convscope.pyramid")(options)
  end,
}
