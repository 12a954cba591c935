-- background.lua: what the browser asks of a Lua state of its own: which analyses there are, and to run one and save what comes of it.
local cs = require "convscope"
local files = require "convscope.files"
local value_of = require("convscope.words").value

local background = {}

-- One line, no tabs.
local function flat(text)
  return (tostring(text):gsub("%c+", " "))
end

local function shown(value)
  if type(value) == "table" then
    local words = {}
    for i, entry in ipairs(value) do words[i] = tostring(entry) end
    return table.concat(words, ",")
  end
  return tostring(value)
end

-- The analyses, a line each: name, title, options, with tabs between.
function background.list()
  local lines = {}
  for _, file in ipairs(files.all "analyses") do
    local ok, analysis = pcall(dofile, file.path)
    local words = { file.name }
    if not ok then
      words[2] = "!cannot be loaded: " .. flat(analysis)
    elseif type(analysis) ~= "table" or type(analysis.run) ~= "function" then
      words[2] = "!cannot be used: the file returns no table with a function `run`"
    else
      words[2] = flat(analysis.title or file.name)
      local names = {}
      for key in pairs(analysis.options or {}) do names[#names + 1] = key end
      table.sort(names)
      for _, key in ipairs(names) do words[#words + 1] = flat(key .. "=" .. shown(analysis.options[key])) end
    end
    lines[#lines + 1] = table.concat(words, "\t")
  end
  return table.concat(lines, "\n")
end

-- Lines "key=value" as a table; numbers, true and false become what they look like.
local function settings(text)
  local out = {}
  for key, value in text:gmatch "([^=\n]+)=([^\n]*)" do out[key] = value_of(value) end
  return out
end

-- Run the analysis `name` of a model on a data set and write its result. true, or nil, message, code.
function background.analyze(request)
  cs.threads(request.threads)
  cs.on_progress(request.progress)
  request.progress(nil, "opening the model")
  local net, message, code = cs.load(request.model)
  if not net then return nil, message, code end
  local size = #net.input == 3 and { height = net.input[1], width = net.input[2] } or {}
  request.progress(nil, "opening the images")
  local data
  data, message, code = cs.dataset(request.dataset, size)
  if not data then return nil, message, code end
  local result
  result, message, code = cs.analysis(request.name, net, data, settings(request.options))
  if not result then return nil, message, code end
  local paths
  paths, message, code = result:save(request.directory, request.name)
  if not paths then return nil, message, code end
  return true
end

return background
