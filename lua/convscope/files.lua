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
