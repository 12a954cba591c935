--- Depth: how a reconstruction's likeness to the picture, and where its energy lies, change from layer to layer and with the backward rule
-- (the paper's Figure 3, as a curve).
--
-- Likeness: correlation, structural similarity (both pictures standardised first, since their units differ) and edge similarity of
-- the whole layer's projection and the picture. Localisation: of the projection of the layer's strongest feature at its strongest
-- position, the share of energy in the middle half (by sides) of the part of the picture that it can reach: 0.25 if it were spread evenly.
-- Borders: the energy density in the outer eighth of the picture, over that of the whole: below 1 the borders are lost. The same is measured through
-- the network's twin, the same kernels with the other padding ("same" for "valid"), by the first rule: what padding alone does to the borders.
local cs = require "convscope"
local looking = require "convscope.looking"

local function block(plane, top, left, bottom, right)
  return plane:slice(top, bottom - top, 0):slice(left, right - left, 1):sum()
end

-- For each projection [n,h,w,1] of energies: density near the borders over the mean density.
local function borders(energy)
  local h, w = energy.shape[2], energy.shape[3]
  local b, out = math.max(1, math.min(h, w) // 8), {}
  local rim = 1 - (h - 2 * b) * (w - 2 * b) / (h * w)
  for i = 0, energy.shape[1] - 1 do
    local plane = energy[i]
    local all = plane:sum()
    out[i + 1] = all > 0 and (1 - block(plane, b, b, h - b, w - b) / all) / rim or 0 / 0
  end
  return cs.tensor(out)
end

-- The share of energy in the middle half, by sides, of what each can reach.
local function core(energy, infos)
  local out = {}
  for i, info in ipairs(infos) do
    local plane, all = energy[i - 1], energy[i - 1]:sum()
    local dy, dx = (info.bottom - info.top) // 4, (info.right - info.left) // 4
    out[i] = all > 0 and info.bottom - info.top >= 4 and info.right - info.left >= 4
      and block(plane, info.top + dy, info.left + dx, info.bottom - dy, info.right - dx) / all or 0 / 0
  end
  return cs.tensor(out)
end

-- The layers with the other padding, same kernels, up to the last of these at which there is still something to see: the network, the padding they had,
-- how many of the layers it holds; nil where it holds none.
local function twin(net, layers)
  for count = #layers, 1, -1 do
    local list, was = {}, nil
    for i = 0, layers[count].index do
      local spec = net.layers[i + 1].spec
      if spec.type == "conv" then
        was = was or spec.padding
        spec.padding = spec.padding == "valid" and "same" or "valid"
      end
      list[i + 1] = spec
    end
    local other = net:rebuild(list)
    if other then return other, was, count end
  end
end

-- The plots: measure, title, what its numbers are.
local shows = { { "correlation", "how like the picture reconstructions are", "correlation" },
  { "ssim", "how like the picture reconstructions are, in structure", "structural similarity (SSIM)" },
  { "edges", "how much of the picture's edges reconstructions keep", "edge similarity" },
  { "borders", "energy of reconstructions near the borders", "of the whole picture's (1: spread evenly)" },
  { "core", "energy of the strongest feature in the middle of what it can see", "share (0.25: spread evenly)" } }

return {
  title = "likeness of reconstructions to the picture and their localisation, by layer and rule",
  options = { images = 64, layers = "all", rules = "deconvnet,gradient,guided", seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local found, rules, shown = looking.gathering(opt.seed), looking.words(opt.rules, "rules"), {}
    local other, padding, reach = twin(net, layers)
    looking.batches(images, 16, function(some, first)
      local trace <close> = looking.must(net:trace(some))
      local picture = cs.measure.standardise(net:unwhiten(trace:input()))
      for i, layer in ipairs(layers) do
        job:progress((first + some.count * (i - 1) / #layers) / images.count, layer.name, (first + some.count * i / #layers) / images.count)
        local strongest = {} -- in each image the feature that fires most
        local map = trace:output(layer.index)
        for _ = 1, #layer.output - 1 do map = map:max(1) end
        for k, feature in ipairs(map:argmax(1):tolist()) do strongest[k] = { image = k - 1, feature = math.tointeger(feature), at = "max" } end
        for _, rule in ipairs(rules) do
          local view = looking.must(cs.project(trace, layer.index, { targets = looking.whole(some.count), rule = rule }))
          local even = cs.measure.standardise(view)
          found:add({ layer.name, rule, "correlation" }, cs.measure.correlation(view, picture))
          found:add({ layer.name, rule, "ssim" }, cs.measure.ssim(even, picture))
          found:add({ layer.name, rule, "edges" }, cs.measure.edges(view, picture))
          found:add({ layer.name, rule, "borders" }, borders(cs.measure.energy(view)))
          local one, infos = looking.must(cs.project(trace, layer.index, { targets = strongest, rule = rule }))
          found:add({ layer.name, rule, "core" }, core(cs.measure.energy(one), infos))
          if first == 0 then
            shown[rule] = shown[rule] or {}
            shown[rule][i] = view:slice(0, math.min(6, some.count))
          end
        end
      end
      if not other then return end
      local padded <close> = looking.must(other:trace(some))
      for _, layer in ipairs { table.unpack(layers, 1, reach) } do
        found:add({ layer.name, rules[1], "borders, other padding" }, borders(cs.measure.energy(looking.must(cs.project(padded, layer.index,
          { targets = looking.whole(some.count), rule = rules[1] })))))
      end
    end)
    local result = cs.result { "layer", "rule", "measure", "mean", "low", "high" }
    local plots, number, rim, kept = {}, {}, {}, {}
    for i, layer in ipairs(layers) do number[layer.name] = i end
    found:each(function(key, mean, low, high)
      result:add(key[1], key[2], key[3], mean, low, high)
      local name, curve = key[3], key[2]
      if key[2] == rules[1] and name:find "^borders" then
        rim[key[1]] = rim[key[1]] or {}
        table.insert(rim[key[1]], ("%.2f [%.2f, %.2f]"):format(mean, low, high))
      end
      if name == "borders, other padding" then name, curve = "borders", key[2] .. ", " .. (padding == "valid" and "same" or "valid") end
      plots[name] = plots[name] or { looking.series() }
      plots[name][2](curve, number[key[1]], mean, low, high)
      if key[3] == "edges" and key[2] == rules[1] then
        kept[#kept + 1] = ("%s %.2f [%.2f, %.2f]"):format(key[1], mean, low, high)
      end
    end)
    result:verdict(("of the picture's edges, reconstructions (%s) keep, by layer: %s"):format(rules[1], table.concat(kept, ", ")))
    for _, layer in ipairs(layers) do
      result:note(("%s: %s, sees %d x %d pixels"):format(layer.name, looking.convolution(net, layer).description, layer.receptive_field[1], layer.receptive_field[2]))
    end
    for _, layer in ipairs { table.unpack(layers, 1, reach or 0) } do
      local pair = rim[layer.name]
      result:note(("%s: energy near the borders, of the whole's, %s with padding %s; the same kernels with %s: %s"):format(layer.name, pair[1], padding,
        padding == "valid" and "same" or "valid", pair[2]))
    end
    if reach ~= #layers then
      result:note(("the other padding leaves nothing of the picture to see from %s on: there is no comparison of borders there"):format(layers[(reach or 0) + 1].name))
    end
    for _, what in ipairs(shows) do
      if plots[what[1]] then
        result:plot(what[1], cs.plot { title = what[2], x_label = "convolution (from 1)", y_label = what[3], series = plots[what[1]][1], zero = true })
      end
    end
    local columns = math.min(6, images.count)
    result:picture("pictures", cs.mosaic(images:images(0, columns):pixels(), { columns = columns, photo = true, zoom = 2 }))
    for _, rule in ipairs(rules) do
      result:mosaic("reconstructions, " .. rule, cs.concat(shown[rule]), columns, ("reconstructions of the pictures by %s, a row a layer: %s"):format(rule, looking.names(layers)))
    end
    return result
  end,
}
