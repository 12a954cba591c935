-- report: one HTML page about a model: curves, confusion, all analyses, pictures inline; nothing is fetched when it is opened.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local files = require "convscope.files"
local looking = require "convscope.looking"
local page = require "convscope.page"

-- The epochs of the trainings that a published run went on from, first to last, as those of cs.history(); and how many trainings that were.
local function before(directory)
  local epochs, stage = {}, 1
  while true do
    local text = cs.engine.system.read(("%s/before-%d-history.csv"):format(directory, stage))
    if not text then return epochs, stage - 1 end
    local names
    for line in text:gmatch "[^\r\n]+" do
      local row, k = {}, 0
      for word in (line .. ","):gmatch "([^,]*)," do
        k = k + 1
        if names then row[names[k] or k] = tonumber(word) else row[k] = word end
      end
      if names then
        epochs[#epochs + 1] = { train = { accuracy = row.train_accuracy, loss = row.train_loss }, val = { accuracy = row.val_accuracy, loss = row.val_loss } }
      end
      names = names or row
    end
    stage = stage + 1
  end
end

-- Learning curves of a run directory.
local function curves(out, directory)
  directory = cs.find_run(directory)
  local history = directory and cs.history(directory)
  if not history or #history.epochs == 0 then return end
  out:heading "Learning curves"
  local all, trainings = before(directory)
  local earlier = #all
  for _, epoch in ipairs(history.epochs) do all[#all + 1] = epoch end
  for _, what in ipairs { "accuracy", "loss" } do
    local series = {}
    for _, split in ipairs { "train", "val" } do
      local x, y = {}, {}
      for k, epoch in ipairs(all) do
        local value = epoch[split][what]
        if value then x[#x + 1], y[#y + 1] = k, value end
      end
      if #x > 0 then series[#series + 1] = { name = split == "val" and "validation" or "training", x = x, y = y } end
    end
    out:plot(what, cs.plot { title = what, x_label = "epoch", y_label = what, series = series })
  end
  local state, last = cs.run_state(directory), history.epochs[#history.epochs]
  out:text(("%d of %d epochs; best validation accuracy %s%s; last rate %.3g, %.0f images a second."):format(#history.epochs, state and state.epochs or 0,
    state and state.best_val_accuracy and common.percent(state.best_val_accuracy) or "unknown",
    state and state.best_epoch and (" in epoch %d"):format(earlier + state.best_epoch + 1) or "", last.rate or 0, last.images_per_second or 0))
  if earlier > 0 then out:text(("The curves begin with %d epochs of %s before it."):format(earlier, trainings == 1 and "a training" or trainings .. " trainings")) end
end

local function layers(out, net)
  out:heading "The network"
  local rows = {}
  for k, layer in ipairs(net.layers) do
    rows[k] = { layer.name, layer.description, common.shape(layer.output), common.grouped(layer.parameters), common.grouped(layer.macs),
      common.shape(layer.receptive_field) }
  end
  out:table({ "layer", "kind", "output", "parameters", "multiply-adds", "sees" }, rows)
  out:text(("%s parameters, %s multiply-adds an image."):format(common.grouped(net.parameters), common.grouped(net.macs)))
  local named = looking.blocks(net)
  if named then out:text("Below, " .. named .. ".", "note") end
end

local function accuracy(out, net, data, split, images, short)
  local result = cli.check(net:evaluate(images))
  local heading = "Accuracy on the " .. split .. " images"
  local n, p = result.images, result.accuracy -- Wilson's interval
  local middle, half = (p + 1.92 / n) / (1 + 3.84 / n), 1.96 * math.sqrt(p * (1 - p) / n + 0.96 / n ^ 2) / (1 + 3.84 / n)
  local text = ("%s [%.1f, %.1f] of %d images; top 5 %s; loss %.4f."):format(common.percent(p), 100 * (middle - half), 100 * (middle + half), n, common.percent(result.top5_accuracy), result.loss)
  out:heading(heading)
  out:text(text)
  short(heading, text)
  local shares, worst = result.confusion:copy(), {}
  for r = 0, data.classes - 1 do
    local row, sum = result.confusion[r]:tolist(), shares[r]:sum()
    if sum > 0 then shares[r] = shares[r] / sum end
    for c, n in ipairs(row) do
      if c - 1 ~= r and n > 0 then worst[#worst + 1] = { data:class_name(r), data:class_name(c - 1), math.tointeger(n), r, c } end
    end
  end
  out:plot("confusion", cs.plot { title = "confusion, each true class as shares", y_label = "true class", x_label = "predicted class", cells = shares, map = "heat" },
    { width = 800, height = 760 })
  table.sort(worst, function(a, b)
    if a[3] ~= b[3] then return a[3] > b[3] end
    return a[4] < b[4] or a[4] == b[4] and a[5] < b[5]
  end)
  for k = #worst, 16, -1 do worst[k] = nil end
  for k, row in ipairs(worst) do worst[k] = { row[1], row[2], row[3] } end
  out:table({ "true class", "taken for", "images" }, worst)
  return result
end

-- A data set whatever folder it lies in.
local function placeless(spec) return (tostring(spec):gsub("^[^:]*/", "")) end

-- The result of an analysis that lies at `path` already, where it is of this network, these images and, as far as some are given, these options; ends the
-- program where it is of others, since what is written there would be lost.
local function finished(path, net, data, options)
  local result = cli.check(cs.read_result(path))
  local about = result.about
  local function other(what, ...) cli.fail("'%s' is " .. what .. "; name another directory with --results, or remove it", path, ...) end
  if about.mark ~= net.mark then other("of another model (%s)", about.model or "a network in memory") end
  if placeless(about.dataset) ~= placeless(data.spec) then other("of another data set (%s)", about.dataset or "unknown") end
  for key, value in pairs(options or {}) do
    local line = ("\n%s\n"):format(about.options or ""):match(("\n%s=([^\n]*)\n"):format(key:gsub("%p", "%%%0")))
    local wanted = type(value) == "table" and table.concat(value, ",") or tostring(value)
    if line ~= wanted then other("with %s = %s, not %s", key, line or "?", wanted) end
  end
  return result
end

-- The result of an analysis, done now (and kept in `results`, where that is given) or lying there; nil, message where it cannot be done.
local function made(name, net, data, options, results)
  local path = results and ("%s/%s.hdf5"):format(results, name)
  if path and cs.engine.system.exists(path) then return finished(path, net, data, options) end
  local result, message, code = cs.analysis(name, net, data, options)
  if code == "cancelled" then cli.fail(results and "%s; what was finished is in %s: the same command goes on" or "%s", message, results) end
  if result and results then cli.check(result:save(results, name)) end
  return result, message
end

local function analysis(out, name, title, net, data, options, short, results)
  out:heading(name)
  out:text(title, "about")
  local result, message = made(name, net, data, options, results)
  if not result then return out:text("Not done: " .. message, "note") end
  for _, verdict in ipairs(result.verdicts) do short(name, verdict) end
  local said = looking.blocks(net) -- once, beside the table of layers
  for _, note in ipairs(result.notes) do
    if note ~= said then out:text(note, "note") end
  end
  for _, entry in ipairs(result.plots) do out:plot(entry.name, entry.plot) end
  for _, entry in ipairs(result.pictures) do out:picture(entry.caption or entry.name, entry.picture) end
  out:details(("%d rows"):format(#result.rows), result.columns, result.rows, 400)
end

return {
  summary = "one HTML page about a model: curves, confusion, all analyses, pictures inline",
  description = "Runs every analysis there is on a model and writes one page that needs nothing beside it. An analysis that cannot be done on this data set is said to be "
    .. "left out, and why. With --results each result is kept as it is finished, as convscope analyze -o writes it, and what is there already is not done again: "
    .. "interrupted, the same command goes on.",
  arguments = function(parser)
    parser:argument("model", "A run directory (its best), a model file, or an installed model."):argname "RUN|MODEL"
    common.model_options(parser)
    common.data_option(parser)
    parser:option("-o --output", "The page (MODEL-report.html)."):argname "PAGE.html"
    parser:option("--analyses", "Only these, with commas between (all)."):argname "NAMES"
    parser:option("--results", "Directory of results: those of this model and data set that are there are taken, the others are done and written there."):argname "DIR"
    parser:option("--split", "Images that accuracy and confusion are of.", "test"):argname "SPLIT"
    common.set_option(parser, "An option of an analysis, as noise.images=200.")
    parser:flag("--force", "Replace a page that is there already.")
    common.threads(parser)
  end,
  run = function(args)
    local net = common.load_model(args)
    local data = common.open_data(args, net)
    local path = args.output or args.model:gsub("/+$", ""):gsub("%.%w+$", "") .. "-report.html"
    if cs.engine.system.exists(path) and not args.force then cli.fail("'%s' is there already; --force replaces it", path) end
    cli.check(cs.engine.system.writable(path))
    common.ready_directory(args.results)
    local wanted, list, settings = {}, {}, {}
    for word in (args.analyses or ""):gmatch "[^,%s]+" do wanted[word] = true end
    for _, file in ipairs(files.all "analyses") do
      if not args.analyses or wanted[file.name] then
        list[#list + 1] = file
        wanted[file.name] = nil
      end
    end
    if args.analyses and next(wanted) then cli.fail("no analysis '%s'; convscope analyze lists them", (next(wanted))) end
    for key, value in pairs(common.settings(args.set)) do
      local name, option = key:match "^([^.]+)%.(.+)$"
      if not name then cli.usage("--set %s: expected ANALYSIS.OPTION=VALUE, as noise.images=200", key) end
      settings[name] = settings[name] or {}
      settings[name][option] = value
    end
    local called, kind = args.model:gsub("/+$", ""):match "[^/]*$", net.name
    if kind ~= "" and kind ~= called then called = ("%s (%s)"):format(called, kind) end
    local out = page.new(("%s on %s"):format(called, placeless(data.spec))) -- no paths of this machine on a page that is passed on
    out:text(("convscope %s, %s; %d training, %d validation and %d test images of %d classes."):format(cs.version, os.date "%Y-%m-%d", data.train.count,
      data.val.count, data.test.count, data.classes))
    out:heading "In short"
    local short = out:contents()
    curves(out, args.model)
    layers(out, net)
    if net.classes == data.classes then
      accuracy(out, net, data, args.split, common.choose_split(args, data), short)
    else
      out:text(("The network tells %d classes apart and %s has %d: no accuracy."):format(net.classes, data.spec, data.classes), "note")
    end
    for k, file in ipairs(list) do
      if file.name ~= "confusion" then
        local ok, found = pcall(dofile, file.path)
        if ok and type(found) == "table" then
          cli.say("%d of %d: %s", k, #list, file.name)
          analysis(out, file.name, found.title or "", net, data, settings[file.name], short, args.results)
        else
          out:heading(file.name)
          out:text("Cannot be loaded: " .. tostring(found), "note")
        end
      end
    end
    cs.progress()
    cli.check(cs.write_file(path, cli.check(out:html())))
    cli.print("wrote " .. path)
  end,
}
