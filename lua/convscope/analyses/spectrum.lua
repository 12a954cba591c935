--- Spectrum: what frequencies filters and reconstructions hold, whether a stride shows as a grid, which filters are dead or double: a
-- verdict in plain words, with its reason.
--
-- A stride that is too large for its kernel leaves a grid of its period (aliasing): the power of the reconstructions at the frequencies of the
-- layer's step over the power around them, 1 where there is no grid. Folded: the share of what a filter of the first layer passes, of these
-- pictures, that lies above half the sampling rate of its stride, and so comes back
-- as something else. Dead: the feature fires on no image.
-- Double: two kernels of a layer with a cosine above `alike`. A band is missing where filters pass less than a hundredth of their best band.
-- The verdict is also advice (result:advise): a smaller stride or pool, another kernel, fewer features, which `convscope tune --advice` tries.
local cs = require "convscope"
local filters = require "convscope.filters"
local looking = require "convscope.looking"

local BINS = 10

-- By layer, over the images: the grid of its reconstructions, their power by frequency, each feature's strongest response, the first reconstructions; and
-- the pictures' own power by frequency.
local function gather(job, net, images, layers, rule)
  local pictures, seen = {}, {}
  for i in ipairs(layers) do seen[i] = { grid = {}, power = {}, strongest = {} } end
  looking.batches(images, 16, function(some, first)
    local trace <close> = looking.must(net:trace(some))
    pictures[#pictures + 1] = cs.measure.radial(cs.measure.power(net:unwhiten(trace:input())), BINS)
    for i, layer in ipairs(layers) do
      job:progress((first + some.count * (i - 1) / #layers) / images.count, layer.name, (first + some.count * i / #layers) / images.count)
      local view, one = looking.must(cs.project(trace, layer.index, { targets = looking.whole(some.count), rule = rule })), seen[i]
      local power = cs.measure.power(view)
      table.insert(one.grid, cs.measure.grid(power, layer.receptive_step[1]))
      table.insert(one.power, cs.measure.radial(power, BINS))
      table.insert(one.strongest, looking.strongest(trace, layer))
      if first == 0 then one.view = view:slice(0, math.min(6, some.count)) end
    end
  end)
  for _, one in ipairs(seen) do
    for _, key in ipairs { "grid", "power", "strongest" } do one[key] = cs.concat(one[key]) end
  end
  return seen, cs.concat(pictures)
end

return {
  title = "frequencies of filters and reconstructions, aliasing, dead and double filters: a verdict",
  options = { images = 48, layers = "all", rule = "deconvnet", alike = 0.95, grid = 20, folded = 0.12, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    job:part(0, 0.95)
    local seen, scene = gather(job, net, images, layers, opt.rule)
    local result, faults = cs.result { "layer", "step", "grid", "low", "high", "dead", "double", "features", "folded" }, {}
    local series, point = looking.series()
    local function curve(name, rings) -- its largest is 1
      local list = rings:mean(0):tolist()
      local most = math.max(table.unpack(list))
      for b, x in ipairs(list) do
        list[b] = math.max(x / most, 1e-6)
        point(name, (b - 0.5) * 0.5 / BINS, list[b])
      end
      return list
    end
    local light, folded, inherited, shown = curve("pictures", scene), 0 / 0, false, {}
    job:part(0.95, 1)
    for i, layer in ipairs(layers) do
      job:progress((i - 1) / #layers, "the filters of " .. layer.name, i / #layers)
      local one, convolution = seen[i], looking.convolution(net, layer)
      local kernel, stride = looking.must(net:weights(convolution.index)), filters.stride(convolution)
      local function advise(change, value, why, of) result:advise { layer = (of or convolution).name, change = change, value = value, why = why } end
      if i == 1 and convolution.index == 0 and #net.input == 3 then
        local rings = filters.frequencies(kernel, BINS)
        local gains = curve("filters of " .. layer.name, rings)
        local missing = filters.missing(gains)
        folded = filters.folded(gains, light, stride)
        result:tensor("filters by frequency", rings)
        if #missing > 0 then -- fine bands need small kernels, coarse ones large
          local size, bands = kernel.shape[1] + (missing[1] < 0.25 and 2 or -2), {}
          for k, frequency in ipairs(missing) do bands[k] = ("%.2f"):format(frequency) end
          local why = ("%s: its filters pass (almost) nothing around %s cycles a pixel: other kernel sizes would"):format(layer.name, table.concat(bands, ", "))
          result:note(why)
          faults[#faults + 1] = layer.name .. " misses bands"
          if size >= 1 then advise("kernel", size, why) end
        end
      end
      local dead, twice, silent = 0, filters.doubles(kernel, opt.alike), one.strongest:max(0):tolist()
      for _, most in ipairs(silent) do dead = dead + (most <= 0 and 1 or 0) end
      local grid, low, high = looking.must(cs.statistics.bootstrap(one.grid, { seed = opt.seed }))
      result:add(layer.name, layer.receptive_step[1], grid, low, high, dead, twice, layer.features, i == 1 and folded or 0 / 0)
      curve(layer.name, one.power)
      local lost = i == 1 and folded > opt.folded
      if lost or low > opt.grid and i > 1 and (stride > 1 or not inherited) then
        local pool = stride == 1 and filters.pool_before(net, convolution)
        local what = stride > 1 and "reduce the stride" or "reduce the pooling before it"
        local why = ("%s: energy at the frequency of its step (1/%d) is %.1fx its surroundings [%.1f, %.1f]%s: %s"):format(layer.name, layer.receptive_step[1],
          grid, low, high, lost and (", and %.0f %% of what its filters pass is folded onto lower frequencies"):format(100 * folded) or "", what)
        result:note(why)
        faults[#faults + 1] = ("%s: aliasing, %s"):format(layer.name, what)
        if stride > 1 then advise("stride", stride - 1, why) end
        if pool and pool.spec.window[1] > 1 then advise("window", pool.spec.window[1] - 1, why, pool) end
      elseif low > 2 then
        result:note(("%s: energy at the frequency of its step (1/%d) is %.1fx its surroundings: what unpooling and strides leave; no fault"):format(
          layer.name, layer.receptive_step[1], grid))
      end
      inherited = inherited or stride > 1
      if dead > 0 then result:note(("%s: %d of %d features never fire on %d images"):format(layer.name, dead, layer.features, images.count)) end
      if twice > 0 then result:note(("%s: %d of %d kernels are (almost) another's double: it could be narrower"):format(layer.name, twice, layer.features)) end
      if (dead + twice) * 20 > layer.features then
        faults[#faults + 1] = ("%s: %d of %d features dead or double"):format(layer.name, dead + twice, layer.features)
        if dead + twice < layer.features then
          advise("features", layer.features - math.max(dead, twice),
            ("%s: of %d features %d never fire and %d are another's double"):format(layer.name, layer.features, dead, twice))
        end
      end
      shown[i] = one.view
    end
    result:verdict("verdict: " .. (#faults > 0 and table.concat(faults, "; ")
      or "no sign of aliasing, no missing bands, few dead or double features: nothing here asks for another architecture"))
    result:plot("frequencies", cs.plot { title = "power by frequency (largest = 1)", x_label = "cycles a pixel", y_label = "power", series = series, log_y = true })
    return result:mosaic("reconstructions", cs.concat(shown), shown[1].shape[1], "reconstructions of the pictures, a row a layer: " .. looking.names(layers))
  end,
}
