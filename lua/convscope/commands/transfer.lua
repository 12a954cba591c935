-- transfer: what a network's features are worth on other images: its layers frozen under a new classifier, fine-tuned, and begun from scratch.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local trials = require "convscope.trials"

local arms = {
  { "frozen", "the layers kept as they are, a new classifier" },
  { "tuned", "the layers go on learning, a new classifier" },
  { "scratch", "the same network from new weights" },
}

-- The network of an arm: the layers of `net` with a classifier for `classes`.
local function build(net, classes, arm, seed)
  local list, last = {}, #net.layers
  while last > 0 and net.layers[last].type ~= "dense" do last = last - 1 end
  if last == 0 then cli.fail "the network has no dense layer to put a new classifier in the place of" end
  for i, layer in ipairs(net.layers) do list[i] = layer.spec end
  list[last].features, list[last].name = classes, list[last].name .. "_new"
  if arm == "scratch" then
    return cs.network { input = net.input, layers = list, seed = seed, name = net.name }
  end
  local new, message, code = net:rebuild(list, { seed = seed })
  if not new then return nil, message, code end
  for i, layer in ipairs(new.layers) do
    if arm == "frozen" and i ~= last and #layer.weights > 0 then new:freeze(layer.index) end
  end
  return new
end

local function correct(net, images)
  return require("convscope.looking").correct(cli.check(net:predict(images)), images:labels())
end

return {
  summary = "how well a network's features serve another data set, against training from scratch",
  description = "Trains three networks on another data set, each from the same seeds and for as long: the layers frozen under a new classifier, fine-tuned, and the "
    .. "same network from new weights. Accuracies are those of the test images, by the epoch that was best on the validation images; seeds are "
    .. "aggregated (mean, 95 % interval), and the arms are compared picture by picture (McNemar's test, all seeds together). Runs stand in the directory of -o; "
    .. "interrupted, the same command goes on.",
  arguments = function(parser)
    common.model_arguments(parser)
    common.data_option(parser, "The other data set.")
    parser:option("-o --output", "Directory for the runs and the result (runs/transfer)."):argname "DIR"
    parser:option("--epochs", "Passes over the training images.", "10", common.integer(1)):argname "N"
    parser:option("--batch", "Images a step.", "32", common.integer(1, 65536)):argname "N"
    parser:option("--seeds", "Runs of each kind, from different seeds.", "1", common.integer(1, 1000)):argname "N"
    parser:option("--rate", "Learning rate (Adam, cosine).", "0.001", common.number):argname "R"
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    if not args.data then cli.usage "which data set is it to serve? name one with -d" end
    local net = common.load_model(args)
    local data = common.open_data(args, net)
    if data.train.count == 0 or data.test.count == 0 then cli.fail("%s has no training images, or none to test on", data.spec) end
    local directory = args.output or "runs/transfer"
    local result = cs.result { "kind", "seed", "epochs", "validation accuracy", "test accuracy" }
    local scores, right = {}, {}
    for seed = 0, args.seeds - 1 do
      for k, arm in ipairs(arms) do
        local name = ("%s seed %d"):format(arm[1], seed)
        local found, summary = cli.check(trials.train {
          directory = ("%s/%s-seed%d"):format(directory, arm[1], seed), data = data,
          make = function() return build(net, data.classes, arm[1], seed) end,
          options = {
            epochs = args.epochs, batch = args.batch, seed = seed, patience = 0, schedule = "cosine", optimizer = cs.adam { rate = args.rate },
            keep_preprocess = arm[1] ~= "scratch" and net.preprocess.known or nil,
          },
          tell = function(text) cs.progress((seed * #arms + k - 1) / (args.seeds * #arms), name .. ": " .. text) end,
        })
        local answers = correct(found, data.test)
        scores[k], right[k] = scores[k] or {}, right[k] or {}
        table.insert(scores[k], answers:mean())
        table.insert(right[k], answers)
        result:add(arm[1], seed, summary.epochs, summary.accuracy or 0 / 0, answers:mean())
      end
    end
    cs.progress()
    local bars, low, high, names = {}, {}, {}, {}
    for k, arm in ipairs(arms) do
      local mean, from, to = trials.interval(scores[k])
      if args.seeds == 1 then mean, from, to = cs.statistics.bootstrap(right[k][1], { seed = 0 }) end
      names[k], bars[k], low[k], high[k] = arm[1], mean, from, to
      result:note(("%s (%s): %.1f %% of %d test images [%.1f, %.1f]"):format(arm[1], arm[2], 100 * mean, data.test.count, 100 * from, 100 * to))
    end
    for k = 1, 2 do
      local test = cs.statistics.mcnemar(cs.concat(right[3]), cs.concat(right[k]))
      result:note(("%s against scratch: %+.1f points [%.1f, %.1f], McNemar p = %.2g"):format(arms[k][1], 100 * test.difference, 100 * test.low, 100 * test.high,
        test.p))
    end
    result:plot("accuracy", cs.plot { title = ("%s on %s"):format(args.model:gsub("/+$", ""):match "[^/]*$", (data.spec:gsub("^[^:]*/", ""))), y_label = "test accuracy", categories = names,
      series = { { kind = "bars", y = bars, low = low, high = high } }, zero = true })
    local paths = cli.check(result:save(directory, "transfer"))
    if args.json then
      local document = result:data()
      document.model, document.dataset, document.files = args.model, data.spec, paths
      return cli.json(document, { "model", "dataset", "columns", "rows", "notes", "files" })
    end
    cli.print(result:text())
    for _, path in ipairs(paths) do cli.print("wrote " .. path) end
  end,
}
