-- convert: a model in another file format, which the ending of the file's name chooses.
local cli = require "convscope.commandline"
local common = require "convscope.common"
local cs = require "convscope"

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
  summary = "write a model in another format: Keras, ONNX",
  description = "Reads a model in any form convscope knows and writes it in the form that the ending of OUT asks for: Keras HDF5, which "
    .. "Keras 2 and 3 open, or ONNX, which PyTorch, ONNX Runtime and others run.",
  arguments = function(parser)
    common.model_arguments(parser)
    parser:argument("out", "The file to write: " .. endings() .. "."):argname "OUT"
  end,
  run = function(args)
    if not known(args.out) then cli.fail("cannot write '%s': expected a file name that ends in %s", args.out, endings()) end
    local net = common.load_model(args)
    cli.check(net:save(args.out))
    cli.print(("wrote %s: %d layers, %s parameters"):format(args.out, #net.layers, common.grouped(net.parameters)))
  end,
}
