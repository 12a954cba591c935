-- analyze: run an analysis by name.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local files = require "convscope.files"

local function list(json)
  local found = {}
  for _, file in ipairs(files.all "analyses") do
    local ok, analysis = pcall(dofile, file.path)
    found[#found + 1] = { name = file.name, title = ok and analysis.title or "(cannot be loaded)", options = ok and analysis.options or nil }
  end
  if json then return cli.json(setmetatable(found, { __jsontype = "array" }), { "name", "title", "options" }) end
  cli.print "Analyses (convscope analyze NAME MODEL -d DATASET):"
  for _, entry in ipairs(found) do
    local names = {}
    for key in pairs(entry.options or {}) do names[#names + 1] = key end
    table.sort(names)
    cli.print(("  %-14s %s%s"):format(entry.name, entry.title, #names > 0 and ("  [%s]"):format(table.concat(names, ", ")) or ""))
  end
end

-- Where the result goes: to -o, else to the analyses of a run that can be written to, where the browser lists it; else nowhere, and the second is where it
-- would be listed.
local function place(args, net)
  if args.output then return args.output end
  local run = cs.engine.system.is_directory(args.model) and args.model
  local where, within = cs.engine.results_place(run or cs.engine.find_run(args.model) or net.path)
  if run and within then return where end
  return nil, where
end

return {
  summary = "run an analysis by name, or list them",
  description = "An analysis is a Lua file in the library's or the user's analyses directory. Its result is printed, and written as HDF5, CSV and PNG: to "
    .. "the directory of -o, else, where MODEL is a run directory, to its analyses, which the browser lists.",
  arguments = function(parser)
    parser:argument("name", "The analysis; without one they are listed."):argname("NAME"):args "?"
    parser:argument("model", "A model file, a run directory (its best), or an installed model."):argname("MODEL"):args "?"
    common.data_option(parser)
    parser:option("-o --output", "Directory for NAME.hdf5, NAME.csv and NAME-*.png (of a run directory: its analyses)."):argname "DIR"
    common.set_option(parser, "An option of the analysis.")
    common.model_options(parser)
    common.json(parser)
    common.precision(parser)
    common.threads(parser)
  end,
  run = function(args)
    if not args.name then return list(args.json) end
    local settings = common.settings(args.set)
    cli.check(require("convscope.result").prepared(args.name, settings))
    if not args.model then cli.usage("which model? convscope analyze %s MODEL", args.name) end
    local net = common.load_model(args)
    local data = common.open_data(args, net)
    local directory, listed = place(args, net)
    common.ready_directory(directory)
    local result = cli.check(cs.analysis(args.name, net, data, settings))
    local paths = directory and cli.check(result:save(directory, args.name)) or {}
    if args.json then
      local document = result:data()
      document.analysis, document.files = args.name, paths
      return cli.json(document, { "analysis", "columns", "rows", "notes", "files" })
    end
    cli.print(result:text(args.output and 20 or nil))
    for _, path in ipairs(paths) do cli.print("wrote " .. path) end
    if not directory then cli.say("nothing was saved: -o DIR writes the result, -o %s to where the browser lists it", listed) end
  end,
}
