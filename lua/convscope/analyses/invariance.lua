--- Invariance: how each layer's responses change as pictures are moved, magnified and turned (Zeiler & Fergus 2014, figure 5, over a
-- data set).
--
-- Likeness is the cosine between a layer's feature responses (the mean of each map) to the picture as it is and moved: 1 is
-- invariant. As a null, the cosine to another picture of the set: a layer that cannot tell pictures apart is invariant to everything, so
-- `invariance` is (likeness - null) / (1 - null), 1 for not moved at all and 0 for as unlike as another picture.
local cs = require "convscope"
local looking = require "convscope.looking"

local motions = {
  { "translation", "pixels", function(images, x) return cs.perturb.shift(images, 0, x) end, 0, low = -1000, high = 1000 },
  { "scale", "factor", function(images, x) return cs.perturb.scale(images, x) end, 1, low = 0.01, high = 100 },
  { "rotation", "degrees", function(images, x) return cs.perturb.rotate(images, x) end, 0, low = -360, high = 360 },
}

local function cosine(a, b)
  return (a * b):sum(1) / (a:norm(1) * b:norm(1))
end

return {
  title = "invariance to translation, scale and rotation, by layer",
  options = { images = 96, layers = "all", translation = "-12,-8,-4,-2,-1,0,1,2,4,8,12", scale = "0.6,0.7,0.8,0.9,1,1.1,1.25,1.4,1.6",
    rotation = "0,15,30,45,90,135,180,225,270,315,345", response = "mean", seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, opt.layers)
    if images.count < 2 then looking.fail("argument", "invariance needs at least two images, to compare with another picture") end
    local labels, options = images:labels(), { seed = opt.seed }
    local total, done, strip = 1, 1, {}
    for _, motion in ipairs(motions) do total = total + #looking.numbers(opt[motion[1]], motion[1], motion.low, motion.high) end
    job:progress(0, "as they are", done / total)
    local base, scores = looking.responses(net, images, layers, opt.response)
    local null = {}
    for i in ipairs(layers) do
      local n = images.count
      null[i] = cosine(base[i], cs.concat { base[i]:slice(1, n - 1), base[i]:slice(0, 1) })
    end
    local result = cs.result { "motion", "amount", "layer", "measure", "mean", "low", "high" }
    local function add(motion, amount, layer, measure, values)
      local mean, low, high = looking.must(cs.statistics.bootstrap(values, options))
      result:add(motion, amount, layer, measure, mean, low, high)
      return mean, low, high
    end
    add("none", 0, "network", "accuracy", looking.correct(scores, labels))
    for _, motion in ipairs(motions) do
      local series, point = looking.series()
      local worst = {}
      for _, amount in ipairs(looking.numbers(opt[motion[1]], motion[1])) do
        job:progress(done / total, ("%s %g %s"):format(motion[1], amount, motion[2]), (done + 1) / total)
        local moved = motion[3](images, amount)
        local responses, found = looking.responses(net, moved, layers, opt.response)
        point("accuracy", amount, add(motion[1], amount, "network", "accuracy", looking.correct(found, labels)))
        for i, layer in ipairs(layers) do
          local alike, mean_null = cosine(base[i], responses[i]), null[i]:mean()
          add(motion[1], amount, layer.name, "likeness", alike)
          local mean, low, high = add(motion[1], amount, layer.name, "invariance", (alike - mean_null) / (1 - mean_null))
          point(layer.name, amount, mean, low, high)
          if amount ~= motion[4] and (not worst[i] or mean < worst[i][1]) then worst[i] = { mean, low, high, amount } end
        end
        strip[#strip + 1] = motion[3](images:images(0, 1), amount):pixels()
        done = done + 1
      end
      local words = {}
      for i, layer in ipairs(layers) do
        words[i] = worst[i] and ("%s %.2f [%.2f, %.2f] at %g"):format(layer.name, worst[i][1], worst[i][2], worst[i][3], worst[i][4])
      end
      if #words > 0 then
        result[motion[1] == "translation" and "verdict" or "note"](result, ("%s (%s): least invariant (1: as if nothing had changed, 0: as another picture) is %s"):format(motion[1],
          motion[2], table.concat(words, ", ")))
      end
      result:plot(motion[1], cs.plot { title = "invariance to " .. motion[1], x_label = motion[2], y_label = "invariance (0: as another picture)", series = series })
    end
    return result:picture("motions", cs.mosaic(cs.concat(strip), { columns = 11, photo = true }), "a picture moved, magnified and turned, as measured")
  end,
}
