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
local looking = require "convscope.looking"

local BINS, SIDE = 10, 32

-- The kernels of the first layer as pictures of SIDE pixels, zeros around: [features,SIDE,SIDE,channels].
local function padded(kernel)
  local rows, columns, channels, features = table.unpack(kernel.shape)
  local out = cs.tensor({ features, SIDE, SIDE, channels }, 0)
  local list = kernel:tolist()
  for f = 1, features do
    for r = 1, math.min(rows, SIDE) do
      for c = 1, math.min(columns, SIDE) do
        for k = 1, channels do out[{ f - 1, r - 1, c - 1, k - 1 }] = list[r][c][k][f] end
      end
    end
  end
  return out
end

-- Pairs of kernels that are (nearly) one.
local function doubles(kernel, alike)
  local cosines, seen = cs.measure.cosines(kernel):tolist(), 0
  for a = 1, #cosines do
    for b = 1, a - 1 do
      if cosines[a][b] > alike then
        seen = seen + 1
        break
      end
    end
  end
  return seen
end

-- How many cells further the next window begins.
local function stride_of(convolution)
  return math.tointeger(tonumber(convolution.description:match "stride (%d+)")) or 1
end

-- The pool that a convolution's input comes from, or nil.
local function pool_before(net, convolution)
  for index = convolution.index - 1, 0, -1 do
    local layer = net.layers[index + 1]
    if layer.type == "maxpool" or layer.type == "avgpool" then return layer end
    if layer.type == "conv" or layer.type == "dense" then return nil end
  end
end

return {
  title = "frequencies of filters and reconstructions, aliasing, dead and double filters: a verdict",
  options = { images = 48, layers = "all", rule = "deconvnet", alike = 0.95, grid = 20, folded = 0.12, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    local grids, spectra, strongest, shown, pictures = {}, {}, {}, {}, {}
    looking.batches(images, 16, function(some, first)
      local trace <close> = looking.must(net:trace(some))
      pictures[#pictures + 1] = cs.measure.radial(cs.measure.power(net:unwhiten(trace:input())), BINS)
      for i, layer in ipairs(layers) do
        job:progress((first + some.count * (i - 1) / #layers) / images.count, layer.name)
        local targets = {}
        for k = 0, some.count - 1 do targets[k + 1] = { image = k } end
        local view, map = looking.must(cs.project(trace, layer.index, { targets = targets, rule = opt.rule })), trace:output(layer.index)
        local power = cs.measure.power(view)
        grids[i], spectra[i], strongest[i] = grids[i] or {}, spectra[i] or {}, strongest[i] or {}
        table.insert(grids[i], cs.measure.grid(power, layer.receptive_step[1]))
        table.insert(spectra[i], cs.measure.radial(power, BINS))
        for _ = 1, #layer.output - 1 do map = map:max(1) end
        table.insert(strongest[i], map:copy())
        if first == 0 then shown[i] = view:slice(0, math.min(6, some.count)) end
      end
    end)

    local result, faults = cs.result { "layer", "step", "grid", "low", "high", "dead", "double", "features", "folded" }, 0
    local frequencies, curves = {}, {}
    for b = 1, BINS do frequencies[b] = (b - 0.5) * 0.5 / BINS end
    local function curve(name, rings)
      local mean = rings:mean(0)
      local list, most = mean:tolist(), mean:max()
      for b, x in ipairs(list) do list[b] = math.max(x / most, 1e-6) end
      curves[#curves + 1] = { name = name, x = frequencies, y = list }
      return list
    end
    local scene = cs.concat(pictures)
    curve("pictures", scene)
    local folded, inherited = 0 / 0, false
    for i, layer in ipairs(layers) do
      local convolution = layer
      while convolution.type ~= "conv" do convolution = net:layer(convolution.index - 1) end
      local kernel, dead, silent = looking.must(net:weights(convolution.index)), 0, cs.concat(strongest[i]):max(0):tolist()
      for _, most in ipairs(silent) do dead = dead + (most <= 0 and 1 or 0) end
      local twice = doubles(kernel, opt.alike)
      if i == 1 and convolution.index == 0 and #net.input == 3 then
        local rings = cs.measure.radial(cs.measure.power(padded(kernel), false), BINS)
        local passed, whole, above = curve("filters of " .. layer.name, rings), 0, 0
        local light, missing = scene:mean(0):tolist(), {}
        local stride = stride_of(convolution)
        for b, gain in ipairs(passed) do
          local energy = gain * light[b] * (b - 0.5) -- a ring's length grows with its frequency
          whole, above = whole + energy, above + (frequencies[b] > 0.5 / stride and energy or 0)
          if gain < 0.01 then missing[#missing + 1] = ("%.2f"):format(frequencies[b]) end
        end
        folded = stride > 1 and above / whole or 0
        result:tensor("filters by frequency", rings)
        if #missing > 0 then -- fine bands need small kernels, coarse ones large
          local size = kernel.shape[1] + (tonumber(missing[1]) < 0.25 and 2 or -2)
          local why = ("%s: its filters pass (almost) nothing around %s cycles a pixel: other kernel sizes would"):format(layer.name, table.concat(missing, ", "))
          result:note(why)
          if size >= 1 then result:advise { layer = convolution.name, change = "kernel", value = size, why = why } end
        end
      end
      local values = cs.concat(grids[i])
      local grid = { looking.must(cs.statistics.bootstrap(values, { seed = opt.seed })) }
      result:add(layer.name, layer.receptive_step[1], grid[1], grid[2], grid[3], dead, twice, layer.features, i == 1 and folded or 0 / 0)
      curve(layer.name, cs.concat(spectra[i]))
      local own, lost = stride_of(convolution), i == 1 and folded > opt.folded
      if lost or grid[2] > opt.grid and i > 1 and (own > 1 or not inherited) then
        faults = faults + 1
        local pool = own == 1 and pool_before(net, convolution)
        local why = ("%s: energy at the frequency of its step (1/%d) is %.1fx its surroundings [%.1f, %.1f]%s: reduce the %s"):format(layer.name,
          layer.receptive_step[1], grid[1], grid[2], grid[3],
          lost and (", and %.0f %% of what its filters pass is folded onto lower frequencies"):format(100 * folded) or "",
          own > 1 and "stride" or "pooling before it")
        result:note(why)
        if own > 1 then result:advise { layer = convolution.name, change = "stride", value = own - 1, why = why } end
        if pool and pool.spec.window[1] > 1 then result:advise { layer = pool.name, change = "window", value = pool.spec.window[1] - 1, why = why } end
      elseif grid[2] > 2 then
        result:note(("%s: energy at the frequency of its step (1/%d) is %.1fx its surroundings: what unpooling and strides leave; no fault"):format(
          layer.name, layer.receptive_step[1], grid[1]))
      end
      inherited = inherited or own > 1
      if dead > 0 then
        faults = faults + (dead * 20 > layer.features and 1 or 0)
        result:note(("%s: %d of %d features never fire on %d images"):format(layer.name, dead, layer.features, images.count))
      end
      if twice > 0 then result:note(("%s: %d of %d kernels are (almost) another's double: it could be narrower"):format(layer.name, twice, layer.features)) end
      if (dead + twice) * 20 > layer.features and dead + twice < layer.features then
        result:advise { layer = convolution.name, change = "features", value = layer.features - math.max(dead, twice),
          why = ("%s: of %d features %d never fire and %d are another's double"):format(layer.name, layer.features, dead, twice) }
      end
    end
    if faults == 0 then result:note "no sign of aliasing, and few dead features: nothing here asks for another architecture" end
    result:plot("frequencies", cs.plot { title = "power by frequency (largest = 1)", x_label = "cycles a pixel", y_label = "power", series = curves, log_y = true })
    return result:mosaic("reconstructions, a row a layer", cs.concat(shown), shown[1].shape[1])
  end,
}
