-- browse: the screen.
local cli = require "convscope.commandline"
local common = require "convscope.common"
local system = require("convscope.engine").system

return {
  summary = "look inside: runs, networks, layers, features, images",
  description = "Opens the browser on a model, a run, or a directory of runs; without one on the newest run here, or, where there is none, on the installed models.",
  arguments = function(parser)
    parser:argument("target", "A model file, a run, a directory of runs, or an installed model."):argname("MODEL"):args "?"
    parser:option("-d --data", "Data set (the one the model was trained on, else shapes)."):argname "DATASET"
    parser:option("--graphics", "auto, sixel, symbols or ascii."):argname "HOW"
    common.model_options(parser)
    common.threads(parser)
  end,
  run = function(args)
    if args.arch or args.size or args.classes or args.scale or args.mean or args.std or args.bgr then
      if not args.target then cli.usage "which model is that said of? name it" end
      args.model = args.target
      common.load_model(args, false, true) -- what is said is remembered, and so the screen knows it
    end
    system.progress(nil) -- the screen has its own
    cli.check(system.browse(args.target, args.data, args.graphics, args.threads or 0))
  end,
}
