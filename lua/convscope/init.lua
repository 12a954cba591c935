--- convscope: the library that scripts, commands and analyses are written on.
--
-- The engine is a C module; here it gets the shape that a person writes: layers as small tables, training with sensible defaults,
-- plots and HDF5 in one line. Numbers that name things (images, classes, features, rows) count from 0; Lua lists from 1, as ever.
local engine = require "convscope.engine"
local layers = require "convscope.layers"

local cs = {
  version = engine.version,
  rules = engine.rules,
}

for _, name in ipairs {
  "tensor", "concat", "random", "picture", "mosaic", "images", "load", "find_model", "find_run", "model_formats", "project", "can_project", "invert", "exemplars",
  "threads", "machine", "speed", "run_state", "history", "curves", "save_history",
  "measure", "perturb", "statistics",
} do
  cs[name] = engine[name]
end
cs.write_file = engine.system.write

--- cs.version
-- The version of the program and its library, as text.

--- cs.rules
-- The names of the eight backward rules.

-- Layers: cs.conv, cs.maxpool, ... (layers.lua)
for name, make in pairs(layers.makers) do cs[name] = make end

-- Raise unless `value` is a handle of that kind.
local function expect(name, position, value, kind)
  local meta = type(value) == "userdata" and getmetatable(value)
  local found = meta and meta.__name or type(value)
  if found ~= kind then error(("bad argument #%d to '%s' (%s expected, got %s)"):format(position, name, kind, found), 3) end
end

-- What Lua remembers of handles beside what the engine knows: how a data set was opened, what a network was built from.
local opened = setmetatable({}, { __mode = "k" })
local built = setmetatable({}, { __mode = "k" })

function cs.dataset(spec, options)
  local data, message, code = engine.dataset(spec, options)
  if not data then return nil, message, code end
  opened[data] = { spec = engine.system.absolute(spec) or spec, options = options }
  return data
end

--- cs.network { input = {height, width, channels}, layer, layer, ... }
-- A network of those layers, with fresh weights. Fields beside the layers: `input` (the shape of one image), `name` (""), `seed` (0) of
-- the initial weights. A flatten is put before the first dense layer where one is missing. nil, message, code when the layers do not
-- fit together: the message names the layer and both shapes.
function cs.network(spec)
  local flat = layers.flatten_spec(spec)
  local net, message, code = engine.network(flat)
  if not net then return nil, message, code end
  built[net] = flat
  return net
end

--- cs.sgd { rate = 0.01, momentum = 0, nesterov = false, weight_decay = 0, clip_norm = 0, average = 0 }
-- Stochastic gradient descent, as Keras means it. Weight decay is decoupled and touches kernels alone; `clip_norm` scales the gradient of all
-- parameters down to that norm (0: off). `average` is the decay of a running average of the weights (0.999; 0: none): the averages are what
-- is validated, kept as best.hdf5 and left in the network at the end.
function cs.sgd(options)
  local out = { kind = "sgd" }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

--- cs.adam { rate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, weight_decay = 0, clip_norm = 0, average = 0 }
-- Adam, with the bias correction in the rate and epsilon outside of the root, as in Keras.
function cs.adam(options)
  local out = { kind = "adam" }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

-- "sgd", "cosine": words stand for tables with that kind.
local function as_table(value)
  if type(value) == "string" then return { kind = value } end
  local copy = {}
  for key, entry in pairs(value or {}) do copy[key] = entry end
  return value and copy
end

local plain = {
  "epochs", "batch", "patience", "smoothing", "seed", "threads", "overwrite", "keep_preprocess", "checkpoint_seconds", "resume",
  "precision", "zca", "teacher", "teacher_share", "out", "on_batch", "on_epoch",
}
local train_options = { rate = true, optimizer = true, schedule = true, warmup = true, augment = true, about = true }
for _, name in ipairs(plain) do train_options[name] = true end

-- The options of cs.train as the engine wants them.
local function training_options(options)
  local out = {}
  for key in pairs(options) do
    if not train_options[key] then
      local names = {}
      for name in pairs(train_options) do names[#names + 1] = name end
      table.sort(names)
      error(("cs.train: no option '%s'; there are %s"):format(tostring(key), table.concat(names, ", ")), 3)
    end
  end
  for _, key in ipairs(plain) do out[key] = options[key] end
  out.optimizer = as_table(options.optimizer) or { kind = "sgd", momentum = 0.9 }
  if options.rate then out.optimizer.rate = options.rate end
  out.schedule = as_table(options.schedule) or { kind = "constant" }
  if options.warmup then out.schedule.warmup = options.warmup end
  out.augment = options.augment
  return out
end

-- What --resume needs to go on, as JSON: config.json of the run.
local function describe_run(net, data, options, about)
  local json = require "dkjson"
  local train = {}
  for key, value in pairs(options) do
    if type(value) ~= "function" and type(value) ~= "userdata" and key ~= "out" and key ~= "resume" and key ~= "overwrite" and key ~= "threads" then
      train[key] = value
    end
  end
  local config = {
    convscope = cs.version,
    dataset = opened[data],
    network = built[net],
    train = train,
    about = about,
  }
  -- these first, then by name: the same run has the same text
  local order, rest = { "convscope", "about", "dataset", "train", "network", "name", "input", "seed", "layers", "type", "features", "kernel", "window" }, {}
  local function collect(value)
    if type(value) ~= "table" then return end
    for key, member in pairs(value) do
      if type(key) == "string" then rest[key] = true end
      collect(member)
    end
  end
  collect(config)
  for _, key in ipairs(order) do rest[key] = nil end
  local names = {}
  for key in pairs(rest) do names[#names + 1] = key end
  table.sort(names)
  table.move(names, 1, #names, #order + 1, order)
  return json.encode(config, { indent = true, keyorder = order })
end

--- cs.train(net, data[, options])
-- Train a network on a data set; its weights are those of the last epoch afterwards. Options:
--
-- `epochs` (40), `batch` (32), `seed` (0), `patience` (20 epochs without a better validation accuracy; 0: never stop early).
-- `optimizer` ("sgd" with momentum 0.9; cs.sgd {...} or cs.adam {...}), `rate` (the optimiser's, said shortly).
-- `schedule` ("constant", "step", "cosine", "one-cycle", or a table with `kind` and `warmup`, `factor`, `every`, `final`,
-- `peak_at`, `start`), `warmup` (steps of linear rise first).
-- `augment`: a table with `flip`, `flip_vertical` (booleans), `shift` (pixels each way), `rotate` (degrees each way; 180: any angle), `crop` (windows
-- of at least this share of the area fill the picture), `brightness`, `contrast`, `saturation` (factors within 1 - x and 1 + x), `hue` (degrees
-- each way), `cutout` (a grey square of so many pixels a side), `val` (the validation images too: the same copies after every epoch, so that
-- epochs compare). Each copy depends on seed, epoch and image alone.
-- `precision` ("fp32", or the network's own; "bf16" is faster and less exact where the processor has tiles: net:set_precision).
-- `zca` (false): whiten what the network sees (ZCA), fitted to the training images and stored with the model: true, or the epsilon that keeps faint
-- directions from being amplified, in variances of normalised pixels (0.01). Up to 32x32 pixels the covariance is that of whole images, beyond
-- that its average over translations: a filter.
-- `teacher`: a network, or the name of a model (which is then written down for --resume), whose answers to the same pictures, flipped and cropped as they are, are a part of
-- what is to be learnt: the targets are `teacher_share` (0.5) times its probabilities and the rest the labels (distillation: Hinton et al. 2015, at temperature 1).
-- It must take pictures of the same size and know the same classes; it is used as it is and costs its inference.
-- `smoothing` (0) of the labels; `threads` (0: all); `keep_preprocess` (false: pixels are normalised by the training images).
-- `out`: a directory that fills with best.hdf5, last.hdf5, history.hdf5, history.csv, config.json, summary.json and log.txt; without it
-- nothing is written. `overwrite` (false), `resume` (go on with the run in `out`), `checkpoint_seconds` (600).
-- `on_batch(news)` and `on_epoch(epoch, news)`: called as training goes; returning false stops it, saved. An error they raise stops it the
-- same way and is raised again with its traceback. An epoch has `number`, `train.loss`, `train.accuracy`, `val.loss`,
-- `val.accuracy`, `val.top5`, `rate`, `images_per_second`, `seconds`, `best`; news has `epoch`, `epochs`, `batch`, `batches`, `step`, `loss`,
-- `accuracy`, `rate`, `images_per_second`, `eta`, `phase`.
--
-- Returns a summary: `finish` ("complete", "patience", "stopped"), `epochs`, `best_epoch`, `best_val_accuracy`, `best_val_loss`,
-- `last_train_accuracy`, `last_train_loss`, `seconds`, `images_per_second`, `loader_wait_share`, `message`, `directory`. nil, message, code and
-- the summary when it could not be done, when the loss was no number any more ("numeric"), or when a signal stopped it ("cancelled").
function cs.train(net, data, options)
  expect("cs.train", 1, net, "network")
  expect("cs.train", 2, data, "data set")
  options = options or {}
  local out = training_options(options)
  out.precision = out.precision or net.precision
  local teacher = out.teacher
  if type(teacher) == "string" then
    local message, code
    teacher, message, code = cs.load(teacher)
    if not teacher then return nil, "the teacher: " .. message, code end
  elseif teacher ~= nil then
    expect("cs.train: teacher", 3, teacher, "network")
  end
  if not out.resume and data.classes == net.classes then
    assert(net:set_classes(data.class_names, data.class_ids))
  end
  local from = opened[data]
  if from then assert(net:set_dataset(from.spec)) end
  if out.out then out.config = describe_run(net, data, out, options.about) end
  out.teacher = teacher
  return engine.train(net, data, out)
end

--- net:accuracy(images[, options])
-- The share of labelled images whose class it tells: `net:evaluate(images).accuracy`.
function engine.methods.network.accuracy(net, images, options)
  local result, message, code = net:evaluate(images, options)
  if not result then return nil, message, code end
  return result.accuracy
end

-- Networks of other networks' layers (surgery.lua, folding.lua, averaging.lua).
for _, name in ipairs { "rebuild", "resize", "part" } do
  engine.methods.network[name] = function(...) return require("convscope.surgery")[name](...) end
end
function engine.methods.network.fold(...) return require("convscope.folding").fold(...) end
function engine.methods.network.average(...) return require("convscope.averaging").average(...) end

--- cs.project_layer(net, images, layer[, options])
-- What a layer saw in each of the images, one projection an image: a tensor [images,height,width,channels] and a list of what was found. Options as
-- for cs.project (the whole layer unless `feature` is named), and `batch` (32 images are traced at a time).
function cs.project_layer(net, images, layer, options)
  expect("cs.project_layer", 1, net, "network")
  expect("cs.project_layer", 2, images, "images")
  local given, parts, infos = {}, {}, {}
  for key, value in pairs(options or {}) do given[key] = value end
  local batch = given.batch or 32
  given.batch = nil
  for first = 0, images.count - 1, batch do
    local some = images:images(first, math.min(batch, images.count - first))
    local trace <close> = assert(net:trace(some))
    local targets = {}
    for i = 0, some.count - 1 do
      targets[#targets + 1] = { image = i, feature = given.feature, at = given.at }
    end
    local seen, found, code = cs.project(trace, layer, { targets = targets, rule = given.rule, signal = given.signal })
    if not seen then return nil, found, code end
    parts[#parts + 1] = seen
    for _, info in ipairs(found) do
      info.image = info.image + first
      infos[#infos + 1] = info
    end
  end
  if #parts == 0 then error("cs.project_layer: no images", 2) end
  return cs.concat(parts), infos
end

--- cs.model.load(name[, options]), cs.model.save(net, path)
-- The same as cs.load and net:save.
cs.model = {
  load = cs.load,
  save = function(net, path) return net:save(path) end,
}

cs.h5 = {}

cs.h5.open = engine.h5_open

--- cs.h5.read(path, name)
-- One data set of an HDF5 file as a tensor; nil, message, code when there is none.
function cs.h5.read(path, name)
  local file <close>, message, code = cs.h5.open(path)
  if not file then return nil, message, code end
  return file:read(name)
end

--- cs.h5.write(path, tensors)
-- A new HDF5 file with the tensors of a table, by name: `cs.h5.write("x.h5", { x = images, ["layer/conv1"] = map })`. true, or nil, message,
-- code; the file appears whole or not at all.
function cs.h5.write(path, tensors)
  local file <close>, message, code = cs.h5.open(path, "create")
  if not file then return nil, message, code end
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local done
    done, message, code = file:write(name, tensors[name])
    if not done then return nil, message, code end
  end
  return file:finish()
end

--- tensor:save(path[, name])
-- Write the tensor to a new HDF5 file, as "x" unless named.
function engine.methods.tensor.save(tensor, path, name)
  return cs.h5.write(path, { [name or "x"] = tensor })
end

local plot = {}
plot.__index = plot

--- cs.plot { series = { { y = {...} }, ... }, title = "...", ... }
-- A figure: `series`, a list of tables with `y` (a list or a vector), `x` (0, 1, 2, ... unless said), `name`, `kind` ("line", "points",
-- "bars"), `low` and `high` (a band around it), `colour` ({red, green, blue}); or `cells`, a tensor [rows,columns] drawn as a heat map through `map`
-- ("heat", "diverging", "grey"). Also `title`, `x_label`, `y_label`, `log_y`, `zero` (the y axis begins at 0), `x_low`, `x_high`, `y_low`,
-- `y_high`, `categories` (names under bars), `dark`.
function cs.plot(description)
  if type(description) ~= "table" then error("cs.plot: expected a table, not a " .. type(description), 2) end
  return setmetatable({ description = description }, plot)
end

--- plot:save(path[, options])
-- Write the figure as .png or .svg. Options: `width` (800), `height` (500). Returns the plot, or nil, message, code.
function plot:save(path, options)
  options = options or {}
  local done, message, code = engine.plot_save(self.description, path, options.width or 800, options.height or 500)
  if not done then return nil, message, code end
  return self
end

--- plot:picture([width, height])
-- The figure as a picture.
function plot:picture(width, height)
  return engine.plot_picture(self.description, width or 800, height or 500)
end

--- plot:text([columns, rows[, ascii]])
-- The figure as lines of text, curves in braille (or with plain characters).
function plot:text(columns, rows, ascii)
  return engine.plot_text(self.description, columns or 72, rows or 18, ascii)
end

--- cs.progress(fraction, text)
-- Tell whoever watches (the command line draws a bar) how far a long piece of work is: a fraction 0 .. 1, or nil for unknown, and a line of text.
-- Without arguments: it is over.
cs.progress = engine.system.report

--- cs.on_progress(f)
-- Be told how far long calls are: f(fraction or nil, text), and f() when one is over; nil: nobody is told. f runs while the engine works; it cannot
-- close handles, and what it raises stops the call and is raised again.
cs.on_progress = engine.system.progress

-- The rest is loaded when it is first asked for.
local lazy = {
  preset = function() return require("convscope.presets").build end,
  presets = function() return require("convscope.presets").list end,
  result = function() return require("convscope.result").new end,
  job = function() return require("convscope.progress").open end,
  analysis = function() return require("convscope.result").analysis end,
  sheet = function() return require "convscope.sheet" end,
  ranking = function() return require "convscope.ranking" end,
  read_result = function() return require "convscope.read_result" end,
  occlusion_map = function() return require "convscope.occlusion_map" end,
  exports = function() return require "convscope.exports" end,
}

-- The engine itself, for the commands; scripts need none of it.
cs.engine = engine

-- For cs.preset: remember nothing more than cs.network does.
function cs.built(net) return built[net] end

function cs.opened(data) return opened[data] end

return setmetatable(cs, {
  lazy = lazy,
  __index = function(self, key)
    local make = lazy[key]
    if not make then return nil end
    local value = make()
    rawset(self, key, value)
    return value
  end,
})
