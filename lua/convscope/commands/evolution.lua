-- evolution: how features form: projections of chosen features, epoch by epoch, while a network is trained (Zeiler & Fergus 2014, section 4.1).
--
-- What was seen after an epoch is written at once, into analyses/evolution/NNN.hdf5 of the run (000 is before the first), and the result is made of those files:
-- an interrupted evolution goes on where its training does. What was asked for stands in the run's config.json, so that it is there with the run and not before.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local colours = require "convscope.colours"
local json = require "convscope.json"
local looking = require "convscope.looking"
local system = cs.engine.system
local trials = require "convscope.trials"

-- "0,1,4" or "0-3,8": numbers.
local function list(text, what)
  local out = {}
  for word in text:gmatch "[^,]+" do
    local low, high = word:match "^(%d+)%-(%d+)$"
    low, high = tonumber(low or word), tonumber(high or word)
    if not low or low ~= math.floor(low) or high < low then cli.usage("--%s is '%s'; expected numbers as in 0,1,4-7", what, text) end
    for k = low, high do out[#out + 1] = math.tointeger(k) end
  end
  return out
end

-- The strongest picture of each feature among the images, with what was seen there.
local function look(net, images, layer, features)
  local targets, best = {}, {}
  local trace <close> = looking.must(net:trace(images))
  for k, feature in ipairs(features) do
    local found = trace:strongest(layer.index, feature)
    best[k] = found
    targets[k] = { image = found.image, feature = feature, row = found.row, column = found.column }
  end
  local seen = looking.must(cs.project(trace, layer.index, { targets = targets }))
  return seen, best
end

-- What stands on disk of an evolution: begin(seen) takes the place of an older one, record(net, epoch) writes what
-- is seen after so many epochs, read() gathers by layer; 0 is before the first.
local function recorder(directory, images, layers, features, wanted)
  local function path(epoch) return ("%s/%03d.hdf5"):format(directory, epoch) end
  local out = {}
  function out.has(epoch) return system.exists(path(epoch)) end
  function out.look(net)
    local parts = {}
    for i, layer in ipairs(layers) do
      local seen, best, table_of = nil, nil, {}
      seen, best = look(net, images, layer, features[i])
      for k, found in ipairs(best) do table_of[k] = { found.image, found.row, found.column, found.value } end
      parts["/" .. layer.name .. "/seen"], parts["/" .. layer.name .. "/strongest"] = seen, cs.tensor(table_of)
    end
    return parts
  end
  local function write(seen, epoch)
    cli.check(system.make_directories(directory))
    cli.check(cs.h5.write(path(epoch), seen))
  end
  function out.record(net, epoch)
    if epoch == 0 or wanted(epoch) then write(out.look(net), epoch) end
  end
  function out.begin(seen)
    for _, name in ipairs(system.list(directory) or {}) do
      if name:find "^%d+%.hdf5$" then os.remove(directory .. "/" .. name) end
    end
    write(seen, 0)
  end
  function out.read(epochs)
    local kept = {}
    for i, layer in ipairs(layers) do
      kept[i] = { seen = {}, best = {}, epochs = {} }
      for epoch = 0, epochs do
        if out.has(epoch) and (epoch == 0 or wanted(epoch)) then
          local best = {}
          for k, row in ipairs(cli.check(cs.h5.read(path(epoch), "/" .. layer.name .. "/strongest")):tolist()) do best[k] = { image = row[1] } end
          local seen = cli.check(cs.h5.read(path(epoch), "/" .. layer.name .. "/seen"))
          table.insert(kept[i].seen, seen)
          table.insert(kept[i].best, best)
          table.insert(kept[i].epochs, epoch)
        end
      end
    end
    return kept
  end
  return out
end

-- What the evolution in that run was begun with; nil where there is none.
local function asked_before(directory)
  local config = json.read(directory .. "/config.json")
  local about = type(config) == "table" and config.about
  local text = type(about) == "table" and about.evolution
  return type(text) == "string" and text or system.read(directory .. "/analyses/evolution/asked.txt") -- as older ones have it
end

-- The state of the evolution that is to be gone on with in that directory; nil where it begins, an end where there is something else. A run without a
-- checkpoint has nothing that could be lost.
local function begun(directory, asked, force)
  local state = cs.run_state(directory)
  if force or not state then return nil end
  if state.alive then cli.fail("'%s' is being trained right now by another process", directory) end
  local before = asked_before(directory)
  if not before then cli.fail("'%s' is there already, and is no evolution; choose another directory, or replace it with --force", directory) end
  if not state.finished and not system.exists(directory .. "/last.hdf5") then return nil end
  if before ~= asked then
    cli.fail("the evolution in '%s' was begun with %s, not with %s; ask for the same, or begin anew with --force", directory, before, asked)
  end
  return state
end

-- Likeness of each epoch's projections to the last ones, and whether the strongest picture is still the same.
local function converge(result, layer, one, features, point)
  local last, final = one.seen[#one.seen], one.best[#one.best]
  local settled
  for k, epoch in ipairs(one.epochs) do
    local alike, same = cs.measure.correlation(one.seen[k], last), 0
    local list_of = alike:tolist()
    for f, x in ipairs(list_of) do
      if x ~= x then list_of[f] = 0 end -- silent then, or now
      same = same + (one.best[k][f].image == final[f].image and 1 or 0)
    end
    local mean, low, high = looking.must(cs.statistics.bootstrap(list_of, { seed = 0 }))
    result:add(layer.name, epoch, mean, low, high, same / #features)
    point(layer.name, epoch, mean, low, high)
    if not settled and mean > 0.9 then settled = epoch end
  end
  if settled == one.epochs[#one.epochs] then
    result:note(("%s: its projections change to the end (their correlation with the last ones is above 0.9 at no epoch before)"):format(layer.name))
  else
    result:note(("%s: its projections are like the last ones (mean correlation above 0.9) from epoch %d of %d on"):format(layer.name, settled, one.epochs[#one.epochs]))
  end
end

return {
  summary = "how features form while a network is trained, epoch by epoch",
  description = "Trains a preset (as `train` does with the preset's own settings) and, after chosen epochs, projects the strongest unit of chosen features over the same "
    .. "test images. Writes a mosaic a layer (a row a feature, a column an epoch; the first column before training), how fast each layer's projections become "
    .. "what they end as, and all projections as HDF5, into the directory of -o beside the run. Interrupted, the same command goes on.",
  arguments = function(parser)
    parser:option("-m --model", "A preset, or a file that returns one (demo)."):argname "PRESET|FILE.lua"
    common.data_option(parser, "Data set (shapes).")
    parser:option("-o --output", "The run's directory (runs/evolution)."):argname "DIR"
    parser:flag("--force", "Replace a run that is there already.")
    parser:option("--epochs", "Passes over the training images (the preset's).", nil, common.integer(1)):argname "N"
    parser:option("--size", "Input size of the preset, in pixels.", nil, common.integer(8, 4096)):argname "N"
    parser:option("--at", "Epochs to look after, as in 1,2,4-8 (all), besides before the first and after the last."):argname "LIST"
    parser:option("-l --layers", "Layers, with commas between (every convolution)."):argname "LAYERS"
    parser:option("-f --features", "Features of each, as in 0,1,4-7 (the first eight)."):argname "LIST"
    parser:option("--images", "Test images to look at.", "64", common.integer(2, 4096)):argname "N"
    parser:option("--seed", "Seed of weights and training.", "0", common.integer(0)):argname "S"
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    local name, spec = args.model or "demo", args.data or "shapes"
    local _, probe = cli.check(cs.preset(name, { size = args.size }))
    local size = args.size or probe.size or 64
    local data = cli.check(cs.dataset(spec, common.data_settings(args, { size = size })))
    local net, preset = cli.check(cs.preset(name, { classes = data.classes, size = size, seed = args.seed }))
    local directory = args.output or "runs/evolution"
    local layers = cli.check(looking.guarded(looking.layers, net, args.layers or "all"))
    local features, asked = {}, args.features and list(args.features, "features")
    for i, layer in ipairs(layers) do
      features[i] = {}
      for _, f in ipairs(asked or list("0-7", "features")) do
        if f < layer.features then table.insert(features[i], f)
        elseif asked then cli.fail("feature %d is out of range: %s has features 0 to %d", f, layer.name, layer.features - 1) end
      end
    end
    local epochs = {}
    for _, epoch in ipairs(args.at and list(args.at, "at") or {}) do epochs[epoch] = true end
    local total = args.epochs or preset.training and preset.training.epochs or 40
    local images = cli.check(looking.guarded(looking.test_images, data, args.images, args.seed))
    local place, names = directory .. "/analyses/evolution", {}
    for i, layer in ipairs(layers) do names[i] = layer.name .. "(" .. table.concat(features[i], " ") .. ")" end
    local asked = ("model %s, data %s, %s, %d images, %d epochs, seed %d%s"):format(name, spec, table.concat(names, " "), args.images, total, args.seed,
      args.size and (", size %d"):format(size) or "")
    local state = begun(directory, asked, args.force)
    local records = recorder(place, images, layers, features, function(epoch) return not args.at or epochs[epoch] or epoch == total end)
    local options = {}
    for key, value in pairs(preset.training or {}) do options[key] = value end
    options.epochs, options.seed, options.patience, options.about = total, args.seed, 0, { evolution = asked }
    local first = not state and records.look(net) or nil
    if state and not records.has(0) then records.record(net, 0) end
    -- ended between a checkpoint and the look at it
    if state and state.epoch > 0 and not records.has(state.epoch) and system.exists(directory .. "/last.hdf5") then
      records.record(cli.check(cs.load(directory .. "/last.hdf5")), state.epoch)
    end
    local trained, run, code = trials.train { directory = directory, data = data, make = function() return net end, options = options, anew = args.force,
      tell = function(text) cs.progress(nil, text) end, on_begin = first and function() records.begin(first) end,
      on_epoch = function(now, number) records.record(now, number + 1) end }
    if not trained then cli.fail(code == "cancelled" and "%s; the same command goes on" or "%s", run) end
    local kept = records.read(total)
    cs.progress()
    local result = cs.result { "layer", "epoch", "like the last", "low", "high", "same picture" }
    local series, point = looking.series()
    for i, layer in ipairs(layers) do
      local one, tiles = kept[i], {}
      cli.check(looking.guarded(function() converge(result, layer, one, features[i], point) return true end))
      for f in ipairs(features[i]) do
        for k in ipairs(one.epochs) do tiles[#tiles + 1] = one.seen[k]:slice(f - 1, 1) end
      end
      result:mosaic(layer.name, cs.concat(tiles), #one.epochs, ("the strongest of features %s of %s, a row each; after %s epochs from left to right (0: before training)"):format(
        table.concat(features[i], ", "), layer.name, table.concat(one.epochs, ", ")))
    end
    result:note(("training ended with %.1f %% validation accuracy after %d epochs"):format(100 * (run.accuracy or 0 / 0), run.epochs))
    for i, curve in ipairs(series) do curve.colour = colours.of_depth(i, #series) end
    result:plot("convergence", cs.plot { title = "how soon projections become what they end as", x_label = "epoch (0: before training)",
      y_label = "correlation with the last", series = series })
    local paths = cli.check(result:save(directory .. "/analyses", "evolution"))
    if args.json then
      local document = result:data()
      document.directory, document.files = directory, paths
      return cli.json(document, { "directory", "columns", "rows", "notes", "files" })
    end
    cli.print(result:text(30))
    for _, path in ipairs(paths) do cli.print("wrote " .. path) end
  end,
}
