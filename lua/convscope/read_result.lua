-- read_result.lua: a file that an analysis wrote, as the result it was (layout in result.lua).
local cs = require "convscope"

-- A name as a part of a path inside of a file.
local function part(name)
  return (tostring(name):gsub("/", " per "))
end

-- Numbers or texts under `at`, as a list; nil where there are none.
local function values(file, at)
  local shape, kind = file:shape(at)
  if not shape or #shape > 1 then return nil end
  if kind == "s" then return file:texts(at) end
  local tensor = file:read(at)
  return tensor and tensor:reshape({ -1 }):tolist()
end

local function colour_of(text)
  local r, g, b = tostring(text):match "^(%d+),(%d+),(%d+)$"
  return r and { math.tointeger(tonumber(r)), math.tointeger(tonumber(g)), math.tointeger(tonumber(b)) } or nil
end

-- A plot's description from under `at`.
local function read_plot(file, at)
  local plot = {}
  for _, key in ipairs { "title", "x_label", "y_label", "x_low", "x_high", "y_low", "y_high", "map" } do
    plot[key] = file:attribute(at, key)
  end
  for _, key in ipairs { "log_y", "zero" } do plot[key] = (file:attribute(at, key) or 0) ~= 0 end
  plot.categories = file:has(at .. "/categories") and file:texts(at .. "/categories") or nil
  plot.cells = file:has(at .. "/cells") and file:read(at .. "/cells") or nil
  if file:has(at .. "/series") then
    plot.series = {}
    for i, name in ipairs(file:list(at .. "/series")) do
      local under, series = ("%s/series/%s"):format(at, name), {}
      for _, key in ipairs { "x", "y", "low", "high" } do
        series[key] = file:has(under .. "/" .. key) and values(file, under .. "/" .. key) or nil
      end
      series.kind, series.name = file:attribute(under, "kind"), file:attribute(under, "name")
      series.colour = colour_of(file:attribute(under, "colour"))
      plot.series[i] = series
    end
  end
  return plot
end

local function read_figure(file, at, result)
  local kind, name, caption = file:attribute(at, "kind"), file:attribute(at, "name") or "", file:attribute(at, "caption")
  if kind == "plot" then
    result:plot(name, cs.plot(read_plot(file, at)))
  elseif kind == "picture" then
    local pixels = file:read(at .. "/pixels")
    if pixels then result:picture(name, cs.picture(pixels, { photo = true }), caption) end
  elseif kind == "mosaic" then
    local tensor = file:read(file:attribute(at, "tensor") or "")
    local columns = math.tointeger(file:attribute(at, "columns")) or 0
    if tensor then
      result.figures[#result.figures + 1] = { kind = "mosaic", name = name, columns = columns, tensor = tensor, caption = caption }
      result.pictures[#result.pictures + 1] = { name = name, picture = cs.mosaic(tensor, { columns = columns > 0 and columns or nil, zoom = 2 }), caption = caption }
    end
  end
end

-- The table, row by row, from its columns.
local function read_rows(file, result)
  local columns, rows = {}, 0
  for k, name in ipairs(result.columns) do
    columns[k] = values(file, "/columns/" .. part(name)) or {}
    rows = math.max(rows, #columns[k])
  end
  for i = 1, rows do
    local row = { n = #columns }
    for k = 1, #columns do row[k] = columns[k][i] end
    result.rows[i] = row
  end
end

--- cs.read_result(path)
-- The result of an analysis from the file it was written to: a cs.result with its `columns`, `rows`, `notes`, `verdicts`, `advice`, `tensors`, `plots`, `pictures` and
-- `figures`, and `about` (analysis, title, model, mark, dataset, options). What is no such file is nil, message, code.
return function(path)
  local file <close>, message, code = cs.h5.open(path)
  if not file then return nil, message, code end
  if not file:attribute("/", "convscope_result") then
    return nil, ("'%s' is no result of an analysis"):format(path), "format"
  end
  local result = cs.result(file:has "/column_names" and file:texts "/column_names" or {})
  for _, key in ipairs { "analysis", "title", "model", "mark", "dataset", "options" } do result.about[key] = file:attribute("/", key) end
  result.notes = file:has "/notes" and file:texts "/notes" or {}
  result.verdicts = file:has "/verdicts" and file:texts "/verdicts" or {}
  read_rows(file, result)
  for _, name in ipairs(file:has "/tensors" and file:list "/tensors" or {}) do result:tensor(name, file:read("/tensors/" .. name)) end
  for _, name in ipairs(file:has "/figures" and file:list "/figures" or {}) do read_figure(file, "/figures/" .. name, result) end
  if file:has "/advice" then
    local lists = {}
    for _, key in ipairs { "layer", "change", "value", "why" } do lists[key] = file:texts("/advice/" .. key) or {} end
    for i = 1, #lists.layer do
      result:advise { layer = lists.layer[i], change = lists.change[i], value = tonumber(lists.value[i]) or lists.value[i], why = lists.why[i] }
    end
  end
  return result
end
