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

return {
  title = "sensitivity to colours, channels, hue and brightness; colour against shape, by feature",
  options = { images = 200, layers = "all", response = "max", patch = 8, hues = 12, learnt = 20, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local labels, options = images:labels(), { seed = opt.seed }
    local others = data.train.count > 0 and data.train:sample(math.max(2 * opt.images, opt.learnt * data.classes), opt.seed) or images
    -- a step takes as long as it has images
    local total, done = others.count + images.count * (1 + #colours.changes + 2 * 3 + opt.hues), 0
    local function responses(some, what)
      job:progress(done / total, what, (done + some.count) / total)
      done = done + some.count
      return looking.responses(net, some, layers, opt.response)
    end
    job:part(0, 0.9)
    local base, scores = responses(images, "as they are")
    local right, seen = looking.correct(scores, labels), {}
    local result = cs.result { "layer", "feature", "response", "without red", "without green", "without blue", "darker", "hue", "evidence",
      "without colour", "colour low", "colour high", "without shape", "shape low", "shape high", "effect", "q", "goes by",
      "gain red", "gain green", "gain blue", "red low", "red high", "green low", "green high", "blue low", "blue high" }
    local learnt, known = responses(others, "evidence learnt"), others:labels()
    local function accuracy(name, found)
      local mean, low, high = looking.must(cs.statistics.bootstrap(found, options))
      local lost, effect, p = looking.must(cs.statistics.paired(right - found, options))
      result:note(("accuracy %s: %.3f [%.3f, %.3f], lost %.3f, effect %.2f, p = %.2g"):format(name, mean, low, high, lost, effect, p))
    end
    accuracy("as they are", right)
    for _, change in ipairs(colours.changes) do
      local changed, moved = responses(change[2](images, opt), change[1])
      seen[change[1]] = changed
      accuracy(change[1], looking.correct(moved, labels))
    end
    local gains = {}
    for channel, name in ipairs { "red", "green", "blue" } do
      gains[channel] = colours.gains(images, base, channel, function(some) return (responses(some, "gain of " .. name)) end)
    end
    local hues, curve = {}, {}
    for k = 0, opt.hues - 1 do
      local degrees = 360 * k / opt.hues
      local changed, moved = responses(cs.perturb.hue(images, degrees), ("hue %+.0f"):format(degrees))
      for i in ipairs(layers) do
        hues[i] = hues[i] or {}
        table.insert(hues[i], changed[i]:reshape { 1, images.count, -1 })
      end
      curve[#curve + 1] = { degrees, looking.must(cs.statistics.bootstrap(looking.correct(moved, labels), options)) }
    end

    local tuned = {}
    job:part(0.9, 0.93)
    for k = 0, opt.hues - 1 do
      job:progress(k / opt.hues, ("edges of hue %.0f"):format(360 * k / opt.hues), (k + 1) / opt.hues)
      local trace <close> = looking.must(net:trace(colours.edges(net, colours.pure(360 * k / opt.hues))))
      for i, layer in ipairs(layers) do
        tuned[i] = tuned[i] or {}
        table.insert(tuned[i], looking.strongest(trace, layer):mean(0):tolist())
      end
    end

    local p, p_present, rows, kept_plot = {}, {}, {}, {}
    job:part(0.93, 0.98)
    for i, layer in ipairs(layers) do
      job:progress((i - 1) / #layers, "what features of " .. layer.name .. " go by", i / #layers)
      local mean, typical = base[i]:mean(0), colours.standard(colours.expected(learnt[i], known, labels))
      local function relative(name) return ((base[i] - seen[name][i]):mean(0) / mean):tolist() end
      -- responses that became one constant carry no evidence; a feature silent from the start has none to lose
      local function evidence(responses) return looking.filled(typical * colours.standard(responses), typical) end
      local whole, colour, shape, n = evidence(base[i]), cs.tensor(typical.shape, 0), evidence(seen["scrambled"][i]), 0
      for _, change in ipairs(colours.changes) do
        if change[3] == "colour" then colour, n = colour + evidence(seen[change[1]][i]), n + 1 end
      end
      colour = colour / n
      local all, _, present = looking.must(cs.statistics.paired(whole, options))
      local _, effect, chance = looking.must(cs.statistics.paired(shape - colour, options))
      local c, cl, ch = looking.must(cs.statistics.bootstrap(colour, options))
      local s, sl, sh = looking.must(cs.statistics.bootstrap(shape, options))
      local around = (cs.concat(hues[i]):std(0):mean(0) / mean):tolist()
      local columns = { mean:tolist(), relative "without red", relative "without green", relative "without blue", relative "darker", around, all:tolist(),
        c:tolist(), cl:tolist(), ch:tolist(), s:tolist(), sl:tolist(), sh:tolist(), effect:tolist() }
      local ends = {}
      for k = 1, 3 do ends[2 * k - 1], ends[2 * k] = colours.interval(base[i], seen[colours.changes[k][1]][i], mean, options) end
      for _, x in ipairs(present:tolist()) do p_present[#p_present + 1] = x end
      for f, chance_of in ipairs(chance:tolist()) do
        local row = { layer.name, f - 1 }
        for k, column in ipairs(columns) do row[k + 2] = column[f] end
        for channel = 1, 3 do row[18 + channel] = gains[channel][i][f] end
        for k, list in ipairs(ends) do row[21 + k] = list[f] end
        rows[#rows + 1], p[#p + 1] = row, chance_of
      end
      kept_plot[i] = { name = layer.name, kind = "points", x = c, y = s, colour = colours.of_depth(i, #layers) }
    end
    local q, q_present, counts = cs.statistics.fdr(p), cs.statistics.fdr(p_present), {}
    for k, row in ipairs(rows) do
      local evident = q_present[k] < 0.05 and row[9] > 0.1
      local name = row[3] <= 0 and "silent" or not evident and "neither" or q[k] >= 0.05 and "both" or row[16] > 0 and "colour" or "shape"
      row[17], row[18] = q[k], name
      counts[row[1]] = counts[row[1]] or {}
      counts[row[1]][name] = (counts[row[1]][name] or 0) + 1
      result:add(table.unpack(row, 1, 27))
    end
    for _, layer in ipairs(layers) do
      local c = counts[layer.name]
      result:note(("%s: %d features go by colour, %d by shape, %d by both (no difference is told); %d carry no evidence of the class, %d are silent"):format(layer.name,
        c.colour or 0, c.shape or 0, c.both or 0, c.neither or 0, c.silent or 0))
    end
    job:part(0.98, 1)
    colours.channels(layers, base, { seen["without red"], seen["without green"], seen["without blue"] }, result, options)
    looking.probe(job, net, layers, colours.probes, colours.edges, result, options)
    local angles, means, lows, highs = {}, {}, {}, {}
    for k, point in ipairs(curve) do angles[k], means[k], lows[k], highs[k] = point[1], point[2], point[3], point[4] end
    result:plot("hue", cs.plot { title = "accuracy as hues turn", x_label = "degrees", y_label = "accuracy", zero = true,
      series = { { name = "accuracy", x = angles, y = means, low = lows, high = highs } } })
    result:plot("kept", cs.plot { title = "what features go by", x_label = "evidence left without colour", y_label = "evidence left without shape", series = kept_plot })
    local wheel = {}
    for i in ipairs(layers) do
      for f in ipairs(tuned[i][1]) do
        local row = {}
        for k, answers in ipairs(tuned[i]) do row[k] = answers[f] end
        wheel[#wheel + 1] = row
      end
    end
    result:tensor("hues", cs.tensor(wheel))
    local strip, names = {}, {}
    for c, change in ipairs(colours.changes) do
      strip[c], names[c] = change[2](images:images(0, math.min(8, images.count)), opt):pixels(), change[1]
    end
    return result:picture("changes", cs.mosaic(cs.concat(strip), { columns = math.min(8, images.count), photo = true }),
      "what is done to pictures, a row each: " .. table.concat(names, ", "))
  end,
}
