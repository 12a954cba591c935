-- evolution: how features form: projections of chosen features, epoch by epoch, while a network is trained (Zeiler & Fergus 2014, section 4.1).
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local looking = require "convscope.looking"

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

-- Gathers after each of the chosen epochs; -1 is before the first.
local function recorder(images, layers, features, wanted)
  local kept = {}
  for i in ipairs(layers) do kept[i] = { seen = {}, best = {}, epochs = {} } end
  return kept, function(net, epoch)
    if epoch >= 0 and not wanted(epoch) then return end
    for i, layer in ipairs(layers) do
      local seen, best = look(net, images, layer, features[i])
      table.insert(kept[i].seen, seen)
      table.insert(kept[i].best, best)
      table.insert(kept[i].epochs, epoch)
    end
  end
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
  result:note(("%s: its projections are like the last ones (mean correlation above 0.9) from epoch %d on"):format(layer.name, settled))
end

return {
  summary = "how features form while a network is trained, epoch by epoch",
  description = "Trains a preset (as `train` does with the preset's own settings) and, after chosen epochs, projects the strongest unit of chosen features over the same "
    .. "test images. Writes a mosaic a layer (a row a feature, a column an epoch; the first column before training), how fast each layer's projections become "
    .. "what they end as, and all projections as HDF5, into the directory of -o beside the run.",
  arguments = function(parser)
    parser:option("-m --model", "A preset, or a file that returns one (demo)."):argname "PRESET|FILE.lua"
    common.data_option(parser, "Data set (shapes).")
    parser:option("-o --output", "The run's directory (runs/evolution)."):argname "DIR"
    parser:flag("--force", "Replace a run that is there already.")
    parser:option("--epochs", "Passes over the training images (the preset's).", nil, common.integer(1)):argname "N"
    parser:option("--at", "Epochs to look after, as in 0,1,2,4-8 (all)."):argname "LIST"
    parser:option("-l --layers", "Layers, with commas between (every convolution)."):argname "LAYERS"
    parser:option("-f --features", "Features of each, as in 0,1,4-7 (the first eight)."):argname "LIST"
    parser:option("--images", "Test images to look at.", "64", common.integer(2, 4096)):argname "N"
    parser:option("--seed", "Seed of weights and training.", "0", common.integer(0)):argname "S"
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    local name, spec = args.model or "demo", args.data or "shapes"
    local _, probe = cli.check(cs.preset(name))
    local size = probe.size or 64
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
    local kept, record = recorder(images, layers, features, function(epoch) return not args.at or epochs[epoch] or epoch == total - 1 end)
    local options = {}
    for key, value in pairs(preset.training or {}) do options[key] = value end
    options.epochs, options.seed, options.out, options.overwrite, options.patience = total, args.seed, directory, args.force or nil, 0
    options.on_batch = function(news)
      cs.progress((news.epoch + news.batch / math.max(1, news.batches)) / total, ("epoch %d of %d, loss %.3f"):format(news.epoch, total, news.loss or 0 / 0))
    end
    options.on_epoch = function(epoch) record(net, epoch.number) end
    record(net, -1)
    local run = cli.check(cs.train(net, data, options))
    cs.progress()
    local result = cs.result { "layer", "epoch", "like the last", "low", "high", "same picture" }
    local series, point = looking.series()
    for i, layer in ipairs(layers) do
      local one, tiles = kept[i], {}
      cli.check(looking.guarded(function() converge(result, layer, one, features[i], point) return true end))
      for f in ipairs(features[i]) do
        for k in ipairs(one.epochs) do tiles[#tiles + 1] = one.seen[k]:slice(f - 1, 1) end
      end
      result:mosaic(layer.name, cs.concat(tiles), #one.epochs)
    end
    result:note(("training ended with %.1f %% validation accuracy after %d epochs"):format(100 * (run.best_val_accuracy or 0 / 0), run.epochs))
    result:plot("convergence", cs.plot { title = "how soon projections become what they end as", x_label = "epoch (-1: before training)",
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
