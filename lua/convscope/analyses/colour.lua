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
local colour_or_shape = require "convscope.colour_or_shape"
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

-- The features of layer i into found.features, what is known of each by the name of its column; what is left of their evidence into found.kept, to be plotted.
local function measure_layer(look, heard, i, found)
  local layer, base, mean = look.layers[i], heard.base[i], heard.base[i]:mean(0)
  local lists, kept = colour_or_shape.weigh(heard, i, look.labels, look.options)
  lists.response, lists.hue = mean:tolist(), (cs.concat(heard.hues[i]):std(0):mean(0) / mean):tolist()
  for _, change in ipairs { "without red", "without green", "without blue", "darker" } do
    lists[change] = ((base - heard.seen[change][i]):mean(0) / mean):tolist()
  end
  for channel, name in ipairs { "red", "green", "blue" } do
    lists["gain " .. name] = heard.gains[channel][i]
    lists[name .. " low"], lists[name .. " high"] = colours.interval(base, heard.seen["without " .. name][i], mean, look.options)
  end
  for f in ipairs(lists.response) do
    local one = { layer = layer.name, feature = f - 1 }
    for column, list in pairs(lists) do one[column] = list[f] end
    table.insert(found.features, one)
  end
  found.kept[i] = { name = layer.name, kind = "points", x = kept.colour, y = kept.shape, colour = colours.of_depth(i, #look.layers) }
end

-- The table, a row a feature.
local function fill(features, result)
  for _, one in ipairs(features) do
    local row = {}
    for k, column in ipairs(columns) do row[k] = one[column] end
    result:add(table.unpack(row, 1, #columns))
  end
end

local function plot(curve, kept, result)
  local angles, means, lows, highs = {}, {}, {}, {}
  for k, point in ipairs(curve) do angles[k], means[k], lows[k], highs[k] = point[1], point[2], point[3], point[4] end
  result:plot("hue", cs.plot { title = "accuracy as hues turn", x_label = "degrees", y_label = "accuracy", zero = true,
    series = { { name = "accuracy", x = angles, y = means, low = lows, high = highs } } })
  result:plot("kept", cs.plot { title = "what features go by", x_label = "evidence left without colour", y_label = "evidence left without shape", series = kept })
end

return {
  title = "sensitivity to colours, channels, hue and brightness; colour against shape, by feature",
  options = { images = 200, layers = "all", response = "max", patch = 8, hues = 12, learnt = 20, seed = 0 },

  run = function(job, net, data, opt)
    local look, result = look_at(job, net, data, opt), cs.result(columns)
    local found = { features = {}, kept = {} }
    job:part(0, 0.9)
    local heard = hear(look, result)
    heard.gains = hear_gains(look, heard.base)
    local curve
    heard.hues, curve = hear_hues(look)
    job:part(0.9, 0.93)
    local wheel = colours.wheel(job, net, look.layers, opt.hues)
    job:part(0.93, 0.98)
    for i, layer in ipairs(look.layers) do
      job:progress((i - 1) / #look.layers, "what features of " .. layer.name .. " go by", i / #look.layers)
      measure_layer(look, heard, i, found)
    end
    colour_or_shape.judge(found.features)
    fill(found.features, result)
    colour_or_shape.note(look.layers, found.features, result)
    job:part(0.98, 1)
    colours.channels(look.layers, heard.base, { heard.seen["without red"], heard.seen["without green"], heard.seen["without blue"] }, result, look.options)
    looking.probe(job, net, look.layers, colours.probes, colours.edges, result, look.options)
    plot(curve, found.kept, result)
    result:tensor("hues", cs.tensor(wheel))
    return colours.show_changes(look.images, opt, result)
  end,
}
