-- classes.lua: names of classes from a file a person has: one name a line, a JSON list, or the objects that Keras users keep.
local cs = require "convscope"
local system = cs.engine.system

local classes = {}

local LIMIT = 16 << 20

-- {"0": "cat", "1": "dog"}, {"0": ["n01440764", "tench"], ...} or {"cat": 0, "dog": 1} as a list, class 0 first.
local function from_object(object)
  local names, count = {}, 0
  for key, value in pairs(object) do
    local index, name = math.tointeger(tonumber(key)), value
    if type(value) == "table" then name = value[#value] end
    if not index then index, name = math.tointeger(value), key end
    if not index or index < 0 or type(name) ~= "string" or names[index + 1] then
      return nil, "expected class numbers with names, or names with class numbers"
    end
    names[index + 1], count = name, count + 1
  end
  if #names ~= count then return nil, "the class numbers must go from 0 upwards without gaps" end
  return names
end

local function from_json(text)
  local value, problem = require("convscope.json").decode(text)
  if problem or type(value) ~= "table" then return nil, "it is damaged JSON" end
  if getmetatable(value) and getmetatable(value).__jsontype == "object" then return from_object(value) end
  local names = {}
  for i, name in ipairs(value) do
    if type(name) == "table" then name = name[#name] end
    if type(name) ~= "string" then return nil, "expected a list of names" end
    names[i] = name
  end
  return names
end

-- The names in a file, class 0 first; nil and a message when there are none to be had.
function classes.read(path)
  local text, message = system.read(path, true)
  if not text then return nil, message end
  if #text > LIMIT then return nil, ("%s is larger than 16 MB: expected names of classes, one a line, or JSON"):format(path) end
  local names, problem
  if text:match "^%s*[%[{]" then
    names, problem = from_json(text)
  else
    names = {}
    for line in text:gsub("^\u{FEFF}", ""):gmatch "[^\r\n]+" do
      local name = line:match "^%s*(.-)%s*$"
      if name ~= "" then names[#names + 1] = name end
    end
  end
  if names and #names == 0 then problem = "it names none" end
  for i, name in ipairs(names or {}) do
    local length = utf8.len(name)
    if not length then
      problem = ("name %d is not UTF-8"):format(i)
    else
      if length > 200 then name = name:sub(1, utf8.offset(name, 201) - 1) end
      names[i] = name:gsub("%c", "?")
    end
  end
  if problem then return nil, ("%s holds no names of classes: %s"):format(path, problem) end
  return names
end

return classes
