-- exports.lua: the files that the browser's screens of numbers and figures export, made without it: same tables, same figures, byte for byte.
-- Scripts that :record writes use them; a script of one's own can too. (Sheets of pictures are sheet.lua's.)
local cs = require "convscope"
local system = cs.engine.system

local exports = {}

-- ---- tables ----

local function cell(value)
  if value == nil or value ~= value then return "" end -- not known
  local text = math.type(value) == "float" and ("%.9g"):format(value) or tostring(value)
  if text:find '[,"\r\n]' then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

-- Write rows (lists; the first names the columns) to STEM.csv. true, or nil, message, code.
local function save_table(rows, columns, stem)
  local lines = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for k = 1, columns do cells[k] = cell(row[k]) end
    lines[i] = table.concat(cells, ",")
  end
  local directory = stem:match "^(.*)/[^/]*$"
  if directory and directory ~= "" then
    local done, message, code = system.make_directories(directory)
    if not done then return nil, message, code end
  end
  local done, message, code = cs.write_file(stem .. ".csv", table.concat(lines, "\n") .. "\n")
  if not done then return nil, message, code end
  return true
end

-- A figure as PNG and SVG, as large as the browser makes them.
local function save_plot(description, stem)
  local size = { width = 900, height = description.cells and 840 or 560 }
  for _, ending in ipairs { ".png", ".svg" } do
    local done, message, code = cs.plot(description):save(stem .. ending, size)
    if not done then return nil, message, code end
  end
  return true
end

-- f(...) for each step until one fails: true, or its nil, message, code.
local function all(...)
  for _, step in ipairs { ... } do
    local done, message, code = step()
    if not done then return nil, message, code end
  end
  return true
end

local function check_options(options, known, what)
  for key in pairs(options or {}) do
    if not known[key] then error(("%s: no option '%s'"):format(what, tostring(key)), 3) end
  end
  return options or {}
end

-- ---- a network and its answers ----

-- The layers whose features the browser looks at, by index: those with weights, after the batch norm and the activation that belong to them.
local function looked_at(layers)
  local out = {}
  for i, layer in ipairs(layers) do
    if layer.type == "conv" or layer.type == "dense" then
      local at, activation = i, layer.spec.activation
      if not activation or activation == "linear" then
        local next = layers[i + 1] and layers[i + 1].type == "batchnorm" and i + 2 or i + 1
        if layers[next] and layers[next].type == "activation" then at = next end
      end
      out[layers[at].index] = true
    end
  end
  return out
end

--- cs.exports.network(net, images, stem)
-- STEM.csv: the table of layers, a row each: `layer`, `name`, `type`, `output`, `parameters`, `macs`, `field_rows`, `field_columns`, and `silent`,
-- how many features fire on none of the images (at most 2,000 of them; `images` may be nil). All of these return true, or nil, message, code.
function exports.network(net, images, stem)
  local rows = { { "layer", "name", "type", "output", "parameters", "macs", "field_rows", "field_columns", "silent" } }
  local seen, looked = images and images:sample(2000, 0), looked_at(net.layers)
  for i, layer in ipairs(net.layers) do
    local silent
    if seen and looked[layer.index] then
      local exemplars, message, code = cs.exemplars(net, seen, layer.name, { top = 1 })
      if not exemplars then return nil, message, code end
      silent = 0
      for feature = 0, exemplars.features - 1 do
        if exemplars:fired(feature) == 0 then silent = silent + 1 end
      end
    end
    rows[i + 1] = { layer.index, layer.name, layer.type, table.concat(layer.output, "x"), layer.parameters, layer.macs, layer.receptive_field[1],
      layer.receptive_field[2], silent }
  end
  return save_table(rows, 9, stem)
end

-- What the network says to each image: lists of classes from 0 and of confidences, in parts per million as the browser keeps them.
local function answers(net, images)
  local said, sure = {}, {}
  for first = 0, images.count - 1, 256 do
    local part = images:images(first, math.min(256, images.count - first))
    local scores, message, code = net:predict(part, { output = "scores" })
    if not scores then return nil, message, code end
    for i, row in ipairs(scores:tolist()) do
      local best, sum = 1, 0
      for c = 2, #row do
        if row[c] > row[best] then best = c end
      end
      for c = 1, #row do sum = sum + math.exp(row[c] - row[best]) end
      said[first + i], sure[first + i] = best - 1, math.floor(1e6 / sum) / 1e6
    end
  end
  return said, sure
end

local function name_of(names, class)
  return class and (names[class + 1] or ("class %d"):format(class)) or "?"
end

-- How the browser names a class: labels as the data set does, answers as the model does.
local function namers(net, images)
  local of_data, of_net = images.data and images.data.class_names or {}, net.class_names or {}
  return function(class) return name_of(of_data[1] and class and of_data[class + 1] and of_data or of_net, class) end,
    function(class) return name_of(of_net[1] and class and of_net[class + 1] and of_net or of_data, class) end
end

local image_orders = {
  number = function(a, b) return a < b end,
  class = function(a, b, list)
    if list.label[a] ~= list.label[b] then return (list.label[a] or -1) < (list.label[b] or -1) end
    return a < b
  end,
  wrong = function(a, b, list)
    if list.sure[a] ~= list.sure[b] then return list.sure[a] > list.sure[b] end
    return a < b
  end,
  unsure = function(a, b, list)
    if list.sure[a] ~= list.sure[b] then return list.sure[a] < list.sure[b] end
    return a < b
  end,
}

--- cs.exports.images(net, images, stem[, options])
-- STEM.csv: a list of images with `image` (its number), `class`, and what the network says: `predicted`, `confidence`. Options: `order`: "number",
-- "class", "wrong" (those alone, most confident first), "unsure" (least sure first) or "random"; `class`, a part of the names of the classes to
-- list; `asked` (true; false leaves the answers out).
function exports.images(net, images, stem, options)
  options = check_options(options, { order = true, class = true, asked = true }, "cs.exports.images")
  local order = options.order or "number"
  local list, rows = { label = {}, sure = {} }, { { "image", "class", "predicted", "confidence" } }
  local named, answered = namers(net, images)
  local positions, said, code = {}, {}, nil
  if options.asked ~= false or order == "wrong" or order == "unsure" then
    said, list.sure, code = answers(net, images)
    if not said then return nil, list.sure, code end
  end
  for i = 1, images.count do
    list.label[i] = images:label(i - 1)
    local wanted = not options.class or options.class == "" or
      list.label[i] and named(list.label[i]):lower():find(options.class:lower(), 1, true)
    if order == "wrong" and said[i] == list.label[i] then wanted = false end
    if wanted then positions[#positions + 1] = i end
  end
  if order == "random" then
    cs.random(1):shuffle(positions)
  else
    local before = image_orders[order] or error(("cs.exports.images: no order '%s'"):format(tostring(order)), 2)
    table.sort(positions, function(a, b) return before(a, b, list) end)
  end
  for _, i in ipairs(positions) do
    rows[#rows + 1] = { images:number(i - 1), named(list.label[i]), said[i] and answered(said[i]), said[i] and list.sure[i] }
  end
  return save_table(rows, 4, stem)
end

-- The classes as they stand in the matrix: by number, by how often each is mistaken, by name.
local function class_order(by, counts, of, named)
  local order = {}
  for c = 1, #of do order[c] = c end
  local function wrong(c) return of[c] > 0 and 1 - counts[c][c] / of[c] or -1 end
  table.sort(order, function(a, b)
    if by == "error" and wrong(a) ~= wrong(b) then return wrong(a) > wrong(b) end
    local x, y = named(a - 1):lower(), named(b - 1):lower()
    if by == "name" and x ~= y then return x < y end
    return a < b
  end)
  return order
end

--- cs.exports.confusion(net, images, stem[, options])
-- STEM.csv: how many images of each class (rows) are taken for which (columns); STEM.png and .svg: their shares as a heat map. Options: `order` of
-- the classes: "class", "error" (most often mistaken first) or "name".
function exports.confusion(net, images, stem, options)
  options = check_options(options, { order = true }, "cs.exports.confusion")
  local named = namers(net, images)
  local classes = math.max(net.classes, images.data and images.data.classes or 0)
  local said, message, code = answers(net, images)
  if not said then return nil, message, code end
  local counts, of, rows, cells = {}, {}, { { "true class" } }, {}
  for c = 1, classes do
    counts[c], of[c] = {}, 0
    for k = 1, classes do counts[c][k] = 0 end
  end
  for i, class in ipairs(said) do
    local label = images:label(i - 1)
    if label and label < classes then
      counts[label + 1][class + 1] = counts[label + 1][class + 1] + 1
      of[label + 1] = of[label + 1] + 1
    end
  end
  local order = class_order(options.order or "class", counts, of, named)
  for r, truth in ipairs(order) do
    rows[1][r + 1], rows[r + 1], cells[r] = named(truth - 1), { named(truth - 1) }, {}
    for c, class in ipairs(order) do
      rows[r + 1][c + 1] = counts[truth][class]
      cells[r][c] = of[truth] > 0 and counts[truth][class] / of[truth] or 0
    end
  end
  return all(function() return save_table(rows, classes + 1, stem) end, function()
    return save_plot({ title = "confusion: share of a class' images", x_label = "taken for", y_label = "true class", cells = cs.tensor(cells) }, stem)
  end)
end

--- cs.exports.comparison(a, b, images, stem[, images of a])
-- STEM.csv: what two networks say to the same images: `image`, `class`, `A`, `B`, and whether they are right, `A_right` and `B_right`. Where the first
-- one takes pictures of another size, its images are given too.
function exports.comparison(a, b, images, stem, images_a)
  local rows, named = { { "image", "class", "A", "B", "A_right", "B_right" } }, nil
  local answered
  named, answered = namers(b, images)
  local first, message, code = answers(a, images_a or images)
  if not first then return nil, message, code end
  local second
  second, message, code = answers(b, images)
  if not second then return nil, message, code end
  for i = 1, images.count do
    local label = images:label(i - 1)
    rows[i + 1] = { images:number(i - 1), named(label), answered(first[i]), answered(second[i]), first[i] == label and 1 or 0,
      second[i] == label and 1 or 0 }
  end
  return save_table(rows, 6, stem)
end

-- ---- results of analyses ----

local function column_of(result, name)
  for k, column in ipairs(result.columns) do
    if column == name then return k end
  end
end

local function opened(result)
  if type(result) ~= "string" then return result end
  return cs.read_result(result)
end

local function tensor_of(result, name)
  for _, entry in ipairs(result.tensors) do
    if entry.name == name then return entry.tensor end
  end
end

--- cs.exports.colour(result, stem)
-- STEM.csv: the screen of the colour analysis, a row a layer: how far responses move without red, green and blue (and half the interval about it), and
-- how many features go by colour, by shape, by both, by neither, and are silent. `result` is a cs.result or the path of one, here and below.
function exports.colour(result, stem)
  local message, code
  result, message, code = opened(result)
  if not result then return nil, message, code end
  local layer, by = column_of(result, "layer"), column_of(result, "goes by")
  local channels, rows, counts = tensor_of(result, "channels"), {}, { "colour", "shape", "both", "neither", "silent" }
  if not layer or not by then return nil, "this result has no table of features", "format" end
  local numbers = channels and channels:tolist()
  for _, entry in ipairs(result.rows) do
    local row = rows[#rows]
    if not row or row.name ~= entry[layer] then
      row = { name = entry[layer], colour = 0, shape = 0, both = 0, neither = 0, silent = 0 }
      rows[#rows + 1] = row
    end
    row[entry[by]] = (row[entry[by]] or 0) + 1
  end
  local out = { { "layer", "red", "red_half", "green", "green_half", "blue", "blue_half", table.unpack(counts) } }
  for i, row in ipairs(rows) do
    local line = { row.name }
    for c = 1, 3 do
      local at = numbers and numbers[i] and numbers[i][c]
      line[2 * c] = at and at[1]
      -- halves are single precision, as the browser's
      line[2 * c + 1] = at and cs.tensor({ 1 }, cs.tensor({ 1 }, at[3] - at[2])[0] / 2)[0]
    end
    for k, word in ipairs(counts) do line[7 + k] = row[word] end
    out[#out + 1] = line
  end
  return save_table(out, 12, stem)
end

--- cs.exports.colour_order(result, layer, channel)
-- The features of a layer as a list, those that lose most without a channel ("red", "green" or "blue") first, as the colour analysis found them: the
-- share of the response that goes, times the response.
function exports.colour_order(result, layer, channel)
  local message, code
  result, message, code = opened(result)
  if not result then return nil, message, code end
  local name, lost, response = column_of(result, "layer"), column_of(result, "without " .. channel), column_of(result, "response")
  if not name or not lost then return nil, "this result has no table of features", "format" end
  local values, count = {}, 0
  for _, row in ipairs(result.rows) do
    if row[name] == layer then
      values[count] = row[lost] == row[lost] and row[lost] * (response and row[response] or 1) or nil
      count = count + 1
    end
  end
  return require "convscope.order"(values, count)
end

local measures = {
  { "accuracy", "accuracy" }, { "activation drift", "drift", 0 }, { "reconstruction similarity", "similarity", 1 },
}

-- What the levels of a kind of damage are, and in which unit.
local levels = { gaussian = "sd of full range", salt_pepper = "share of pixels", blur = "sigma, pixels", jpeg = "quality, of 100" }

-- The lines of one measure: by layer, levels from left to right, where undamaged pictures stand put in.
local function noise_lines(result, at, kind, measure, undamaged)
  local clean_level, lines, by_layer = kind == "jpeg" and 100 or 0, {}, {}
  local function add(line, x, y, low, high)
    local place = #line.x + 1
    while place > 1 and line.x[place - 1] > x do place = place - 1 end
    for key, value in pairs { x = x, y = y, low = low, high = high } do table.insert(line[key], place, value) end
  end
  for _, row in ipairs(result.rows) do
    local clean = row[at.kind] == "none"
    if row[at.measure] == measure and (clean or row[at.kind] == kind) then
      local line = by_layer[row[at.layer]]
      if not line then
        line = { layer = row[at.layer], x = {}, y = {}, low = {}, high = {} }
        by_layer[line.layer], lines[#lines + 1] = line, line
      end
      if #line.x == 0 and not clean and undamaged then add(line, clean_level, undamaged, undamaged, undamaged) end
      add(line, clean and clean_level or row[at.level], row[at.mean], row[at.low], row[at.high])
    end
  end
  return lines
end

--- cs.exports.noise(result, stem, kind)
-- The screen of the noise analysis for one kind of damage ("gaussian", "jpeg", ...): STEM.csv, and STEM-accuracy, STEM-drift and STEM-similarity as PNG
-- and SVG.
function exports.noise(result, stem, kind)
  local message, code
  result, message, code = opened(result)
  if not result then return nil, message, code end
  local at, rows = {}, { { "kind", "measure", "layer", "level", "mean", "low", "high" } }
  for _, name in ipairs(rows[1]) do
    at[name] = column_of(result, name)
    if not at[name] then return nil, ("this result has no column '%s'"):format(name), "format" end
  end
  local steps = { function() return save_table(rows, 7, stem) end }
  for _, measure in ipairs(measures) do
    local series = {}
    for i, line in ipairs(noise_lines(result, at, kind, measure[1], measure[3])) do
      for k = 1, #line.x do
        rows[#rows + 1] = { kind, measure[1], line.layer, line.x[k] + 0.0, line.y[k] + 0.0, line.low[k] + 0.0, line.high[k] + 0.0 }
      end
      series[i] = { kind = #line.x > 1 and "line" or "points", name = line.layer, x = line.x, y = line.y, low = line.low, high = line.high }
    end
    steps[#steps + 1] = function()
      if #series == 0 then series[1] = { y = {} } end
      return save_plot({ title = measure[1], x_label = levels[kind] or kind, series = series, zero = true }, stem .. "-" .. measure[2])
    end
  end
  return all(table.unpack(steps))
end

local function save_figure(figure, stem)
  if figure.kind == "plot" then return save_plot(figure.plot, stem) end
  if figure.kind == "picture" then return figure.picture:save(stem .. ".png") end
  return all(function()
    local picture = cs.mosaic(figure.tensor, { columns = figure.columns > 0 and figure.columns or nil, zoom = 2, gap = 2 })
    return cs.picture(picture:pixels(), { photo = true }):save(stem .. ".png") -- its scales stay with the numbers
  end, function() return figure.tensor:save(stem .. ".hdf5") end)
end

--- cs.exports.result(result, stem[, options])
-- A part of any result: its table as STEM.csv, sorted by the column `sort` (largest first; the other way round with `ascending`; as written unless said), or
-- the figure of number `figure` (from 0): a plot as PNG and SVG, a mosaic as PNG and HDF5, a picture as PNG.
function exports.result(result, stem, options)
  options = check_options(options, { sort = true, ascending = true, figure = true }, "cs.exports.result")
  local message, code
  result, message, code = opened(result)
  if not result then return nil, message, code end
  if options.figure then
    local figure = result.figures[options.figure + 1]
    if not figure then return nil, ("this result has %d figures"):format(#result.figures), "not found" end
    return save_figure(figure, stem)
  end
  local rows, by = { result.columns }, options.sort and column_of(result, options.sort)
  if options.sort and not by then return nil, ("this result has no column '%s'"):format(options.sort), "not found" end
  local order = {}
  for i = 1, #result.rows do order[i] = i end
  if by then
    table.sort(order, function(a, b)
      local x, y = result.rows[a][by], result.rows[b][by]
      if x == y or (x ~= x and y ~= y) then return a < b end
      if x ~= x or y ~= y then return y ~= y end -- what is no number comes last
      local before
      if type(x) == "number" then before = x > y else before = x < y end
      if options.ascending then return not before end
      return before
    end)
  end
  for i, place in ipairs(order) do rows[i + 1] = result.rows[place] end
  return save_table(rows, #result.columns, stem)
end

-- ---- runs ----

--- cs.exports.curves(directories, stem[, options])
-- The learning curves of one run or of several as the browser draws them (see cs.curves): STEM-accuracy and STEM-loss as PNG and SVG, STEM.csv with the lines,
-- and the whole history of the first run as STEM.hdf5. Options: `smooth` and `apart` as for cs.curves, `log_y` (the loss), `x_low` and `x_high` (the epochs
-- shown; all unless said).
function exports.curves(directories, stem, options)
  options = check_options(options, { smooth = true, apart = true, log_y = true, x_low = true, x_high = true }, "cs.exports.curves")
  local low, high = options.x_low or 0, options.x_high or 0
  local curves, message, code = cs.curves(directories, { smooth = options.smooth, apart = options.apart })
  if not curves then return nil, message, code end
  local rows, steps = { { "quantity", "line", "epochs", "value", "low", "high" } }, {}
  for _, quantity in ipairs { "accuracy", "loss" } do
    local series = {}
    for i, line in ipairs(curves[quantity]) do
      for k = 1, #line.x do
        rows[#rows + 1] = { quantity, line.name, line.x[k], line.y[k], line.low and line.low[k], line.high and line.high[k] }
      end
      series[i] = { kind = #line.x > 1 and "line" or "points", name = line.name, x = line.x, y = line.y, low = line.low, high = line.high }
    end
    local figure = { title = quantity == "loss" and "loss" or "accuracy, %", x_label = "epoch", series = series,
      zero = quantity == "accuracy" and high == 0, log_y = quantity == "loss" and options.log_y or false, x_low = low, x_high = high }
    steps[#steps + 1] = function() return save_plot(figure, stem .. "-" .. quantity) end
  end
  steps[#steps + 1] = function() return save_table(rows, 6, stem) end
  steps[#steps + 1] = function() return cs.save_history(directories[1], stem .. ".hdf5") end
  return all(table.unpack(steps))
end

local function state_rank(run) return run.alive and 0 or run.finished and 1 or 2 end

local function larger(x, y)
  if x == y or (x ~= x and y ~= y) then return nil end
  if x ~= x or y ~= y then return y ~= y end
  return x > y
end

local function smaller(x, y)
  if x == y then return nil end
  return x < y
end

-- Each says whether the first goes before the second; nil: neither.
local run_orders = {
  run = function(a, b) return smaller(a.path, b.path) end,
  state = function(a, b) return smaller(state_rank(a), state_rank(b)) end,
  epoch = function(a, b) return larger(a.epoch, b.epoch) end,
  ["best val"] = function(a, b) return larger(a.best_val_accuracy, b.best_val_accuracy) end,
  written = function(a, b) return larger(a.modified, b.modified) end,
  model = function(a, b)
    if a.model ~= b.model then return a.model < b.model end
    return smaller(a.dataset, b.dataset)
  end,
}

--- cs.exports.runs(directory, stem[, options])
-- STEM.csv: the runs in a directory, a row each: `run`, `state` (training, done, stopped), `epoch`, `epochs`, `best_epoch`, `best_val_accuracy`, `modified`
-- (seconds since 1970), `model`, `dataset`. Options: `sort`, a column of the browser's list ("written" unless said; "run", "state", "epoch", "best val",
-- "model"), `back` (the other way round), `filter`, a part of the path, the model or the data set.
function exports.runs(directory, stem, options)
  options = check_options(options, { sort = true, back = true, filter = true }, "cs.exports.runs")
  local names, message, code = system.list(directory)
  if not names then return nil, message, code end
  local runs, filter = {}, (options.filter or ""):lower()
  for _, name in ipairs(names) do
    local run = system.is_directory(directory .. "/" .. name) and cs.run_state(directory == "." and name or directory .. "/" .. name)
    if run then
      for _, key in ipairs { "path", "model", "dataset" } do
        if run[key]:lower():find(filter, 1, true) then
          runs[#runs + 1] = run
          break
        end
      end
    end
  end
  local before = run_orders[options.sort or "written"] or error(("cs.exports.runs: no column '%s'"):format(tostring(options.sort)), 2)
  table.sort(runs, function(a, b)
    local first = before(a, b)
    if first == nil then return a.path < b.path end
    if options.back then return not first end
    return first
  end)
  local rows = { { "run", "state", "epoch", "epochs", "best_epoch", "best_val_accuracy", "modified", "model", "dataset" } }
  for i, run in ipairs(runs) do
    rows[i + 1] = { run.path, run.alive and "training" or run.finished and "done" or "stopped", run.epoch, run.epochs, run.best_epoch or -1,
      run.best_val_accuracy, math.tointeger(run.modified // 1), run.model, run.dataset }
  end
  return save_table(rows, 9, stem)
end

return exports
