-- result.lua: what an analysis returns: a table of numbers, tensors, pictures and plots, and how it is written.
local cs = require "convscope"
local system = cs.engine.system

local result = {}
local methods = {}
methods.__index = methods

--- cs.result { "column", ... }
-- A table of results with these columns, to be filled row by row.
function result.new(columns)
  if type(columns) ~= "table" then error("cs.result: expected a list of column names", 2) end
  local out = { columns = {}, rows = {}, pictures = {}, plots = {}, tensors = {}, notes = {} }
  for i, name in ipairs(columns) do out.columns[i] = tostring(name) end
  return setmetatable(out, methods)
end

--- result:add(value, ...)
-- One row, a number or a text for each column. Returns the result, as all of these do.
function methods:add(...)
  local row = table.pack(...)
  if row.n ~= #self.columns then
    error(("result:add: %d values for %d columns"):format(row.n, #self.columns), 2)
  end
  self.rows[#self.rows + 1] = row
  return self
end

--- result:picture(name, picture), result:plot(name, plot), result:tensor(name, tensor), result:note(text)
-- Keep a picture or a plot (written as NAME-name.png), a tensor (into NAME.hdf5), a sentence (printed with the table).
function methods:picture(name, picture)
  self.pictures[#self.pictures + 1] = { name = name, picture = picture }
  return self
end

function methods:plot(name, plot)
  self.plots[#self.plots + 1] = { name = name, plot = plot }
  return self
end

function methods:tensor(name, tensor)
  self.tensors[#self.tensors + 1] = { name = name, tensor = tensor }
  return self
end

function methods:note(text)
  self.notes[#self.notes + 1] = text
  return self
end

--- result:mosaic(name, tensor[, columns])
-- Keep a tensor [n,height,width,channels] and a mosaic of it.
function methods:mosaic(name, tensor, columns)
  self:tensor(name, tensor)
  return self:picture(name, cs.mosaic(tensor, { columns = columns, zoom = 2 }))
end

local function shown(value)
  if value ~= value then return "" end -- no number: it could not be measured
  if math.type(value) == "float" then
    if value == math.floor(value) and math.abs(value) < 1e15 then return ("%.0f"):format(value) end
    return ("%.4g"):format(value)
  end
  return value == nil and "" or tostring(value)
end

--- result:text([rows])
-- The table as lines of text (all rows, or so many).
function methods:text(most)
  local widths, lines, cells = {}, {}, { self.columns }
  for i = 1, math.min(#self.rows, most or #self.rows) do
    local row = {}
    for k = 1, #self.columns do row[k] = shown(self.rows[i][k]) end
    cells[#cells + 1] = row
  end
  for _, row in ipairs(cells) do
    for k, cell in ipairs(row) do widths[k] = math.max(widths[k] or 0, utf8.len(cell) or #cell) end
  end
  for _, row in ipairs(cells) do
    local line = {}
    for k, cell in ipairs(row) do line[k] = cell .. (" "):rep(widths[k] - (utf8.len(cell) or #cell)) end
    lines[#lines + 1] = (table.concat(line, "  "):gsub("%s+$", ""))
  end
  if #cells - 1 < #self.rows then lines[#lines + 1] = ("... %d more rows"):format(#self.rows - #cells + 1) end
  for _, note in ipairs(self.notes) do lines[#lines + 1] = note end
  return table.concat(lines, "\n")
end

local function quoted(value)
  local text = math.type(value) == "float" and ("%.9g"):format(value) or value == nil and "" or tostring(value)
  if text:find '[,"\n]' then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

--- result:csv()
-- The table as comma-separated values.
function methods:csv()
  local lines = {}
  for i = 0, #self.rows do
    local row, line = i == 0 and self.columns or self.rows[i], {}
    for k = 1, #self.columns do line[k] = quoted(row[k]) end
    lines[#lines + 1] = table.concat(line, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- result:data()
-- The table as plain Lua, for JSON: `columns`, `rows`, `notes`.
function methods:data()
  local rows = {}
  for i, row in ipairs(self.rows) do rows[i] = table.move(row, 1, #self.columns, 1, {}) end
  return { columns = self.columns, rows = rows, notes = self.notes }
end

local function file_name(text)
  return (text:gsub("[^%w_.-]+", "-"))
end

--- result:save(directory, name)
-- Write NAME.hdf5 (each column under /columns, the tensors under /tensors), NAME.csv, and a PNG for each picture and plot. Returns the list of paths,
-- or nil, message, code.
function methods:save(directory, name)
  local paths = {}
  local function path(ending)
    paths[#paths + 1] = directory .. "/" .. name .. ending
    return paths[#paths]
  end
  local done, message, code = system.make_directories(directory)
  if not done then return nil, message, code end
  done, message, code = cs.write_file(path ".csv", self:csv())
  if not done then return nil, message, code end
  local file <close>, problem, word = cs.h5.open(path ".hdf5", "create")
  if not file then return nil, problem, word end
  for k, column in ipairs(self.columns) do
    local numbers, texts, all = {}, {}, #self.rows > 0
    for i, row in ipairs(self.rows) do
      numbers[i] = tonumber(row[k])
      all = all and numbers[i] ~= nil
      texts[i] = quoted(row[k])
    end
    local at = "/columns/" .. column:gsub("/", " per ")
    if all then
      done, message, code = file:write(at, cs.tensor(numbers))
    else
      done, message, code = file:text(at, table.concat(texts, "\n"))
    end
    if not done then return nil, message, code end
  end
  for _, entry in ipairs(self.tensors) do
    done, message, code = file:write("/tensors/" .. entry.name:gsub("/", " per "), entry.tensor)
    if not done then return nil, message, code end
  end
  done, message, code = file:finish()
  if not done then return nil, message, code end
  for _, entry in ipairs(self.pictures) do
    done, message, code = entry.picture:save(path("-" .. file_name(entry.name) .. ".png"))
    if not done then return nil, message, code end
  end
  for _, entry in ipairs(self.plots) do
    done, message, code = entry.plot:save(path("-" .. file_name(entry.name) .. ".png"))
    if not done then return nil, message, code end
  end
  return paths
end

--- cs.job()
-- What an analysis is given to report with: `job:progress(fraction, text)`.
function result.job()
  return { progress = function(_, fraction, text) cs.progress(fraction, text) end }
end

--- cs.analysis(name, net, data[, options])
-- Run an analysis, a file of the analyses directories, and return its result; `options` override its own. nil, message, code when there is none
-- of that name. An analysis is a Lua file that returns a table with `title`, `options` (names and defaults) and `run(job, net, data, options)`, which
-- returns a cs.result.
function result.analysis(name, net, data, options)
  local files = require "convscope.files"
  local path = files.find("analyses", name)
  if not path then
    local names = {}
    for _, found in ipairs(files.all "analyses") do names[#names + 1] = found.name end
    return nil, ("no analysis '%s': there are %s"):format(name, table.concat(names, ", ")), "not_found"
  end
  local analysis, given, names = dofile(path), {}, {}
  for key, value in pairs(analysis.options or {}) do
    given[key] = value
    names[#names + 1] = key
  end
  table.sort(names)
  for key, value in pairs(options or {}) do
    if (analysis.options or {})[key] == nil then
      return nil, ("analysis %s has no option '%s': there are %s"):format(name, key, table.concat(names, ", ")), "argument"
    end
    given[key] = value
  end
  local out, message, code = require("convscope.looking").guarded(analysis.run, result.job(), net, data, given)
  cs.progress()
  return out, message, code
end

return result
