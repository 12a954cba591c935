-- json.lua: JSON that somebody else may have written. The decoder goes as deep as the text says and raises where that is too deep; here that is
-- damage like any other.
local system = require("convscope").engine.system

local json = {}

-- The value a text stands for; nil and what is wrong with it.
function json.decode(text)
  local ok, value, _, problem = pcall(require("dkjson").decode, text)
  if not ok then return nil, "it is nested too deeply" end
  return value, problem
end

-- The same of a file; nil and a message where it cannot be read.
function json.read(path)
  local text, message = system.read(path)
  if not text then return nil, message end
  local value, problem = json.decode(text)
  if value == nil then return nil, ("%s is damaged: %s"):format(path, problem or "no JSON") end
  return value
end

return json
