-- train: a network on a data set, into a run directory; or go on with a run.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local json = require "convscope.json"
local system = cs.engine.system

local optimizer_keys = { momentum = true, nesterov = true, weight_decay = true, clip_norm = true, average = true, beta1 = true, beta2 = true,
  epsilon = true }
local schedule_keys = { warmup = "warmup", schedule_factor = "factor", schedule_every = "every", schedule_final = "final",
  schedule_peak = "peak_at", schedule_start = "start" }
local augment_keys = { flip = true, flip_vertical = true, shift = true, rotate = true, crop = true, brightness = true, contrast = true,
  saturation = true, hue = true, cutout = true, augment_val = "val" }
local plain_keys = { patience = true, smoothing = true, checkpoint_seconds = true, keep_preprocess = true, zca = true, teacher_share = true }

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, entry in pairs(value) do out[key] = copy(entry) end
  return out
end

-- What --augment may name: words that stand alone, and numbers with what they are without one. `jitter=X` is short for three.
local augment_words = { flip = true, flip_vertical = true, val = true }
local augment_numbers = { shift = 4, rotate = 180, crop = 0.5, brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 20, cutout = 16,
  jitter = 0.4 }
local augment_help = "none, or some of flip, flip_vertical, shift=PIXELS, rotate=DEGREES, crop=SHARE, jitter=X (brightness=X, contrast=X, "
  .. "saturation=X), hue=DEGREES, cutout=PIXELS, zca[=EPSILON] (whiten, fitted to the training images), val (validation images too)"

-- "flip,shift=4" (or "none") as cs.train takes it, and `zca`.
local function augmentation(text)
  local out, zca = {}, nil
  if text == "none" then return out end
  for word in text:gmatch "[^,]+" do
    local key, value = word:match "^([%w_]+)=?(.*)$"
    local number = augment_numbers[key]
    if number and value ~= "" then
      number = tonumber(value)
      if not number then cli.usage("--augment %s: expected %s=NUMBER", word, key) end
    end
    if augment_words[key] and value == "" then
      out[key] = true
    elseif key == "zca" then
      zca = value == "" or tonumber(value)
      if not zca then cli.usage("--augment %s: expected zca or zca=EPSILON", word) end
    elseif key == "jitter" then
      out.brightness, out.contrast, out.saturation = number, number, number
    elseif number then
      out[key] = math.tointeger(number) or number
    else
      cli.usage("--augment %s: expected %s", word, augment_help)
    end
  end
  return out, zca
end

-- Training options: the preset's advice, then what the command line says.
local function training_options(args, advice, settings)
  local out = copy(advice or {})
  if type(out.optimizer) == "string" then out.optimizer = { kind = out.optimizer } end
  if type(out.schedule) == "string" then out.schedule = { kind = out.schedule } end
  if out.warmup then
    out.schedule = out.schedule or { kind = "constant" }
    out.schedule.warmup, out.warmup = out.warmup, nil
  end
  if args.optimizer and args.optimizer ~= (out.optimizer or {}).kind then
    out.optimizer = args.optimizer == "sgd" and { kind = "sgd", momentum = 0.9 } or { kind = args.optimizer }
  end
  out.optimizer = out.optimizer or { kind = "sgd", momentum = 0.9 }
  if args.rate then out.optimizer.rate = args.rate end
  if args.schedule and args.schedule ~= (out.schedule or {}).kind then out.schedule = { kind = args.schedule } end
  out.schedule = out.schedule or { kind = "constant" }
  if args.augment then out.augment, out.zca = augmentation(args.augment) end
  for _, key in ipairs { "epochs", "batch", "seed", "precision", "teacher" } do
    if args[key] then out[key] = args[key] end
  end
  local rest = {}
  for key, value in pairs(settings) do
    if optimizer_keys[key] then
      out.optimizer[key] = value
    elseif schedule_keys[key] then
      out.schedule[schedule_keys[key]] = value
    elseif augment_keys[key] then
      out.augment = out.augment or {}
      out.augment[augment_keys[key] == true and key or augment_keys[key]] = value
    elseif plain_keys[key] then
      out[key] = value
    else
      rest[key] = value
    end
  end
  return out, rest
end

-- What a trained model takes where nothing else is said: a tenth of the rate that a training from scratch takes, reached over the first
-- epoch. At the whole rate the first steps, taken without any memory of earlier ones, undo what it has learnt.
local from_rates = { sgd = 0.001, adam = 0.0001 }

local function gently(options, images)
  local optimizer, schedule = options.optimizer, options.schedule
  optimizer.rate = optimizer.rate or from_rates[optimizer.kind]
  if not schedule.warmup and schedule.kind ~= "one-cycle" then schedule.warmup = math.min(1000, math.ceil(images / (options.batch or 32))) end
end

local function setting_names()
  local names = {}
  for _, keys in ipairs { optimizer_keys, schedule_keys, augment_keys, plain_keys } do
    for key in pairs(keys) do names[#names + 1] = key end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- runs/demo-shapes-20260131-142500
local function default_directory(preset, spec)
  local data = spec:gsub("/+$", ""):match "([^/]+)$":gsub("%.%w+$", ""):gsub("[^%w_.-]+", "-")
  local model = preset:match "([^/]+)$":gsub("%.lua$", "")
  local base = ("runs/%s-%s-%s"):format(model, data, os.date "%Y%m%d-%H%M%S")
  local path, n = base, 1
  while system.exists(path) do
    n = n + 1
    path = base .. "-" .. n
  end
  return path
end

local function percent(x) return x and ("%.2f %%"):format(100 * x) or "-" end

-- What is told while it trains: a live line on a terminal, one line an epoch, and without a terminal one line a minute.
local function watcher(json)
  local told, shown = system.clock(), 0
  local out = json and io.stderr or io.stdout
  local function line(text)
    cli.clear()
    out:write(text, "\n") -- a log that went away does not end a training
    out:flush()
  end
  local function on_batch(news)
    local now = system.clock()
    local eta = news.eta and "  ETA " .. cli.duration(news.eta) or ""
    local speed = (news.images_per_second or 0) > 0 and ("  %.0f img/s"):format(news.images_per_second) or ""
    local state = ("epoch %d/%d  %d/%d batches%s%s  loss %.4f  accuracy %s"):format(news.epoch + 1, news.epochs, news.batch,
      news.batches, speed, eta, news.loss or 0 / 0, percent(news.accuracy))
    if news.phase and news.phase ~= "training" then state = ("epoch %d/%d  %s"):format(news.epoch + 1, news.epochs, news.phase) end
    if cli.live then
      if now - shown < 0.1 then return end
      shown = now
      cli.show_line(cli.bar((news.epoch + (news.batches > 0 and news.batch / news.batches or 0)) / news.epochs, 16) .. " " .. state)
    elseif now - told >= 60 then
      told = now
      line(state)
    end
  end
  local function on_epoch(epoch, news)
    told = system.clock()
    line(("epoch %d/%d  train loss %.4f accuracy %s  val loss %s accuracy %s%s  rate %.3g  %.0f img/s  %s"):format(
      epoch.number + 1, news.epochs, epoch.train.loss or 0 / 0, percent(epoch.train.accuracy),
      epoch.val.loss and ("%.4f"):format(epoch.val.loss) or "-", percent(epoch.val.accuracy), epoch.best and " *" or "",
      epoch.rate or 0, epoch.images_per_second or 0, cli.duration(epoch.seconds or 0)))
  end
  return on_batch, on_epoch, line
end

local function finish(run, message, code, summary, directory, json)
  cli.clear()
  local ended = run or summary
  if json then
    local document = copy(ended or {})
    document.directory = directory
    if not run then document.error = message end
    cli.json(document)
  end
  if not run then
    if code == "numeric" and ended and ended.best_epoch then
      cli.fail("%s; %s/best.hdf5 holds the best model, of epoch %d", message, directory, ended.best_epoch + 1)
    end
    cli.fail("%s", message)
  end
  if json then return end
  cli.print(run.message)
  if run.best_epoch then
    cli.print(("best      epoch %d: validation accuracy %s, loss %.4f"):format(run.best_epoch + 1, percent(run.best_val_accuracy),
      run.best_val_loss or 0 / 0))
  end
  if run.last_train_accuracy then
    cli.print(("last      training accuracy %s, loss %.4f"):format(percent(run.last_train_accuracy), run.last_train_loss))
  end
  if run.seconds and run.seconds > 0 then
    cli.print(("time      %s, %.0f images a second, %.1f %% of it waiting for data"):format(cli.duration(run.seconds),
      run.images_per_second or 0, 100 * (run.loader_wait_share or 0)))
  end
  cli.print(("run       %s (best.hdf5, last.hdf5, history.csv, log.txt)"):format(directory))
  cli.print(("look      convscope browse %s"):format(directory))
end

local function go(net, data, options, args)
  local on_batch, on_epoch, line = watcher(args.json)
  local verb = options.resume and "going on with" or "training"
  options.on_batch, options.on_epoch = on_batch, on_epoch
  options.threads = args.threads
  if options.precision then cli.check(net:set_precision(options.precision)) end
  line(("%s %s on %s into %s: %d images, %d to validate, %d classes, %s parameters"):format(verb, net.name, data.spec, options.out,
    data.train.count, data.val.count, data.classes, common.grouped(net.parameters)))
  local slow = common.blas_warning(net, data.train.count, options.epochs or 40)
  if slow then cli.say("note: %s", slow) end
  local run, message, code, summary = cs.train(net, data, options)
  finish(run, message, code, summary, options.out, args.json)
end

-- What a run was started with, from its config.json.
local function read_config(directory)
  local path = directory .. "/config.json"
  if not system.exists(path) then
    cli.fail("'%s' is no run: it has no config.json; start one with convscope train -o %s", directory, directory)
  end
  local config = cli.check(json.read(path))
  if type(config) ~= "table" then cli.fail("%s is damaged: no JSON object", path) end
  if type(config.dataset) ~= "table" or type(config.train) ~= "table" or not math.tointeger(config.train.epochs or 1) then
    cli.fail("%s does not say how to go on: it was not written by cs.train or convscope train", path)
  end
  return config
end

-- f(...), to which a run's config.json gave arguments: one that is refused is that file's mistake, and no script's.
local function as_written(directory, f, ...)
  local out = table.pack(common.attempt(f, ...))
  if out[1] then return table.unpack(out, 2, out.n) end
  cli.fail("%s/config.json does not say how to go on: %s", directory, out[2])
end

local function resume(args)
  if not args.output then cli.usage "--resume goes on with a run: name it with -o" end
  for _, key in ipairs { "model", "from", "fold", "size", "rate", "optimizer", "schedule", "augment", "batch", "seed", "precision", "teacher", "data" } do
    if args[key] then cli.usage("--resume goes on as the run was started; --%s cannot be changed", key) end
  end
  if #args.set > 0 then cli.usage "--resume goes on as the run was started; --set cannot change it" end
  if #args.average_with > 0 then cli.usage "--resume goes on as the run was started; --average-with cannot change it" end
  local config = read_config(args.output)
  local state = cs.run_state(args.output)
  if state and state.alive then cli.fail("'%s' is being trained right now by another process", args.output) end
  if state and state.finished and not args.epochs then
    local summary = system.exists(args.output .. "/summary.json") and cli.check(json.read(args.output .. "/summary.json"))
    if type(summary) ~= "table" then summary = {} end
    if args.json then return cli.json(summary) end
    local message = type(summary.message) == "string" and summary.message or "nothing is left to do"
    return cli.print(cli.plain(("'%s' is finished already: %s"):format(args.output, message)))
  end
  local net, message
  if system.exists(args.output .. "/last.hdf5") then
    net, message = cs.load(args.output .. "/last.hdf5")
  elseif config.network then -- stopped before its first checkpoint: from the beginning
    net, message = as_written(args.output, cs.network, config.network)
  else
    message = ("'%s' has no last.hdf5 yet and its network was not made by cs.network; start it again"):format(args.output)
  end
  cli.check(net, message)
  local data = cli.check(as_written(args.output, cs.dataset, config.dataset.spec, config.dataset.options))
  local options = config.train
  options.out, options.resume, options.about = args.output, true, config.about
  if args.epochs then options.epochs = args.epochs end
  as_written(args.output, go, net, data, options, args)
end

-- The last dense layer, whose units are the classes; nothing behind it may have weights.
local function classifier(net)
  local layers = net.layers
  local last = #layers
  while last > 0 and layers[last].type ~= "dense" and layers[last].parameters == 0 do last = last - 1 end
  return last > 0 and layers[last].type == "dense" and layers[last] or nil
end

-- The same network with a new last layer, for another number of classes.
local function other_classes(net, count, args)
  local last = classifier(net)
  if not last then
    cli.fail("%s tells %d classes apart, the data set has %d, and its last layer is no dense layer that could be replaced", args.from, net.classes, count)
  end
  local list, frozen = {}, {}
  for i, layer in ipairs(net.layers) do
    list[i], frozen[i] = layer.spec, layer.frozen
    if layer.index == last.index then
      list[i].features = count
      -- One sigmoid says yes or no; several classes share a softmax.
      if list[i].activation == "sigmoid" and i == #net.layers then list[i].activation = "softmax" end
    end
  end
  local made = cli.check(net:rebuild(list, { seed = args.seed or 0 }))
  for i, is in ipairs(frozen) do made:freeze(i - 1, is and i - 1 ~= last.index) end
  cli.say("%s tells %d classes apart, the data set has %d: its last layer %s begins anew with %d units", args.from, net.classes, count, last.name, count)
  return made
end

-- --set freeze=: none, all (but for the classifier) or the layer up to which nothing is trained.
local function freeze(net, upto)
  if upto == nil then return end
  local last = classifier(net)
  local limit
  if upto == "all" then
    limit = last and last.index - 1 or #net.layers - 2
  elseif upto == "none" or upto == false then
    limit = -1
  else
    limit = common.layer(net, upto).index
  end
  local count = 0
  for i, layer in ipairs(net.layers) do
    net:freeze(i - 1, i - 1 <= limit)
    if i - 1 <= limit and layer.parameters > 0 then count = count + 1 end
  end
  cli.say("%d of the layers with parameters are frozen", count)
end

-- The setting dropout: the rate of all dropout layers, whatever the model had.
local function drop(net, rate)
  if rate == nil then return net end
  if type(rate) ~= "number" or rate < 0 or rate >= 1 then cli.usage("dropout is %s; expected the share of numbers to drop, from 0 to below 1", rate) end
  local list, count = {}, 0
  for i, layer in ipairs(net.layers) do
    list[i] = layer.spec
    if layer.type == "dropout" then
      list[i].rate = rate
      count = count + 1
    end
  end
  if count == 0 then cli.fail("there is no dropout layer whose rate could be %g", rate) end
  return cli.check(net:rebuild(list))
end

-- The network with the mean of its weights and those of the models of --average-with.
local function average(net, args)
  if #args.average_with == 0 then return net end
  local others = {}
  for i, path in ipairs(args.average_with) do
    others[i] = common.load_model { model = path, arch = args.arch, scale = args.scale, mean = args.mean, std = args.std, bgr = args.bgr }
  end
  local out, why, _, which = net:average(others)
  if not out then cli.fail("%s%s", which and ("--average-with %s: "):format(args.average_with[which]) or "", why) end
  return out
end

local function start(args)
  if args.fold and not args.from then cli.usage "--fold takes batch normalisations out of a trained model: name it with --from" end
  if #args.average_with > 0 and not args.from then cli.usage "--average-with is about the model that a training goes on from: name that with --from" end
  local spec = args.data or "shapes"
  local settings = common.settings(args.set)
  local said = copy(settings) -- for the record; what a step here has used is taken out of the settings
  local net, data, size
  local name = args.model or "demo"
  if args.from then
    net = average(common.load_model { model = args.from, arch = args.arch, scale = args.scale, mean = args.mean, std = args.std, bgr = args.bgr }, args)
    if args.size then net = cli.check(net:resize(args.size)) end
    if args.fold then net = common.fold(net) end
    net = drop(net, settings.dropout)
    settings.dropout = nil
    data = cli.check(cs.dataset(spec, common.data_settings(args, { height = net.input[1], width = net.input[2] })))
    if data.classes ~= net.classes then net = other_classes(net, data.classes, args) end
    freeze(net, settings.freeze)
    settings.freeze = nil
    name = args.model or (net.name ~= "" and net.name) or "from"
  else
    -- The preset says which size it wants; the data set says how many classes there are.
    local _, probe = cli.check(cs.preset(name, { size = args.size }))
    size = args.size or probe.size or 64
    data = cli.check(cs.dataset(spec, common.data_settings(args, { size = size })))
  end
  if data.train.count == 0 then cli.fail("%s has no training images", spec) end
  local options, rest
  if args.from then
    options, rest = training_options(args, { keep_preprocess = true }, settings)
    gently(options, data.train.count)
    if next(rest) then cli.fail("no setting '%s': there are %s", next(rest), setting_names()) end
  else
    local _, preset = cs.preset(name)
    options, rest = training_options(args, preset.training, settings)
    rest.classes, rest.size, rest.seed = data.classes, size, args.seed or 0
    for key in pairs(rest) do
      if key ~= "classes" and key ~= "size" and key ~= "seed" and (preset.options or {})[key] == nil then
        local own = {}
        for option in pairs(preset.options or {}) do own[#own + 1] = option end
        table.sort(own)
        cli.fail("no setting '%s': there are %s%s", key, setting_names(),
          #own > 0 and ("; and of %s: %s"):format(name, table.concat(own, ", ")) or "")
      end
    end
    net = cli.check(cs.preset(name, rest))
  end
  options.out = args.output or default_directory(name, spec)
  options.overwrite = args.force or nil
  options.about = { preset = not args.from and name or nil, from = args.from, fold = args.fold,
    average_with = #args.average_with > 0 and args.average_with or nil, size = size, settings = next(said) and said or nil }
  local accepted, why = common.attempt(go, net, data, options, args)
  if not accepted then cli.fail("%s", why) end
end

local function preset_list()
  local lines = {}
  for _, preset in ipairs(cs.presets()) do lines[#lines + 1] = ("  %-14s %s"):format(preset.name, preset.title) end
  return "Presets:\n" .. table.concat(lines, "\n")
end

return {
  summary = "train a preset or a network of your own; go on with a run",
  description = "Trains a network on a data set and fills a run directory. Interrupted (SIGINT, SIGTERM, SIGHUP), it finishes its batch, saves, and says how to go on. "
    .. "--seed is that of the weights, the order of the images and the augmentation; the split of a data set is the data set's own (shapes:seed=S).",
  arguments = function(parser)
    parser:option("-m --model", "A preset, or a file that returns one (demo)."):argname "PRESET|FILE.lua"
    common.data_option(parser, "Data set (shapes).")
    parser:option("-o --output", "The run's directory (runs/PRESET-DATASET-DATE)."):argname "RUN"
    parser:flag("--resume", "Go on with the run of -o, bit for bit.")
    parser:flag("--force", "Replace a run that is there already.")
    parser:option("--epochs", "Passes over the training images.", nil, common.integer(1)):argname "N"
    parser:option("--batch", "Images a step.", nil, common.integer(1, 65536)):argname "N"
    parser:option("--seed", "Seed of the training.", nil, common.integer(0)):argname "S"
    parser:option("--size", "Input size of a preset, in pixels; with --from another one than the model's, where its layers allow that.", nil, common.integer(8, 4096)):argname "N"
    parser:option("--from", "Begin with the weights of a model instead of a preset; for another number of classes its last layer begins anew. "
      .. "The rate is then a tenth (0.001, with adam 0.0001), reached over the first epoch."):argname "MODEL"
    parser:option("--average-with", "With --from: begin with the mean of its weights and this model's (again for more), a network of the same layers whose training began "
      .. "with the same weights."):argname("MODEL"):count "*"
    parser:flag("--fold", "With --from: without the model's batch normalisations, as far as the layers beside them can do their work.")
    common.model_options(parser, { size = true, classes = true })
    parser:option("--rate", "Learning rate.", nil, common.number):argname "R"
    parser:option("--optimizer", "sgd or adam."):choices({ "sgd", "adam" }):argname "NAME"
    parser:option("--schedule", "constant, step, cosine or one-cycle."):choices({ "constant", "step", "cosine", "one-cycle" }):argname "NAME"
    parser:option("--augment", augment_help .. "."):argname "LIST"
    parser:option("--teacher", "Learn from this model's answers too: half of each target, or --set teacher_share=X. It takes pictures of the same size and knows the same classes."):argname "MODEL"
    common.precision(parser)
    common.set_option(parser, "Any other setting: " .. setting_names() .. "; with --from freeze=LAYER|all|none (up to that layer nothing is trained) and dropout=R (the rate of its dropout layers), and what the preset can be told.")
    common.json(parser)
    common.threads(parser)
    parser:epilog(preset_list())
  end,
  run = function(args);
    (args.resume and resume or start)(args)
  end,
}
