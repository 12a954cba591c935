--- Colour: what each feature makes of red, green, blue, hue and brightness, and whether it goes by colour or by shape (the paper's
-- Figure 5, over a data set).
--
-- Columns "without ..." and "darker": the share of a feature's response (the strongest in each image, or with response=mean the mean of its
-- map) that goes, with its interval for red, green and blue; "gain ...": how it follows that channel's gain (1: proportional); "hue": its deviation as hues turn, of its mean. Evidence: how its responses go with what it answers to the true class on
-- average, learnt on other images, `learnt` a class (a correlation). Grey, a turned hue and swapped channels take colour away; scrambled patches take shape away
-- and leave colour. A feature goes by what its evidence does not survive: paired differences, effect sizes (Cohen's d), permutation tests, q
-- after Benjamini-Hochberg over all features. Features without evidence say nothing about these classes.
--
-- Tensors, for the browser: "channels" [layers,3,3], how far a layer's responses move without red, green, blue, of their size: mean and
-- interval over images; "hues" [features,hues], the features of all layers in the table's order: what each answers to edges between black and
-- the pure colours around the wheel.
local cs = require "convscope"
local colours = require "convscope.colours"
local looking = require "convscope.looking"

local columns = { "layer", "feature", "response", "without red", "without green", "without blue", "darker", "hue", "evidence",
  "without colour", "colour low", "colour high", "without shape", "shape low", "shape high", "effect", "q", "goes by",
  "gain red", "gain green", "gain blue", "red low", "red high", "green low", "green high", "blue low", "blue high" }

-- What all steps share: the pictures and their labels, others to learn evidence on, the layers, how far the pictures are.
local function look_at(job, net, data, opt)
  local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
  local others = data.train.count > 0 and data.train:sample(math.max(2 * opt.images, opt.learnt * data.classes), opt.seed) or images
  return { job = job, net = net, opt = opt, images = images, labels = images:labels(), others = others, layers = layers, options = { seed = opt.seed },
    done = 0, total = others.count + images.count * (1 + #colours.changes + 2 * 3 + opt.hues) }
end

-- What each layer answers to pictures, and the scores. A step takes as long as it has images.
local function responses(look, some, what)
  look.job:progress(look.done / look.total, what, (look.done + some.count) / look.total)
  look.done = look.done + some.count
  return looking.responses(look.net, some, look.layers, look.opt.response)
end

-- What each layer answers to the pictures as they are (`base`), to others (`learnt`, of the labels `known`) and to the pictures changed (`seen`, by the name
-- of the change); the accuracies are noted.
local function hear(look, result)
  local base, scores = responses(look, look.images, "as they are")
  local right, seen = looking.correct(scores, look.labels), {}
  local learnt, known = responses(look, look.others, "evidence learnt"), look.others:labels()
  local function accuracy(name, found)
    local mean, low, high = looking.must(cs.statistics.bootstrap(found, look.options))
    local lost, effect, p = looking.must(cs.statistics.paired(right - found, look.options))
    result:note(("accuracy %s: %.3f [%.3f, %.3f], lost %.3f, effect %.2f, p = %.2g"):format(name, mean, low, high, lost, effect, p))
  end
  accuracy("as they are", right)
  for _, change in ipairs(colours.changes) do
    local changed, moved = responses(look, change[2](look.images, look.opt), change[1])
    seen[change[1]] = changed
    accuracy(change[1], looking.correct(moved, look.labels))
  end
  return { base = base, learnt = learnt, known = known, seen = seen }
end

-- How responses follow the gain of each channel: a list a channel, of one a layer.
local function hear_gains(look, base)
  local gains = {}
  for channel, name in ipairs { "red", "green", "blue" } do
    gains[channel] = colours.gains(look.images, base, channel, function(some) return (responses(look, some, "gain of " .. name)) end)
  end
  return gains
end

-- What each layer answers as hues turn, [1,images,features] an angle; and the accuracy at each: degrees, mean, low, high.
local function hear_hues(look)
  local hues, curve = {}, {}
  for k = 0, look.opt.hues - 1 do
    local degrees = 360 * k / look.opt.hues
    local changed, moved = responses(look, cs.perturb.hue(look.images, degrees), ("hue %+.0f"):format(degrees))
    for i in ipairs(look.layers) do
      hues[i] = hues[i] or {}
      table.insert(hues[i], changed[i]:reshape { 1, look.images.count, -1 })
    end
    curve[#curve + 1] = { degrees, looking.must(cs.statistics.bootstrap(looking.correct(moved, look.labels), look.options)) }
  end
  return hues, curve
end

-- What features answer to edges between black and the pure colours around the wheel: a row a feature, all layers.
local function around_the_wheel(look)
  local tuned, wheel = {}, {}
  for k = 0, look.opt.hues - 1 do
    look.job:progress(k / look.opt.hues, ("edges of hue %.0f"):format(360 * k / look.opt.hues), (k + 1) / look.opt.hues)
    local trace <close> = looking.must(look.net:trace(colours.edges(look.net, colours.pure(360 * k / look.opt.hues))))
    for i, layer in ipairs(look.layers) do
      tuned[i] = tuned[i] or {}
      table.insert(tuned[i], looking.strongest(trace, layer):mean(0):tolist())
    end
  end
  for i in ipairs(look.layers) do
    for f in ipairs(tuned[i][1]) do
      local row = {}
      for k, answers in ipairs(tuned[i]) do row[k] = answers[f] end
      wheel[#wheel + 1] = row
    end
  end
  return wheel
end

-- The evidence of the class in layer i's responses: whole, and what is left of it without colour and without shape; tensors [images,features].
local function evidence_of(look, heard, i)
  local typical = colours.standard(colours.expected(heard.learnt[i], heard.known, look.labels))
  -- responses that became one constant carry no evidence; a feature silent from the start has none to lose
  local function evidence(answers) return looking.filled(typical * colours.standard(answers), typical) end
  local whole, colour, shape, n = evidence(heard.base[i]), cs.tensor(typical.shape, 0), evidence(heard.seen["scrambled"][i]), 0
  for _, change in ipairs(colours.changes) do
    if change[3] == "colour" then colour, n = colour + evidence(heard.seen[change[1]][i]), n + 1 end
  end
  return whole, colour / n, shape
end

-- A row a feature of layer i into found.rows, the chance of its difference into found.p, of its evidence into found.present; what is left of its evidence into
-- found.kept, to be plotted.
local function judge_layer(look, heard, i, found)
  local layer, options = look.layers[i], look.options
  local base, seen, mean = heard.base[i], heard.seen, heard.base[i]:mean(0)
  local function relative(name) return ((base - seen[name][i]):mean(0) / mean):tolist() end
  local whole, colour, shape = evidence_of(look, heard, i)
  local all, _, present = looking.must(cs.statistics.paired(whole, options))
  local _, effect, chance = looking.must(cs.statistics.paired(shape - colour, options))
  local c, cl, ch = looking.must(cs.statistics.bootstrap(colour, options))
  local s, sl, sh = looking.must(cs.statistics.bootstrap(shape, options))
  local around = (cs.concat(heard.hues[i]):std(0):mean(0) / mean):tolist()
  local cells = { mean:tolist(), relative "without red", relative "without green", relative "without blue", relative "darker", around, all:tolist(),
    c:tolist(), cl:tolist(), ch:tolist(), s:tolist(), sl:tolist(), sh:tolist(), effect:tolist() }
  local ends = {}
  for k = 1, 3 do ends[2 * k - 1], ends[2 * k] = colours.interval(base, seen[colours.changes[k][1]][i], mean, options) end
  for _, x in ipairs(present:tolist()) do table.insert(found.present, x) end
  for f, chance_of in ipairs(chance:tolist()) do
    local row = { layer.name, f - 1 }
    for k, column in ipairs(cells) do row[k + 2] = column[f] end
    for channel = 1, 3 do row[18 + channel] = heard.gains[channel][i][f] end
    for k, list in ipairs(ends) do row[21 + k] = list[f] end
    table.insert(found.rows, row)
    table.insert(found.p, chance_of)
  end
  found.kept[i] = { name = layer.name, kind = "points", x = c, y = s, colour = colours.of_depth(i, #look.layers) }
end

-- What each feature goes by, over all of them: the table, and a note a layer.
local function tell(look, found, result)
  local q, q_present, counts = cs.statistics.fdr(found.p), cs.statistics.fdr(found.present), {}
  for k, row in ipairs(found.rows) do
    local evident = q_present[k] < 0.05 and row[9] > 0.1
    local name = row[3] <= 0 and "silent" or not evident and "neither" or q[k] >= 0.05 and "both" or row[16] > 0 and "colour" or "shape"
    row[17], row[18] = q[k], name
    counts[row[1]] = counts[row[1]] or {}
    counts[row[1]][name] = (counts[row[1]][name] or 0) + 1
    result:add(table.unpack(row, 1, 27))
  end
  for _, layer in ipairs(look.layers) do
    local c = counts[layer.name]
    result:note(("%s: %d features go by colour, %d by shape, %d by both (no difference is told); %d carry no evidence of the class, %d are silent"):format(layer.name,
      c.colour or 0, c.shape or 0, c.both or 0, c.neither or 0, c.silent or 0))
  end
end

local function plot(curve, kept, result)
  local angles, means, lows, highs = {}, {}, {}, {}
  for k, point in ipairs(curve) do angles[k], means[k], lows[k], highs[k] = point[1], point[2], point[3], point[4] end
  result:plot("hue", cs.plot { title = "accuracy as hues turn", x_label = "degrees", y_label = "accuracy", zero = true,
    series = { { name = "accuracy", x = angles, y = means, low = lows, high = highs } } })
  result:plot("kept", cs.plot { title = "what features go by", x_label = "evidence left without colour", y_label = "evidence left without shape", series = kept })
end

-- The first pictures, a row a change.
local function show_changes(look, result)
  local strip, names, count = {}, {}, math.min(8, look.images.count)
  for c, change in ipairs(colours.changes) do
    strip[c], names[c] = change[2](look.images:images(0, count), look.opt):pixels(), change[1]
  end
  return result:picture("changes", cs.mosaic(cs.concat(strip), { columns = count, photo = true }),
    "what is done to pictures, a row each: " .. table.concat(names, ", "))
end

return {
  title = "sensitivity to colours, channels, hue and brightness; colour against shape, by feature",
  options = { images = 200, layers = "all", response = "max", patch = 8, hues = 12, learnt = 20, seed = 0 },

  run = function(job, net, data, opt)
    local look, result = look_at(job, net, data, opt), cs.result(columns)
    local found = { rows = {}, p = {}, present = {}, kept = {} }
    job:part(0, 0.9)
    local heard = hear(look, result)
    heard.gains = hear_gains(look, heard.base)
    local curve
    heard.hues, curve = hear_hues(look)
    job:part(0.9, 0.93)
    local wheel = around_the_wheel(look)
    job:part(0.93, 0.98)
    for i, layer in ipairs(look.layers) do
      job:progress((i - 1) / #look.layers, "what features of " .. layer.name .. " go by", i / #look.layers)
      judge_layer(look, heard, i, found)
    end
    tell(look, found, result)
    job:part(0.98, 1)
    colours.channels(look.layers, heard.base, { heard.seen["without red"], heard.seen["without green"], heard.seen["without blue"] }, result, look.options)
    looking.probe(job, net, look.layers, colours.probes, colours.edges, result, look.options)
    plot(curve, found.kept, result)
    result:tensor("hues", cs.tensor(wheel))
    return show_changes(look, result)
  end,
}
