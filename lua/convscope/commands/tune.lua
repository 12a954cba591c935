-- tune: a search over a table of choices: random candidates with matched seeds, the worst dropped after a third of the epochs, and again (successive halving).
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local files = require "convscope.files"
local trials = require "convscope.trials"
local value_of = require("convscope.words").value

-- "0.001..0.1" (log-uniform), "2:9" (whole numbers), "a,b,c" (one of them) as a choice; a space file gives the same as tables.
local function choice(text)
  local low, high = text:match "^(.-)%.%.(.+)$"
  if low and tonumber(low) and tonumber(high) then
    if tonumber(low) <= 0 or tonumber(high) < tonumber(low) then cli.usage("--vary %s: expected LOW..HIGH with 0 < LOW <= HIGH", text) end
    return { low = tonumber(low), high = tonumber(high), log = true }
  end
  low, high = text:match "^(%-?%d+):(%-?%d+)$"
  if low then return { low = math.tointeger(low), high = math.tointeger(high), whole = true } end
  local list = {}
  for word in text:gmatch "[^,]+" do list[#list + 1] = value_of(word) end
  return list
end

-- The space: key -> choice, in alphabetical order so that every machine draws alike.
local function read_space(args)
  local space = {}
  if args.space then
    local found = cli.check(files.load(args.space))
    if type(found) ~= "table" then cli.fail("%s must return a table: { rate = { low = 0.001, high = 0.1, log = true }, dropout = { 0, 0.5 } }", args.space) end
    for key, value in pairs(found) do space[key] = type(value) == "table" and value or { value } end
  end
  for _, word in ipairs(args.vary) do
    local key, value = word:match "^([%w_.]+)=(.+)$"
    if not key then cli.usage("--vary %s: expected KEY=CHOICES", word) end
    space[key] = choice(value)
  end
  local keys = {}
  for key in pairs(space) do keys[#keys + 1] = key end
  table.sort(keys)
  return space, keys
end

local function draw(space, keys, random)
  local out = {}
  for _, key in ipairs(keys) do
    local one = space[key]
    if one.low then
      local x = random:uniform()
      local value = one.log and one.low * (one.high / one.low) ^ x or one.low + (one.high - one.low) * x
      out[key] = one.whole and one.low + random:below(one.high - one.low + 1) or tonumber(("%.3g"):format(value))
    else
      out[key] = one[random:below(#one) + 1]
    end
  end
  return out
end

local function described(settings, keys)
  local words = {}
  for _, key in ipairs(keys) do
    if settings[key] ~= nil then words[#words + 1] = ("%s=%s"):format(key, tostring(settings[key])) end
  end
  return #words > 0 and table.concat(words, " ") or "as it is"
end

-- A candidate's settings split into what the network takes and what the training takes.
local function split(settings, preset)
  local network, training = {}, {}
  for key, value in pairs(settings) do
    if (preset.options or {})[key] ~= nil then network[key] = value else training[key] = value end
  end
  return network, training
end

local optimizer = { rate = true, momentum = true, weight_decay = true, clip_norm = true, average = true, beta1 = true, beta2 = true }
local augment = { flip = true, flip_vertical = true, shift = true, rotate = true, crop = true, brightness = true, contrast = true, saturation = true,
  hue = true, cutout = true }
local plain = { zca = true, smoothing = true, batch = true, warmup = true, schedule = true }

-- Every choice of a setting of the training is of its kind, so that no candidate fails when the others are trained.
local function check_space(space, keys)
  for _, key in ipairs(keys) do
    if (optimizer[key] or augment[key] or plain[key]) and key ~= "schedule" then
      local wanted = (key == "flip" or key == "flip_vertical") and "boolean" or "number"
      for _, value in ipairs(space[key]) do
        if type(value) ~= wanted then cli.fail("a choice of '%s' is '%s'; expected %s", key, tostring(value), wanted == "number" and "numbers" or "true or false") end
      end
    end
  end
end

local function training_options(preset, settings, epochs, seed, precision)
  local out = { optimizer = {}, augment = {}, precision = precision }
  for key, value in pairs(preset.training or {}) do
    if type(value) == "table" then
      out[key] = {}
      for k, v in pairs(value) do out[key][k] = v end
    else
      out[key] = value
    end
  end
  if not out.optimizer.kind then out.optimizer = { kind = "sgd", momentum = 0.9 } end
  for key, value in pairs(settings) do
    if optimizer[key] then out.optimizer[key] = value
    elseif augment[key] then out.augment[key] = value
    elseif plain[key] then out[key] = value
    else
      local names = {}
      for _, keys in ipairs { optimizer, augment, plain, preset.options or {} } do for name in pairs(keys) do names[#names + 1] = name end end
      table.sort(names)
      cli.fail("nothing is called '%s' here: there are %s", key, table.concat(names, ", "))
    end
  end
  out.epochs, out.seed, out.patience = epochs, seed, 0
  return out
end

-- What `spectrum` advises for a trained model, as candidates: one change each, and the model as it is.
local function advice(model, data)
  local net = cli.check(cs.load(model))
  local result = cli.check(cs.analysis("spectrum", net, data))
  local function layers()
    local list = {}
    for i, one in ipairs(net.layers) do list[i] = one.spec end
    return list
  end
  local candidates = { { name = "as it is", layers = layers(), why = "the control" } }
  for _, one in ipairs(result.advice) do
    local layer, list = net:layer(one.layer), layers()
    local spec = layer and list[layer.index + 1]
    if spec and spec[one.change] then
      spec[one.change] = type(spec[one.change]) == "table" and { one.value, one.value } or one.value
      if one.change == "window" then spec.stride = nil end -- a pool moves on by its window
      candidates[#candidates + 1] = { name = ("%s: %s %d"):format(one.layer, one.change, one.value), layers = list, why = one.why }
    end
  end
  return net, candidates
end

-- So many different candidates, drawn by a seed; fewer where the choices give no more.
local function drawn(space, keys, args)
  local candidates, random, seen = {}, cs.random(args.seed), {}
  for _ = 1, args.candidates * 20 do
    if #candidates == args.candidates then break end
    local settings = draw(space, keys, random)
    local text = described(settings, keys)
    if not seen[text] then
      seen[text] = true
      candidates[#candidates + 1] = { name = text, settings = settings }
    end
  end
  return candidates
end

-- The epochs after which the worst are dropped; the last are those of a whole training.
local function rungs_of(epochs, halving, count)
  local rungs = { epochs }
  while halving > 1 and #rungs < 8 and rungs[1] // halving >= 1 and halving ^ #rungs <= count do
    table.insert(rungs, 1, rungs[1] // halving)
  end
  return rungs
end

-- One candidate, trained from each seed as far as `limit`: its scores, their mean and interval.
local function train(one, limit, seeds, search, tell)
  local args, source, data, preset = search.args, search.source, search.data, search.preset
  one.scores, one.reached = {}, limit
  for seed = 0, seeds - 1 do
    local network, training = split(one.settings, preset)
    local _, summary, code = trials.train {
      directory = ("%s-seed%d"):format(one.place, seed), data = data, until_epoch = limit,
      make = function()
        if one.layers then return cs.network { input = source.input, layers = one.layers, seed = seed, name = source.name } end
        network.classes, network.seed, network.size = data.classes, seed, data.height
        return cs.preset(search.name, network)
      end,
      options = training_options(preset, training, search.epochs, seed, args.precision),
      tell = tell,
    }
    if type(summary) == "table" then
      one.scores[#one.scores + 1] = summary.accuracy or 0
    elseif code == "cancelled" then
      cli.fail("%s; the same command goes on", summary)
    else -- a candidate that does not fit or does not learn is an answer, too
      one.failed, one.scores[#one.scores + 1] = summary, 0
      break
    end
  end
  one.mean, one.low, one.high = trials.interval(one.scores)
end

-- Which of two is the better one; of equals that with the lower number.
local function better(a, b)
  if a.mean ~= b.mean then return a.mean > b.mean end
  return a.number < b.number
end

-- All candidates round by round, the worst dropped after each but the last; then in the order of their worth.
local function race(candidates, search)
  local args, alive = search.args, table.move(candidates, 1, #candidates, 1, {})
  local rungs = rungs_of(search.epochs, args.halving, #candidates)
  for r, limit in ipairs(rungs) do
    for k, one in ipairs(alive) do
      train(one, limit, r == #rungs and args.last_seeds or args.seeds, search, function(text)
        cs.progress(((r - 1) + (k - 1) / #alive) / #rungs, ("round %d of %d, candidate %d (%s): %s"):format(r, #rungs, one.number, one.name, text))
      end)
    end
    table.sort(alive, better)
    if r < #rungs then
      for k = #alive, math.max(1, math.ceil(#alive / args.halving)) + 1, -1 do
        if not (args.advice and alive[k].number == 1) then table.remove(alive, k) end -- the control stays
      end
    end
  end
  cs.progress()
  table.sort(candidates, function(a, b)
    if a.reached ~= b.reached then return a.reached > b.reached end
    return better(a, b)
  end)
end

-- With advice: each against the model as it is, seed by seed.
local function against_control(result, candidates)
  local control
  for _, one in ipairs(candidates) do if one.number == 1 then control = one end end
  for _, one in ipairs(candidates) do
    if one ~= control and one.reached == control.reached and #one.scores == #control.scores and not one.failed then
      local differences = {}
      for k, score in ipairs(one.scores) do differences[k] = 100 * (score - control.scores[k]) end
      local mean, low, high = trials.interval(differences)
      result:note(("%s: %+.2f points against the model as it is%s, seed by seed (%d)"):format(one.name, mean,
        #differences > 1 and (" [%.2f, %.2f]"):format(low, high) or "", #differences))
    end
  end
end

-- What came of it: a table, notes, bars.
local function result_of(candidates, search)
  local result = cs.result { "candidate", "settings", "epochs", "seeds", "validation accuracy", "low", "high", "run" }
  for _, one in ipairs(candidates) do
    result:add(one.number, one.name, one.reached, #one.scores, one.mean, one.low, one.high, one.place .. "-seed0")
    if one.failed then result:note(("candidate %d (%s) failed: %s"):format(one.number, one.name, one.failed)) end
    if one.why and one.number > 1 then result:note(("candidate %d stands for: %s"):format(one.number, one.why)) end
  end
  if search.args.advice then against_control(result, candidates) end
  local best = candidates[1]
  result:note(("best: candidate %d (%s), %.2f %%%s of %d validation images after %d epochs; those it was chosen by: other images tell its worth"):format(best.number,
    best.name, 100 * best.mean, #best.scores > 1 and (" [%.2f, %.2f] (%d seeds)"):format(100 * best.low, 100 * best.high, #best.scores) or "",
    search.data.val.count, best.reached))
  local names, bars = {}, { kind = "bars", y = {}, low = {}, high = {} }
  for k, one in ipairs(candidates) do
    local known = #one.scores > 1
    names[k] = ("%d (%d)"):format(one.number, one.reached)
    bars.y[k], bars.low[k], bars.high[k] = one.mean, known and one.low or 0 / 0, known and one.high or 0 / 0
  end
  result:plot("accuracy", cs.plot { title = "candidates, and epochs that each was trained for", y_label = "validation accuracy", categories = names, series = { bars },
    zero = true })
  return result
end

return {
  summary = "search for better settings or architectures: random candidates, successive halving, matched seeds",
  description = "Draws candidates from choices (--vary, or a Lua file that returns a table), trains each with the same seeds and drops the worse ones early: with --halving 3 "
    .. "all are trained for a ninth of the epochs, the best third of them for a third, the best ninth to the end. The schedule is that of the whole training all along. "
    .. "--advice takes what the analysis `spectrum` says of a trained model as the candidates and tests each against the model as it is. Everything stands in the directory of "
    .. "-o; interrupted, the same command goes on where it stopped. Choices: rate=0.001..0.05 (log-uniform), width=2:9 (whole numbers), dropout=0,0.25,0.5.",
  arguments = function(parser)
    parser:argument("space", "A Lua file that returns the choices."):argname("SPACE.lua"):args "?"
    parser:option("-m --model", "A preset, or a file that returns one (demo)."):argname "PRESET|FILE.lua"
    common.data_option(parser, "Data set (shapes).")
    parser:option("-o --output", "Directory for the runs and the result (runs/tune)."):argname "DIR"
    parser:option("--vary", "A setting of the network or the training, and its choices."):argname("KEY=CHOICES"):count "*"
    parser:option("--advice", "Take the candidates from what `spectrum` says of this model."):argname "MODEL"
    parser:option("--candidates", "How many are drawn.", "9", common.integer(1, 100000)):argname "N"
    parser:option("--seeds", "Trainings of each candidate, from different seeds.", "1", common.integer(1, 1000)):argname "N"
    parser:option("--last-seeds", "Of those that are trained to the end (as --seeds).", nil, common.integer(1, 1000)):argname "N"
    parser:option("--size", "Input size of the preset, in pixels.", nil, common.integer(8, 4096)):argname "N"
    parser:option("--epochs", "Of a whole training (the preset's).", nil, common.integer(1)):argname "N"
    parser:option("--halving", "Keep one in so many at each round (1: train all to the end).", "3", common.integer(1, 1000)):argname "N"
    parser:option("--seed", "Of the draws.", "0", common.integer(0)):argname "S"
    common.precision(parser)
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    local directory = args.output or "runs/tune"
    local spec, name = args.data or "shapes", args.model or "demo"
    local space, keys = read_space(args)
    check_space(space, keys)
    local _, preset = cli.check(cs.preset(name))
    local source = args.advice and cli.check(cs.load(args.advice))
    local size = source and { height = source.input[1], width = source.input[2] } or { size = args.size or preset.size or 64 }
    local data = cli.check(cs.dataset(spec, common.data_settings(args, size)))
    if data.val.count == 0 then cli.fail("%s has no validation images to choose by", data.spec) end
    local candidates
    if args.advice then
      if #keys > 0 then cli.usage "either --advice or choices" end
      source, candidates = advice(args.advice, data)
      if #candidates == 1 then return cli.print(("spectrum has nothing to say against %s: there is nothing to test"):format(args.advice)) end
      for _, one in ipairs(candidates) do one.settings = {} end
    else
      if #keys == 0 then cli.usage "nothing varies: name choices with --vary, or a file of them" end
      candidates = drawn(space, keys, args)
    end
    for k, one in ipairs(candidates) do one.number, one.place = k, ("%s/%03d"):format(directory, k) end
    local search = { args = args, name = name, preset = preset, source = source, data = data,
      epochs = args.epochs or preset.training and preset.training.epochs or 40 }
    race(candidates, search)
    local result = result_of(candidates, search)
    local paths = cli.check(result:save(directory, "tune"))
    if args.json then
      local document = result:data()
      document.files = paths
      return cli.json(document, { "columns", "rows", "notes", "files" })
    end
    cli.print(result:text())
    for _, path in ipairs(paths) do cli.print("wrote " .. path) end
  end,
}
