-- prompt.lua: what the browser's prompt needs of Lua: the model and the data that are looked at, at hand as `model` and `data`, and
-- what could stand where the cursor is.
local cs = require "convscope"

local prompt = {}

-- What `model` and `data` stand for from now on; they are opened when they are first asked for.
function prompt.look(target, spec, width, height)
  local meta = getmetatable(_G) or {}
  rawset(_G, "model", nil)
  rawset(_G, "data", nil)
  meta.__index = function(_, key)
    local value
    if key == "model" and target then value = assert(cs.load(target)) end
    if key == "data" and spec then value = assert(cs.dataset(spec, { width = width, height = height })) end
    if value ~= nil then rawset(_G, key, value) end
    return value
  end
  setmetatable(_G, meta)
end

-- The names that can follow a value, as a set.
local function names_of(value, names)
  local kind = type(value)
  if value == cs then
    for name in pairs(getmetatable(cs).lazy) do names[name] = true end
  end
  if kind == "table" then
    for name in next, value do
      if type(name) == "string" then names[name] = true end
    end
    local meta = getmetatable(value)
    if meta and type(meta.__index) == "table" then names_of(meta.__index, names) end
  elseif kind == "userdata" then
    local meta = getmetatable(value)
    local methods = meta and meta.__name and cs.engine.methods[meta.__name]
    local getters = meta and meta.__name and cs.engine.getters and cs.engine.getters[meta.__name]
    for name in pairs(methods or {}) do names[name] = true end
    for name in pairs(getters or {}) do names[name] = true end
  elseif kind == "string" then
    for name in pairs(string) do names[name] = true end
  end
  return names
end

-- The value of a chain of names, without calling anything but what opens `model` and `data`.
local function value_of(chain)
  local value
  for name in chain:gmatch "[%a_][%w_]*" do
    if value == nil then
      value = name == "cs" and cs or rawget(_G, name)
      if value == nil and (name == "model" or name == "data") then value = _G[name] end
    else
      local kind = type(value)
      if kind ~= "table" and kind ~= "userdata" then return nil end
      local ok, part = pcall(function(object) return object[name] end, value)
      value = ok and part or nil
    end
    if value == nil then return nil end
  end
  return value
end

-- What could complete the last word of a line: lines of words, in alphabetical order.
function prompt.complete(line)
  local chain, word = line:match "([%a_][%w_%.:]*)[%.:]([%w_]*)$"
  local names = {}
  if chain then
    local value = value_of(chain)
    if value ~= nil then names_of(value, names) end
  else
    word = line:match "([%a_][%w_]*)$" or ""
    names_of(_G, names)
    names.cs, names.model, names.data = true, true, true
  end
  local out = {}
  for name in pairs(names) do
    local hidden = name:sub(1, 1) == "_" and word:sub(1, 1) ~= "_"
    if name:sub(1, #word) == word and not hidden and name:match "^[%a_][%w_]*$" then out[#out + 1] = name end
  end
  table.sort(out)
  return table.concat(out, "\n")
end

-- A line as a script needs it: an expression is printed, as the prompt does.
function prompt.statement(line)
  return load("return " .. line) and ("print(%s)"):format(line) or line
end

return prompt
