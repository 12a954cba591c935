-- colours.lua: what the analysis of colour does to pictures, the probes it shows, and how far responses move without a channel.
local cs = require "convscope"
local looking = require "convscope.looking"

local colours = {}

-- What is done to pictures; "colour" and "shape" say what it takes away.
colours.changes = {
  { "without red", function(images) return cs.perturb.gain(images, { 0, 1, 1 }) end },
  { "without green", function(images) return cs.perturb.gain(images, { 1, 0, 1 }) end },
  { "without blue", function(images) return cs.perturb.gain(images, { 1, 1, 0 }) end },
  { "darker", function(images) return cs.perturb.gain(images, { 0.5, 0.5, 0.5 }) end },
  { "grey", function(images) return cs.perturb.grey(images) end, "colour" },
  { "hue +120", function(images) return cs.perturb.hue(images, 120) end, "colour" },
  { "channels swapped", function(images) return cs.perturb.reorder(images, { 2, 1, 0 }) end, "colour" },
  { "scrambled", function(images, opt) return cs.perturb.scramble(images, opt.patch, opt.seed) end, "shape" },
}

-- The first of the images, a row a change, into a result.
function colours.show_changes(images, opt, result)
  local strip, names, count = {}, {}, math.min(8, images.count)
  for c, change in ipairs(colours.changes) do
    strip[c], names[c] = change[2](images:images(0, count), opt):pixels(), change[1]
  end
  return result:picture("changes", cs.mosaic(cs.concat(strip), { columns = count, photo = true }),
    "what is done to pictures, a row each: " .. table.concat(names, ", "))
end

-- Probes: the paper's colours and edges between black and white: half of the picture black, half of that colour, at several places, both ways.
colours.probes = { { "turquoise car", 154, 223, 222 }, { "yellow banana", 212, 203, 172 }, { "saturated red", 255, 0, 0 },
  { "saturated green", 0, 255, 0 }, { "saturated blue", 0, 0, 255 }, { "white", 255, 255, 255 } }

-- A pure colour: hue in degrees.
function colours.pure(hue)
  local sixth = hue / 60
  local part = 1 - math.abs(sixth % 2 - 1)
  local r, g, b = table.unpack(({ [0] = { 1, part, 0 }, { part, 1, 0 }, { 0, 1, part }, { 0, part, 1 }, { part, 0, 1 }, { 1, 0, part } })[sixth // 1 % 6])
  return { ("hue %.0f"):format(hue), 255 * r, 255 * g, 255 * b }
end

-- A probe's pictures.
function colours.edges(net, probe)
  local h, w, parts = net.input[1], net.input[2], {}
  for _, share in ipairs { 0.3, 0.4, 0.5, 0.6, 0.7 } do
    for flip = 0, 1 do
      local image, cut = cs.tensor({ 1, h, w, 3 }, 0), math.floor(share * h)
      local colour = cs.tensor({ h - cut, w, 3 }, 0) + cs.tensor { probe[2], probe[3], probe[4] }
      for y = cut, h - 1 do image[{ 0, y }] = colour[y - cut] end
      parts[#parts + 1] = flip == 1 and cs.perturb.rotate(image, 180) or image
      parts[#parts + 1] = cs.perturb.rotate(image, flip == 1 and 90 or 270)
    end
  end
  return cs.images(cs.concat(parts))
end

-- What features answer to edges between black and so many pure colours around the wheel: a row a feature, all layers.
function colours.wheel(job, net, layers, hues)
  local tuned, wheel = {}, {}
  for k = 0, hues - 1 do
    job:progress(k / hues, ("edges of hue %.0f"):format(360 * k / hues), (k + 1) / hues)
    local trace <close> = looking.must(net:trace(colours.edges(net, colours.pure(360 * k / hues))))
    for i, layer in ipairs(layers) do
      tuned[i] = tuned[i] or {}
      table.insert(tuned[i], looking.strongest(trace, layer):mean(0):tolist())
    end
  end
  for i in ipairs(layers) do
    for f in ipairs(tuned[i][1]) do
      local row = {}
      for k, answers in ipairs(tuned[i]) do row[k] = answers[f] end
      wheel[#wheel + 1] = row
    end
  end
  return wheel
end

-- The ink of layer i of n: from violet at the picture to yellow.
function colours.of_depth(i, n)
  local stops = { { 68, 1, 84 }, { 33, 145, 140 }, { 240, 180, 30 } }
  local at, out = n > 1 and 2 * (i - 1) / (n - 1) or 0, {}
  local k = math.min(1, math.floor(at))
  for c = 1, 3 do out[c] = math.floor(stops[k + 1][c] + (at - k) * (stops[k + 2][c] - stops[k + 1][c]) + 0.5) end
  return out
end

-- How a feature's response goes with the gain of one channel (1: red, 2: green, 3: blue): its change from a gain of 0.8 to one of 1.2, over 0.4 of the
-- response as it is: 1 where the response is proportional to that channel. responses(images) gives a tensor [images,features] a layer.
function colours.gains(images, base, channel, responses)
  local found, out = {}, {}
  for k, gain in ipairs { 0.8, 1.2 } do
    local by = { 1, 1, 1 }
    by[channel] = gain
    found[k] = responses(cs.perturb.gain(images, by))
  end
  for i, whole in ipairs(base) do out[i] = ((found[2][i] - found[1][i]):mean(0) / (0.4 * whole:mean(0))):tolist() end
  return out
end

-- How far the responses move without a channel, of their size, by image: [images] for a layer.
local function moved(whole, changed)
  return (whole - changed):abs():sum(1) / (whole:abs():sum() / whole.shape[1])
end

-- The layers' and the network's (the layers' mean) sensitivity to red, green and blue, from their responses as they are (`base`) and without each
-- channel (`without`, three lists): notes, the plot and the tensor "channels"; and whether it is more to green and blue than to red, as the paper saw.
function colours.channels(layers, base, without, result, options)
  local names, inks = { "red", "green", "blue" }, { { 200, 50, 50 }, { 30, 140, 60 }, { 50, 90, 200 } }
  local series, numbers, network, words = {}, {}, {}, nil
  for k, name in ipairs(names) do series[k] = { name = name, colour = inks[k], x = {}, y = {}, low = {}, high = {} } end
  local function told(k, values)
    local mean, low, high = looking.must(cs.statistics.bootstrap(values, options))
    words[k] = ("%.3f [%.3f, %.3f] without %s"):format(mean, low, high, names[k])
    return mean, low, high
  end
  for i, layer in ipairs(layers) do
    numbers[i], words = {}, {}
    for k in ipairs(names) do
      local values = moved(base[i], without[k][i])
      local mean, low, high = told(k, values)
      network[k] = network[k] and network[k] + values / #layers or values / #layers
      numbers[i][k] = { mean, low, high }
      for key, value in pairs { x = i, y = mean, low = low, high = high } do series[k][key][i] = value end
    end
    result:note(("%s: of their size, responses move by %s"):format(layer.name, table.concat(words, ", ")))
  end
  words = {}
  for k in ipairs(names) do told(k, network[k]) end
  local more, effect, p = looking.must(cs.statistics.paired((network[2] + network[3]) / 2 - network[1], options))
  local order = { 1, 2, 3 }
  table.sort(order, function(a, b) return network[a]:mean() > network[b]:mean() end)
  result:verdict(("all layers: of their size, responses move by %s: most without %s, least without %s; %s sensitive to green and blue (their mean) than to red: %+.3f, effect %.2f, p = %.2g (the paper: more to green and blue)"):format(
    table.concat(words, ", "), names[order[1]], names[order[3]], p >= 0.05 and "neither more nor less" or more > 0 and "more" or "less", more, effect, p))
  result:plot("channels", cs.plot { title = "how far responses move without a channel", x_label = "convolution (from 1)", y_label = "of their size", series = series,
    zero = true })
  return result:tensor("channels", cs.tensor(numbers))
end

-- The 95 % interval of the share of each feature's response that goes: two lists.
function colours.interval(whole, changed, mean, options)
  local _, low, high = looking.must(cs.statistics.bootstrap(whole - changed, options))
  return (low / mean):tolist(), (high / mean):tolist()
end

return colours
