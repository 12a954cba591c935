-- files.lua: where commands, analyses and presets lie: the user's own directory first, then the library's.
local system = require("convscope.engine").system

local files = {}

-- The directory of this file: the library, wherever it was found.
local library = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."

local function user_directory()
  local config = os.getenv "XDG_CONFIG_HOME"
  if not config or config == "" then
    local home = os.getenv "HOME"
    if not home then return nil end
    config = home .. "/.config"
  end
  return config .. "/convscope"
end

-- The directories of a kind ("commands", "analyses", "models"), in the order they are searched.
function files.directories(kind)
  local out, user = {}, user_directory()
  if user then out[1] = user .. "/" .. kind end
  out[#out + 1] = library .. "/" .. kind
  return out
end

-- The file of that name, or nil.
function files.find(kind, name)
  if not name:find "^[%w_-]+$" then return nil end
  for _, directory in ipairs(files.directories(kind)) do
    local path = directory .. "/" .. name .. ".lua"
    if system.exists(path) then return path end
  end
end

-- What a file returns, for files that people write: nil and one line when it cannot be read, is no Lua or fails where it runs.
function files.load(path)
  local chunk, message = loadfile(path)
  if not chunk then return nil, message, system.exists(path) and "format" or "not_found" end
  local value, problem = files.guarded(path, chunk)
  if value == nil then return nil, problem or ("'%s' returns nothing"):format(path), "format" end
  return value
end

-- f(...), a function of such a file: its first result, or nil and one line that names the file. What interrupts goes on.
function files.guarded(path, f, ...)
  local ok, value = pcall(f, ...)
  if ok then return value end
  if type(value) ~= "string" then return nil, ("'%s' failed with a %s for an error"):format(path, type(value)) end
  if value:find "interrupted by SIG" or value:find "stopped by SIG" then error(value, 0) end
  value = value:match "^[^\n]*"
  return nil, value:find(path, 1, true) and value or ("'%s': %s"):format(path, value)
end

-- All of a kind: a list of { name, path }, in alphabetical order; the user's own stand for the library's of the same name.
function files.all(kind)
  local out, seen = {}, {}
  for _, directory in ipairs(files.directories(kind)) do
    for _, entry in ipairs(system.list(directory) or {}) do
      local name = entry:match "^(.+)%.lua$"
      if name and not seen[name] then
        seen[name] = true
        out[#out + 1] = { name = name, path = directory .. "/" .. entry }
      end
    end
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

return files
