-- convert: a model in another file format.
local cli = require "convscope.commandline"
local common = require "convscope.common"

return {
  summary = "write a model as Keras HDF5",
  description = "Reads a model in any form convscope knows and writes it as Keras 2 does (model.h5): Keras 2 and 3 open it.",
  arguments = function(parser)
    common.model_arguments(parser)
    parser:argument("out", "The file to write, .h5 or .hdf5."):argname "OUT"
  end,
  run = function(args)
    if not args.out:find "%.h5$" and not args.out:find "%.hdf5$" then
      cli.fail("cannot write '%s': models are written as .h5 or .hdf5", args.out)
    end
    local net = common.load_model(args)
    cli.check(net:save(args.out))
    cli.print(("wrote %s: %d layers, %s parameters"):format(args.out, #net.layers, common.grouped(net.parameters)))
  end,
}
