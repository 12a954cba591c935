-- presets.lua: architectures by name: files of the models directories, and a file of one's own.
local cs = require "convscope"
local files = require "convscope.files"

local presets = {}

--- cs.presets()
-- The presets there are: a list of tables with `name`, `title` and `path`, in alphabetical order.
function presets.list()
  local out = {}
  for _, found in ipairs(files.all("models")) do
    local ok, preset = pcall(dofile, found.path)
    if ok and type(preset) == "table" then
      out[#out + 1] = { name = found.name, title = preset.title or "", path = found.path }
    end
  end
  return out
end

-- Its path, and what it returns; or its path, nil, message, code.
local function load_preset(name)
  if name:find("%.lua$") then return name, files.load(name) end
  local path = files.find("models", name)
  if not path then
    local names = {}
    for _, found in ipairs(files.all("models")) do names[#names + 1] = found.name end
    return name, nil, ("no preset '%s': there are %s; or a file, NAME.lua"):format(name, table.concat(names, ", ")), "not_found"
  end
  return path, files.load(path)
end

--- cs.preset(name[, options])
-- The network of a preset ("seed", "demo", ...) or of a file ("net.lua"), and the preset's own table. Options: `classes` (10), `size` (64, or what the
-- preset says), `input` ({height, width, channels}, instead of size), `seed` (0) of the weights, and what the preset itself can be told
-- (its `options`). nil, message, code when there is no such preset or its layers do not fit.
--
-- A preset is a Lua file that returns a table with `title`, `network` (a function of the options, with `input` and `classes` filled in, that returns
-- what cs.network takes), and where wanted `options` (names and defaults), `training` (options of cs.train that suit it) and `size`. A file that fails
-- gives one line that says where.
function presets.build(name, options)
  options = options or {}
  local path, preset, message, code = load_preset(name)
  if preset == nil then return nil, message, code end
  if type(preset) == "function" then preset = { network = preset } end
  if type(preset) ~= "table" or type(preset.network) ~= "function" then
    return nil, ("'%s' must return a table with a function 'network'"):format(name), "format"
  end
  for key, kind in pairs { options = "table", training = "table", size = "number" } do
    if preset[key] ~= nil and type(preset[key]) ~= kind then
      return nil, ("'%s': `%s` is a %s; expected a %s"):format(name, key, type(preset[key]), kind), "format"
    end
  end
  local known = { classes = true, size = true, input = true, seed = true }
  local given = {}
  for key, value in pairs(preset.options or {}) do
    known[key] = true
    given[key] = value
  end
  for key, value in pairs(options) do
    if not known[key] then
      local names = {}
      for option in pairs(known) do names[#names + 1] = option end
      table.sort(names)
      return nil, ("preset %s has no option '%s': there are %s"):format(name, tostring(key), table.concat(names, ", ")), "argument"
    end
    given[key] = value
  end
  given.classes = given.classes or 10
  if not given.input then
    local size = given.size or preset.size or 64
    given.input = { size, size, 3 }
  end
  local spec, problem = files.guarded(path, preset.network, given)
  if problem then return nil, problem, "format" end
  if type(spec) ~= "table" then return nil, ("'%s': network() must return a table of layers"):format(name), "format" end
  spec.input = spec.input or given.input
  spec.seed = options.seed or spec.seed or 0
  spec.name = spec.name or name:match("([^/]+)%.lua$") or name
  local net
  net, problem = files.guarded(path, function()
    net, message, code = cs.network(spec)
    return net or false
  end)
  if problem then return nil, problem, "format" end
  if not net then return nil, ("preset %s: %s"):format(name, message), code end
  return net, preset
end

return presets
