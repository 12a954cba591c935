-- convert: a model in another file format, which the ending of the file's name chooses.
local cli = require "convscope.commandline"
local common = require "convscope.common"
local cs = require "convscope"
local system = cs.engine.system

-- ".h5, .hdf5, .onnx"
local function endings()
  local list = {}
  for _, format in ipairs(cs.model_formats()) do list[#list + 1] = format.ending end
  return table.concat(list, ", ")
end

local function known(path)
  for _, format in ipairs(cs.model_formats()) do
    if path:lower():sub(-#format.ending) == format.ending then return true end
  end
  return false
end

return {
  summary = "write a model in another format",
  description = "Reads a model in any form convscope knows and writes it in the form that the ending of OUT asks for. Weights keep every bit; pre-processing, "
    .. "class names and the curves of its training go with them, where Keras does not look.",
  arguments = function(parser)
    common.model_arguments(parser)
    parser:argument("out", "The file to write: " .. endings() .. "."):argname "OUT"
    parser:flag("--fold", "Without batch normalisations, as far as the layers beside them can do their work: the same predictions but for rounding.")
    parser:flag("--force", "Replace a file that is there already.")
    local lines = {}
    for _, format in ipairs(cs.model_formats()) do lines[#lines + 1] = ("  %-12s %s"):format(format.ending, format.what) end
    parser:epilog("Formats, by the ending of OUT:\n" .. table.concat(lines, "\n"))
  end,
  run = function(args)
    if not known(args.out) then cli.fail("cannot write '%s': expected a file name that ends in %s", args.out, endings()) end
    if system.exists(args.out) and not args.force then
      cli.fail("'%s' is there already: name another file, or replace it with --force", args.out)
    end
    local net = common.load_model(args, true)
    if args.fold then net = common.fold(net) end
    cli.check(net:save(args.out))
    cli.print(("wrote %s: %d layers, %s parameters"):format(args.out, #net.layers, common.grouped(net.parameters)))
  end,
}
