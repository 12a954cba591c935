-- result.lua: what an analysis returns: a table of numbers, tensors, pictures and plots, and how it is written.
--
-- NAME.hdf5 says by itself what it holds, so that the browser, or h5py, can show a result of an analysis it has never heard of:
--   /             attributes: convscope_result (1), analysis, title, model, mark (of its weights), dataset, options ("key=value" lines)
--   /column_names the table's columns in their order
--   /columns/C    one a column: float32 numbers, or texts ("/" in a name becomes " per ")
--   /notes        sentences
--   /verdicts     where there are some: those of the notes that answer the question
--   /advice       where there is some: texts layer, change, value and why, an entry a piece of advice
--   /tensors/T    float32 numbers of any shape
--   /figures/000, /figures/001, ...  in their order; attributes `kind` and `name`, where there is one `caption`, and by kind:
--     plot        attributes title, x_label, y_label, log_y, zero, x_low, x_high, y_low, y_high, map; series/000, series/001, ... with
--                 attributes kind (line, points, bars), name, colour ("r,g,b") and data sets y, x, low, high; categories: texts; cells: the
--                 numbers of a heat map [rows,columns], its colours from y_low to y_high through `map`
--     mosaic      attributes tensor (where the numbers [n,height,width,channels] lie), columns (tiles a row)
--     picture     pixels: bytes [height,width,3]
local cs = require "convscope"
local system = cs.engine.system

local result = {}
local methods = {}
methods.__index = methods

--- cs.result { "column", ... }
-- A table of results with these columns, to be filled row by row.
function result.new(columns)
  if type(columns) ~= "table" then error("cs.result: expected a list of column names", 2) end
  local out = { columns = {}, rows = {}, pictures = {}, plots = {}, tensors = {}, notes = {}, verdicts = {}, advice = {}, figures = {}, about = {} }
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

--- result:picture(name, picture[, caption]), result:plot(name, plot), result:tensor(name, tensor), result:note(text)
-- Keep a picture or a plot (written as NAME-name.png: a word or two), a tensor (into NAME.hdf5), a sentence (printed with the table). The caption says
-- what a picture shows, where its name does not.
function methods:picture(name, picture, caption)
  self.pictures[#self.pictures + 1] = { name = name, picture = picture, caption = caption }
  self.figures[#self.figures + 1] = { kind = "picture", name = name, picture = picture, caption = caption }
  return self
end

function methods:plot(name, plot)
  self.plots[#self.plots + 1] = { name = name, plot = plot }
  self.figures[#self.figures + 1] = { kind = "plot", name = name, plot = plot.description }
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

--- result:verdict(text)
-- A note that answers the analysis' question in one sentence; `result.verdicts` is the list of them, which a report begins with.
function methods:verdict(text)
  self.verdicts[#self.verdicts + 1] = text
  return self:note(text)
end

--- result:advise { layer = NAME, change = "stride", value = 2, why = "..." }
-- Say what could be tried instead: `change` is a field of that layer's specification (stride, window, kernel, features), `value` what to try
-- there. `result.advice` is the list of them; `convscope tune --advice` trains each.
function methods:advise(advice)
  self.advice[#self.advice + 1] = advice
  return self
end

--- result:mosaic(name, tensor[, columns[, caption]])
-- Keep a tensor [n,height,width,channels] and a mosaic of it.
function methods:mosaic(name, tensor, columns, caption)
  self:tensor(name, tensor)
  self.pictures[#self.pictures + 1] = { name = name, picture = cs.mosaic(tensor, { columns = columns, zoom = 2 }), caption = caption }
  self.figures[#self.figures + 1] = { kind = "mosaic", name = name, columns = columns or 0, caption = caption }
  return self
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
  if value ~= value then return "" end
  local text = math.type(value) == "float" and ("%.9g"):format(value) or value == nil and "" or tostring(value)
  if text:find '[,"\n]' then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

--- result:csv()
-- The table as comma-separated values; what could not be measured (NaN) is an empty cell.
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
-- The table as plain Lua, for JSON: `columns`, `rows`, `notes`, and where there is some `advice`.
function methods:data()
  local rows = {}
  for i, row in ipairs(self.rows) do rows[i] = table.move(row, 1, #self.columns, 1, {}) end
  return { columns = self.columns, rows = rows, notes = self.notes, advice = #self.advice > 0 and self.advice or nil }
end

-- A name as a part of a path inside of a file.
local function part(name)
  return (tostring(name):gsub("/", " per "))
end

local plain = { "title", "x_label", "y_label", "x_low", "x_high", "y_low", "y_high", "map" }
local marks = { "log_y", "zero" }

-- A series' numbers as a vector; what is no number is none. nil for none at all.
local function vector(values)
  if type(values) ~= "table" then return values end
  local out = {}
  for i = 1, #values do out[i] = tonumber(values[i]) or 0 / 0 end
  return #out > 0 and cs.tensor(out) or nil
end

-- A plot's description under `at`.
local function write_plot(file, at, plot)
  local function check(done, message, code)
    if not done then error({ message, code }, 0) end
  end
  for _, key in ipairs(plain) do
    if plot[key] ~= nil then check(file:attribute(at, key, plot[key])) end
  end
  for _, key in ipairs(marks) do check(file:attribute(at, key, plot[key] and 1 or 0)) end
  if plot.categories then
    local words = {}
    for i, word in ipairs(plot.categories) do words[i] = tostring(word) end
    check(file:texts(at .. "/categories", words))
  end
  if plot.cells then check(file:write(at .. "/cells", plot.cells)) end
  for i, series in ipairs(plot.series or {}) do
    local under = ("%s/series/%03d"):format(at, i - 1)
    for _, key in ipairs { "y", "x", "low", "high" } do
      local values = vector(series[key])
      if values then check(file:write(under .. "/" .. key, values)) end
    end
    check(file:group(under))
    check(file:attribute(under, "kind", series.kind or "line"))
    if series.name then check(file:attribute(under, "name", series.name)) end
    if series.colour then check(file:attribute(under, "colour", table.concat(series.colour, ","))) end
  end
end

-- The figures, in their order. true, or nil, message, code.
local function write_figures(file, figures)
  for i, figure in ipairs(figures) do
    local at = ("/figures/%03d"):format(i - 1)
    local done, message, code = true, nil, nil
    if figure.kind == "picture" then
      done, message, code = file:picture(at .. "/pixels", figure.picture)
    elseif figure.kind == "mosaic" then
      done, message, code = file:group(at)
      if done then done, message, code = file:attribute(at, "tensor", "/tensors/" .. part(figure.name)) end
      if done then done, message, code = file:attribute(at, "columns", figure.columns) end
    else
      done, message, code = file:group(at)
      if done then
        local ok, problem = pcall(write_plot, file, at, figure.plot)
        if not ok and type(problem) ~= "table" then error(problem, 0) end
        if not ok then return nil, problem[1], problem[2] end
      end
    end
    if done then done, message, code = file:attribute(at, "kind", figure.kind) end
    if done then done, message, code = file:attribute(at, "name", figure.name) end
    if done and figure.caption then done, message, code = file:attribute(at, "caption", figure.caption) end
    if not done then return nil, message, code end
  end
  return true
end

-- The attributes of the file itself. true, or nil, message, code.
local function write_about(file, self)
  local done, message, code = file:attribute("/", "convscope_result", 1)
  for key, value in pairs(self.about) do
    if done then done, message, code = file:attribute("/", key, value) end
  end
  if done and #self.columns > 0 then done, message, code = file:texts("/column_names", self.columns) end
  if done and #self.notes > 0 then done, message, code = file:texts("/notes", self.notes) end
  if done and #self.verdicts > 0 then done, message, code = file:texts("/verdicts", self.verdicts) end
  for _, key in ipairs(#self.advice > 0 and { "layer", "change", "value", "why" } or {}) do
    local words = {}
    for i, advice in ipairs(self.advice) do words[i] = tostring(advice[key] or "") end
    if done then done, message, code = file:texts("/advice/" .. key, words) end
  end
  return done, message, code
end

-- NAME-what.png: what is shown as words with hyphens, without the analysis' own name before it.
local function file_name(name, what)
  local words = what:lower():gsub("[^%w_.]+", "-"):gsub("^[-.]+", ""):gsub("-+$", "")
  if words:sub(1, #name + 1) == name:lower() .. "-" then words = words:sub(#name + 2) end
  return ("%s-%s.png"):format(name, words)
end

-- Nothing that would be written is a link to a file elsewhere. true, or nil, message, code.
local function check_links(self, directory, name)
  local real, names = (system.absolute(directory) or directory):gsub("/$", ""), { name .. ".csv", name .. ".hdf5" }
  for _, entries in ipairs { self.pictures, self.plots } do
    for _, entry in ipairs(entries) do names[#names + 1] = file_name(name, entry.name) end
  end
  for _, file in ipairs(names) do
    local target = system.absolute(directory .. "/" .. file)
    if target and target ~= real .. "/" .. file then
      return nil, ("'%s/%s' is a link to '%s', which would be overwritten; remove the link"):format(directory, file, target), "io"
    end
  end
  return true
end

--- result:save(directory, name)
-- Write NAME.hdf5 (each column under /columns, the tensors under /tensors, figures and notes so that the browser can show them),
-- NAME.csv, and a PNG for each picture and plot; NAME.hdf5 last, so that where it stands all is there. Links of those names, which lead to what may be anybody's, are not written through.
-- Returns the list of paths, or nil, message, code.
function methods:save(directory, name)
  local paths = {}
  local function path(file)
    paths[#paths + 1] = directory .. "/" .. file
    return paths[#paths]
  end
  local done, message, code = system.make_directories(directory)
  if not done then return nil, message, code end
  done, message, code = check_links(self, directory, name)
  if not done then return nil, message, code end
  done, message, code = cs.write_file(path(name .. ".csv"), self:csv())
  if not done then return nil, message, code end
  for _, entry in ipairs(self.pictures) do
    done, message, code = entry.picture:save(path(file_name(name, entry.name)))
    if not done then return nil, message, code end
  end
  for _, entry in ipairs(self.plots) do
    done, message, code = entry.plot:save(path(file_name(name, entry.name)))
    if not done then return nil, message, code end
  end
  local file <close>, problem, word = cs.h5.open(path(name .. ".hdf5"), "create")
  if not file then return nil, problem, word end
  done, message, code = write_about(file, self)
  if not done then return nil, message, code end
  for k, column in ipairs(self.columns) do
    local numbers, texts, all = {}, {}, #self.rows > 0
    for i, row in ipairs(self.rows) do
      numbers[i] = tonumber(row[k])
      all = all and numbers[i] ~= nil
      texts[i] = row[k] == nil and "" or math.type(row[k]) == "float" and ("%.9g"):format(row[k]) or tostring(row[k])
    end
    local at = "/columns/" .. part(column)
    if all then
      done, message, code = file:write(at, cs.tensor(numbers))
    else
      done, message, code = file:texts(at, texts)
    end
    if not done then return nil, message, code end
  end
  for _, entry in ipairs(self.tensors) do
    done, message, code = file:write("/tensors/" .. part(entry.name), entry.tensor)
    if not done then return nil, message, code end
  end
  done, message, code = write_figures(file, self.figures)
  if not done then return nil, message, code end
  done, message, code = file:finish()
  if not done then return nil, message, code end
  return paths
end

-- What an option is given, as its default is written: a number, a whole one (of at least `least`, else 1 where the default is not 0), a word or list
-- ("all", "0.1,0.2"), or true and false. nil and what was expected.
local function as_default(default, value, least)
  if type(default) == "number" then
    local number = tonumber(value)
    if math.type(default) == "integer" then
      least = least or math.min(1, default)
      number = math.tointeger(number)
      if not number or number < least then return nil, ("a whole number, %d or more"):format(least) end
    elseif not number or number ~= number or math.abs(number) == math.huge then
      return nil, "a number"
    end
    return number
  elseif type(default) == "boolean" then
    if type(value) ~= "boolean" then return nil, "true or false" end
    return value
  elseif type(value) == "table" then
    return table.concat(value, ",")
  end
  return tostring(value)
end

-- An analysis as it is to be run: its table, what it is `given` (its own options, and what overrides them), and the `names` of the options in order. nil,
-- message, code where there is none of that name, or an option is refused: nothing needs to be opened to find that out.
function result.prepared(name, options)
  local files = require "convscope.files"
  local path = files.find("analyses", name)
  if not path then
    local names = {}
    for _, found in ipairs(files.all "analyses") do names[#names + 1] = found.name end
    return nil, ("no analysis '%s': there are %s"):format(name, table.concat(names, ", ")), "not_found"
  end
  local analysis, problem = files.load(path)
  if type(analysis) ~= "table" or type(analysis.run) ~= "function" then
    return nil, problem or ("'%s' returns no table with a function `run`"):format(path), "format"
  end
  local given, names = {}, {}
  for key, value in pairs(analysis.options or {}) do
    given[key] = value
    names[#names + 1] = key
  end
  table.sort(names)
  for key, value in pairs(options or {}) do
    if (analysis.options or {})[key] == nil then
      return nil, ("analysis %s has no option '%s': there are %s"):format(name, key, table.concat(names, ", ")), "argument"
    end
    local expected
    given[key], expected = as_default(analysis.options[key], value, (analysis.least or {})[key])
    if given[key] == nil then
      return nil, ("option '%s' of %s is '%s'; expected %s"):format(key, name, tostring(value), expected), "argument"
    end
  end
  return { analysis = analysis, given = given, names = names }
end

--- cs.analysis(name, net, data[, options])
-- Run an analysis, a file of the analyses directories, and return its result; `options` override its own. nil, message, code when there is none
-- of that name, or an option is not what its default is. An analysis is a Lua file that returns a table with `title`, `options` (names and defaults:
-- numbers, words or lists with commas, true or false), where wanted `least` (the smallest value of whole numbers, else 1, or 0 where that is the
-- default) and `run(job, net, data, options)`, which returns a cs.result.
function result.analysis(name, net, data, options)
  local prepared, why, kind = result.prepared(name, options)
  if not prepared then return nil, why, kind end
  local analysis, given = prepared.analysis, prepared.given
  local looking = require "convscope.looking"
  local function run()
    local job <close> = require("convscope.progress").open()
    return analysis.run(job, net, data, given)
  end
  local out, message, code = looking.guarded(run)
  if out then
    local blocks = looking.blocks(net)
    for _, column in ipairs(blocks and out.columns or {}) do
      if column == "layer" then out:note(blocks) end
    end
    local lines = {}
    for _, key in ipairs(prepared.names) do
      local value = given[key]
      lines[#lines + 1] = key .. "=" .. (type(value) == "table" and table.concat(value, ",") or tostring(value))
    end
    local about = { analysis = name, title = analysis.title or name, model = net.path, mark = net.mark, dataset = data.spec, options = table.concat(lines, "\n") }
    for key, value in pairs(about) do out.about[key] = value end
  end
  return out, message, code
end

return result
