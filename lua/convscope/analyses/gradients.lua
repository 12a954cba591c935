--- Gradients: do features fire where the picture's intensity changes sharply? (The paper's Figure 4, over a data set.)
--
-- The picture's gradient magnitude (Sobel) is seen through each cell's receptive field and correlated with each feature's map, and, pixel by
-- pixel, with the energy of the layer's projection. Chance is the same with the gradient of another picture: what maps share
-- by their borders alone shows there. q: own against other pictures, paired, after Benjamini-Hochberg.
local cs = require "convscope"
local looking = require "convscope.looking"

-- The planes one picture further on: never a picture's own.
local function others(planes)
  local n = planes.shape[1]
  return cs.concat { planes:slice(n - 1, 1), planes:slice(0, n - 1) }
end

return {
  title = "correlation of features and reconstructions with the picture's gradients",
  options = { images = 96, layers = "all", rule = "deconvnet", seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    if images.count < 2 then looking.fail("argument", "gradients needs at least two images, to compare with those of another") end
    local own, other, energy, energy_other, shown = {}, {}, {}, {}, nil
    job:part(0, 0.9)
    -- the last batch has at least two pictures
    looking.batches(images, images.count % 16 == 1 and 15 or 16, function(some, first)
      if some.count < 2 then return end
      local trace <close> = looking.must(net:trace(some))
      local magnitude = cs.measure.sobel(some:pixels())
      for i, layer in ipairs(layers) do
        job:progress((first + some.count * (i - 1) / #layers) / images.count, layer.name, (first + some.count * i / #layers) / images.count)
        local seen, map = cs.measure.windows(magnitude, layer), trace:output(layer.index)
        local view = looking.must(cs.project(trace, layer.index, { targets = looking.whole(some.count), rule = opt.rule }))
        local strength = cs.measure.energy(view):sqrt()
        own[i], other[i], energy[i], energy_other[i] = own[i] or {}, other[i] or {}, energy[i] or {}, energy_other[i] or {}
        table.insert(own[i], cs.measure.map_correlation(map, seen))
        table.insert(other[i], cs.measure.map_correlation(map, others(seen)))
        table.insert(energy[i], cs.measure.correlation(strength, magnitude))
        table.insert(energy_other[i], cs.measure.correlation(strength, others(magnitude)))
        if first == 0 and i == #layers then shown = { some:images(0, math.min(6, some.count)):pixels(), magnitude:slice(0, math.min(6, some.count)),
          strength:slice(0, math.min(6, some.count)) } end
      end
    end)

    local options = { seed = opt.seed }
    local result = cs.result { "layer", "feature", "images", "correlation", "low", "high", "with another picture", "effect", "q" }
    local rows, p, points = {}, {}, {}
    local function add(layer, feature, values, chance)
      local mean, low, high = looking.must(cs.statistics.bootstrap(values, options))
      local null, _, effect, chance_p = chance:tolist(), looking.must(cs.statistics.paired(values - chance, options))
      local sum, n, used = 0, 0, 0
      for _, x in ipairs(null) do if x == x then sum, n = sum + x, n + 1 end end
      for _, x in ipairs(values:tolist()) do if x == x then used = used + 1 end end
      rows[#rows + 1] = { layer, feature, used, mean, low, high, n > 0 and sum / n or 0 / 0, effect }
      p[#p + 1] = chance_p
      return mean, low, high
    end
    job:part(0.9, 1)
    local curve = { x = {}, y = {}, low = {}, high = {}, name = "reconstructions" }
    for i, layer in ipairs(layers) do
      job:progress((i - 1) / #layers, "intervals and tests: " .. layer.name, i / #layers)
      local values, chance = cs.concat(own[i]), cs.concat(other[i])
      curve.x[i] = i
      curve.y[i], curve.low[i], curve.high[i] = add(layer.name, "reconstruction", cs.concat(energy[i]), cs.concat(energy_other[i]))
      local list = {}
      for f = 0, layer.features - 1 do
        list[f + 1] = add(layer.name, f, values:slice(f, 1, 1):reshape { -1 }, chance:slice(f, 1, 1):reshape { -1 })
      end
      points[i] = looking.middle(list)
    end
    local q, share, count = cs.statistics.fdr(p), {}, {}
    for k, row in ipairs(rows) do
      row[9] = q[k]
      if row[2] ~= "reconstruction" and row[3] > 0 then
        count[row[1]] = (count[row[1]] or 0) + 1
        share[row[1]] = (share[row[1]] or 0) + (row[4] > 0 and q[k] < 0.05 and row[8] > 0 and 1 or 0)
      end
      result:add(table.unpack(row, 1, 9))
    end
    local said, sharp, all = {}, 0, 0
    for i, layer in ipairs(layers) do
      said[i] = ("%s %.2f [%.2f, %.2f]"):format(layer.name, curve.y[i], curve.low[i], curve.high[i])
      sharp, all = sharp + (share[layer.name] or 0), all + (count[layer.name] or 0)
      result:note(count[layer.name] and ("%s: %d of %d features fire where gradients are large (q < 0.05); median correlation %.2f"):format(layer.name, share[layer.name],
        count[layer.name], points[i]) or ("%s: no map could be correlated: its cells all see the same, or none fires"):format(layer.name))
    end
    result:verdict("the energy of reconstructions goes with the pictures' gradients, by layer: " .. table.concat(said, ", "))
    if all > 0 then
      result:verdict(("of %d features whose maps can be compared, %d (%.0f %%) fire where the pictures' gradients are large (FDR 5 %%; the paper: all do)"):format(all, sharp,
        100 * sharp / all))
    end
    result:plot("layers", cs.plot { title = "correlation with gradient magnitude, by layer (from 1)", x_label = "convolution", y_label = "correlation",
      series = { curve, { name = "features (median)", x = curve.x, y = points } } })
    if shown then
      result:picture("pictures", cs.mosaic(shown[1], { columns = 6, photo = true, zoom = 2 }))
      result:mosaic("magnitude", cs.concat { shown[2], shown[3] }, shown[2].shape[1],
        ("above, the pictures' gradient magnitude; below, the size of their reconstructions from %s"):format(layers[#layers].name))
    end
    return result
  end,
}
