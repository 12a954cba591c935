-- analyses_spec.lua: on `shapes`, where the cause is known, each analysis finds it; and every analysis writes what it promises.
local cs = require "convscope"
local helper = require "helper"

-- A small network trained for seconds on shapes of that cause, once.
local trained = {}
local function network(cause, layers, classes)
  local key = cause .. (layers and layers.name or "")
  if trained[key] then return trained[key].net, trained[key].data end
  local data = assert(cs.dataset(("shapes:count=2400,size=32,classes=%d,cause=%s,noise=0.01"):format(classes or 4, cause), { seed = 3 }))
  local spec = { input = { 32, 32, 3 }, seed = 4 }
  for _, layer in ipairs(layers or { cs.conv { 12, 5, activation = "relu", padding = "same" }, cs.maxpool { 2 },
    cs.conv { 16, 3, activation = "relu", padding = "same" }, cs.maxpool { 2 } }) do spec[#spec + 1] = layer end
  spec[#spec + 1] = cs.dense { classes or 4, activation = "softmax" }
  local net = assert(cs.network(spec))
  assert(cs.train(net, data, { epochs = 6, batch = 32, seed = 5, optimizer = cs.adam { rate = 0.003 }, schedule = "one-cycle", patience = 0 }))
  trained[key] = { net = net, data = data }
  return net, data
end

local function rows(result, want)
  local column, out = {}, {}
  for k, name in ipairs(result.columns) do column[name] = k end
  for _, row in ipairs(result.rows) do
    local ok = true
    for name, value in pairs(want) do ok = ok and row[column[name]] == value end
    if ok then
      local named = {}
      for name, k in pairs(column) do named[name] = row[k] end
      out[#out + 1] = named
    end
  end
  return out
end

local function noted(result, pattern)
  for _, note in ipairs(result.notes) do
    if note:find(pattern) then return note end
  end
  return nil
end

describe("analyses", function()
  teardown(function() helper.clean() end)

  it("noise: accuracy and reconstructions fall and activations drift, step by step, as noise grows", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("noise", net, data, { images = 96, projected = 32, gaussian = "0.05,0.15,0.4", salt_pepper = "0.02,0.1,0.3",
      blur = "0.7,1.5,4", jpeg = "60,15,3" }))
    local clean = rows(result, { kind = "none", measure = "accuracy" })[1].mean
    assert.is_true(clean > 0.8)
    for _, kind in ipairs { "gaussian", "salt_pepper" } do
      local before = clean
      for _, row in ipairs(rows(result, { kind = kind, measure = "accuracy" })) do
        assert.is_true(row.mean <= before + 0.03, kind .. " accuracy")
        before = row.mean
      end
      assert.is_true(before < clean - 0.1)
    end
    for _, kind in ipairs { "gaussian", "salt_pepper", "blur", "jpeg" } do
      for _, layer in ipairs { "conv1", "conv2" } do
        local likeness, drift = 1.001, 0
        for _, row in ipairs(rows(result, { kind = kind, layer = layer, measure = "reconstruction similarity" })) do
          assert.is_true(row.mean < likeness, kind .. " " .. layer .. " similarity")
          assert.is_true(row.low <= row.mean and row.mean <= row.high)
          likeness = row.mean
        end
        for _, row in ipairs(rows(result, { kind = kind, layer = layer, measure = "activation drift" })) do
          assert.is_true(row.mean > drift, kind .. " " .. layer .. " drift")
          drift = row.mean
        end
        assert.is_true(likeness < 0.95 and drift > 0)
      end
    end
  end)

  it("colour: a set that colour causes gives features that go by colour, and none by shape", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("colour", net, data, { images = 96, hues = 4 }))
    for _, layer in ipairs { "conv1", "conv2" } do
      local colour, shape = #rows(result, { layer = layer, ["goes by"] = "colour" }), #rows(result, { layer = layer, ["goes by"] = "shape" })
      assert.is_true(colour >= 8, layer .. ": " .. colour)
      assert.are.equal(0, shape)
    end
    local hue, scrambled = noted(result, "^accuracy hue"), noted(result, "^accuracy scrambled")
    assert.is_true(tonumber(hue:match "lost ([%d.-]+)") > 0.4)
    assert.is_true(tonumber(hue:match "lost ([%d.-]+)") > 1.5 * tonumber(scrambled:match "lost ([%d.-]+)"))
    net, data = network "shape"
    result = assert(cs.analysis("colour", net, data, { images = 96, hues = 2 }))
    assert.are.equal(0, #rows(result, { ["goes by"] = "colour" }))
  end)

  it("colour: a feature that looks at red alone follows the gain of red alone", function()
    local data = assert(cs.dataset("shapes:count=200,size=16,classes=2", { seed = 3 }))
    local net = assert(cs.network { input = { 16, 16, 3 }, cs.conv { 2, 1, activation = "relu" }, cs.dense { 2, activation = "softmax" } })
    net:set_weights("conv1", "kernel", cs.tensor { { { { 1, 0.5 }, { 0, 0.5 }, { 0, 0 } } } }):set_weights("conv1", "bias", cs.tensor { 0, 0 })
    local result = assert(cs.analysis("colour", net, data, { images = 24, hues = 2, response = "mean" }))
    local red, both = rows(result, { feature = 0 })[1], rows(result, { feature = 1 })[1]
    assert.near(1, red["gain red"], 0.05) -- the brightest are clipped
    assert.near(0, red["gain green"], 0.001)
    assert.near(0, red["gain blue"], 0.001)
    assert.near(1, both["gain red"] + both["gain green"], 0.06)
    assert.is_true(both["gain green"] > 0.1 and both["gain red"] > 0.1)
  end)

  it("colour: what classes answer to is known where there are many classes and few images of each; channels are compared over all layers", function()
    local net, data = network("colour", nil, 8)
    local result = assert(cs.analysis("colour", net, data, { images = 6, hues = 2, learnt = 1 }))
    local known = 0
    for _, row in ipairs(rows(result, { layer = "conv2" })) do
      if row.response > 0 then
        known = known + 1
        assert.equal(row.evidence, row.evidence) -- no NaN: a class that was not met answers as the average does
        assert.is_true(row["red low"] <= row["without red"] and row["without red"] <= row["red high"])
      end
    end
    assert.is_true(known >= 8)
    assert.matches("%[.-%] without red, .-%[.-%] without green, .-%[.-%] without blue: most without %a+, least without %a+; .* sensitive to green and blue %(their mean%) than to red", noted(result, "^all layers"))
  end)

  it("occlusion: a set that the background causes is said to be decided by the background, another is not", function()
    local net, data = network "background"
    local result = assert(cs.analysis("occlusion", net, data, { images = 48 }))
    local all = rows(result, { what = "network" })[1]
    assert.are.equal("yes", all["background decides"])
    assert.is_true(all["without the object"] > 0.6 and all["without the background"] < 0.5)
    assert.truthy(noted(result, "^the background decides"))
    assert.truthy(noted(result, "^in %d of 4 classes the background decides"))
    -- a class is judged by all pictures that are hidden, far more than have maps
    local judged = rows(result, { what = "class" })[1]
    assert.is_true(judged.images >= 40 and judged.q < 0.05)
    assert.is_true(#rows(result, { what = "class", ["background decides"] = "yes" }) >= 3)
    assert.is_true(#rows(result, { what = "picture", ["background decides"] = "yes" }) >= 8)
    net, data = network "colour"
    result = assert(cs.analysis("occlusion", net, data, { images = 48 }))
    all = rows(result, { what = "network" })[1]
    assert.are.equal("no", all["background decides"])
    assert.is_true(all["on the object"] > 2 * all["object covers"])
    assert.truthy(noted(result, "^the object decides"))
    assert.truthy(noted(result, "more than would lie there if it were spread evenly"))
    -- one or two pictures a class convict no class
    result = assert(cs.analysis("occlusion", (network "background"), select(2, network "background"), { images = 6, hidden = 6 }))
    assert.equal(0, #rows(result, { what = "class", ["background decides"] = "yes" }))
    assert.truthy(noted(result, "have fewer than six pictures here: too few to be sure of"))
    assert.truthy(noted(result, "^in none of %d classes the background is sure to decide"))
  end)

  it("occlusion: where there are no boxes it says so, and still draws", function()
    local net = network "colour"
    local directory = helper.directory()
    local data = assert(cs.dataset("shapes:count=24,size=32,classes=4,cause=colour", { seed = 9, test = 0.5 }))
    for i = 0, data.count - 1 do
      local sample = data:sample(i)
      os.execute(("mkdir -p '%s/%s'"):format(directory, sample.class))
      assert(data:picture(i):save(("%s/%s/%d.png"):format(directory, sample.class, i)))
    end
    local plain = assert(cs.dataset(directory, { test = 0.5, cache = false }))
    local result = assert(cs.analysis("occlusion", net, plain, { images = 8 }))
    assert.are.equal(0, #result.rows)
    assert.truthy(noted(result, "no box"))
    assert.is_true(#result.pictures > 0)
  end)

  it("a result is not written through a link, to a file that is somebody's", function()
    local directory, result = helper.directory(), cs.result { "x" }
    result:add(1)
    helper.write(directory .. "/mine", "precious")
    os.execute(("mkdir %s/run && ln -s ../mine %s/run/look.csv"):format(directory, directory))
    local paths, message, code = result:save(directory .. "/run", "look")
    assert.is_nil(paths)
    assert.equal("io", code)
    assert.matches("/run/look%.csv' is a link to '.*/mine'", message)
    assert.equal("precious", helper.read(directory .. "/mine"))
    os.execute(("rm %s/run/look.csv"):format(directory))
    assert.equal(2, #assert(result:save(directory .. "/run", "look")))
    assert.equal(2, #assert(result:save(directory .. "/run", "look"))) -- and once more
  end)

  it("spectrum: a stride that is too large is found, with its reason, and a stride of 1 is left in peace", function()
    local coarse = { cs.conv { 12, 3, 4, activation = "relu" }, cs.conv { 16, 3, activation = "relu", padding = "same" }, name = "coarse" }
    local net, data = network("colour", coarse)
    local result = assert(cs.analysis("spectrum", net, data, { images = 32 }))
    assert.truthy(noted(result, "^conv1: energy at the frequency of its step %(1/4%).*reduce the stride"))
    assert.is_true(result.rows[1][9] > 0.12)
    -- and as data, in hand and in the file
    assert.same({ "conv1", "stride", 3 }, { result.advice[1].layer, result.advice[1].change, result.advice[1].value })
    assert.matches("reduce the stride", result.advice[1].why)
    local directory = helper.directory()
    assert(result:save(directory, "spectrum"))
    local file <close> = assert(cs.h5.open(directory .. "/spectrum.hdf5"))
    assert.same({ "conv1", "stride", "3" }, { file:texts("/advice/layer")[1], file:texts("/advice/change")[1], file:texts("/advice/value")[1] })
    net, data = network "colour"
    result = assert(cs.analysis("spectrum", net, data, { images = 32 }))
    assert.falsy(noted(result, "reduce the"))
    for _, advice in ipairs(result.advice) do assert.is_true(advice.change ~= "stride" and advice.change ~= "window") end
  end)

  it("noise: pictures that are noisy or blurred are found by measure", function()
    local quality = require "convscope.quality"
    local plain = assert(cs.dataset("shapes:count=400,size=32", { seed = 3 })).train:images(0, 180)
    local labels, parts = plain:labels(), {}
    parts[1] = cs.perturb.gaussian(plain:images(0, 60), 0.1, 1):pixels()
    parts[2] = cs.perturb.blur(plain:images(60, 60), 2):pixels()
    parts[3] = plain:images(120, 60):pixels()
    local found = quality.by_nature({ progress = function() end }, cs.images(cs.concat(parts), labels), 25)
    for place, name in ipairs { "clean", "noisy", "blurred" } do
      assert.equal(name, found[place][1])
      assert.equal(25, #found[place][2])
      local right = 0
      for _, number in ipairs(found[place][2]) do right = right + (number // 60 == (1 + place) % 3 and 1 or 0) end
      assert.is_true(right >= 23, name .. " " .. right)
    end
    assert.is_true(found[2][3] > 3 * found[1][3] and found[3][4] < 0.5 * found[1][4])
    local net, data = network "colour"
    local result = assert(cs.analysis("noise", net, data, { images = 16, projected = 8, gaussian = "0.1", salt_pepper = "0.1", blur = "1", jpeg = "20", natural = 24 }))
    for _, name in ipairs { "clean", "noisy", "blurred" } do
      local kept = rows(result, { kind = "by nature: " .. name, layer = "conv2", measure = "edges kept" })
      assert.equal(1, #kept)
      assert.is_true(kept[1].low <= kept[1].mean and kept[1].mean <= kept[1].high)
      assert.equal(1, #rows(result, { kind = "by nature: " .. name, layer = "network", measure = "accuracy" }))
    end
    assert.truthy(noted(result, "accuracy of blurred pictures"))
  end)

  it("spectrum: dead and double filters are counted", function()
    local net, data = network "colour"
    local copy = assert(net:copy())
    local kernel, bias = copy:weights("conv1", "kernel"), copy:weights("conv1", "bias")
    local list = kernel:tolist()
    for r = 0, 4 do for c = 0, 4 do for k = 0, 2 do kernel[{ r, c, k, 3 }] = 2 * list[r + 1][c + 1][k + 1][6] end end end
    bias[7] = -1e6
    copy:set_weights("conv1", "kernel", kernel):set_weights("conv1", "bias", bias)
    local before, after = assert(cs.analysis("spectrum", net, data, { images = 16 })), assert(cs.analysis("spectrum", copy, data, { images = 16 }))
    assert.are.equal(before.rows[1][6] + 1, after.rows[1][6])
    assert.is_true(after.rows[1][7] >= before.rows[1][7] + 1)
    assert.truthy(noted(after, "never fire"))
  end)

  it("depth: reconstructions of deeper layers are less like the picture", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("depth", net, data, { images = 48, rules = "deconvnet" }))
    local first, second = rows(result, { layer = "conv1", measure = "edges" })[1], rows(result, { layer = "conv2", measure = "edges" })[1]
    assert.is_true(first.low > second.high)
    -- this network pads; without padding the same kernels lose the borders, more so the deeper
    local before = 1
    for _, layer in ipairs { "conv1", "conv2" } do
      local padded, valid = rows(result, { layer = layer, measure = "borders" })[1], rows(result, { layer = layer, measure = "borders, other padding" })[1]
      assert.is_true(valid.mean < padded.mean and valid.mean < before)
      before = valid.mean
    end
    assert.truthy(noted(result, "^conv2: energy near the borders.*with padding same; the same kernels with valid"))
  end)

  it("gradients: features of edges are found, and chance is about zero", function()
    local data = assert(cs.dataset("shapes:count=400,size=32,classes=4", { seed = 3 }))
    local net = assert(cs.network { input = { 32, 32, 3 }, cs.conv { 2, 3, activation = "relu" }, cs.dense { 4, activation = "softmax" } })
    local kernel = cs.tensor({ 3, 3, 3, 2 }, 0)
    for k = 0, 2 do
      for r = 0, 2 do -- feature 0: a vertical edge; feature 1: brightness
        kernel[{ r, 0, k, 0 }], kernel[{ r, 2, k, 0 }] = 1, -1
        for c = 0, 2 do kernel[{ r, c, k, 1 }] = 1 end
      end
    end
    net:set_weights("conv1", "kernel", kernel)
    local result = assert(cs.analysis("gradients", net, data, { images = 40 }))
    local edge, light = rows(result, { feature = 0 })[1], rows(result, { feature = 1 })[1]
    assert.is_true(edge.low > 0.3 and edge.q < 0.05)
    assert.is_true(math.abs(edge["with another picture"]) < 0.15)
    assert.is_true(light.high < edge.low)
  end)

  it("invariance: not moving is invariant, and moving farther is less so", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("invariance", net, data, { images = 48, translation = "0,2,6,12", scale = "1,1.3", rotation = "0,45" }))
    for _, motion in ipairs { "translation", "scale", "rotation" } do
      local still = rows(result, { motion = motion, layer = "conv2", measure = "likeness" })[1]
      assert.is_true(math.abs(still.mean - 1) < 1e-5)
    end
    local before = 1.001
    for _, row in ipairs(rows(result, { motion = "translation", layer = "conv2", measure = "likeness" })) do
      assert.is_true(row.mean < before)
      before = row.mean
    end
  end)

  it("probes: the pixels alone tell classes of colour, not classes of shape; and nothing tells labels drawn at random", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("probes", net, data, { images = 400, test = 200, steps = 80, grid = 4 }))
    local pixels, last = rows(result, { layer = "pixels" })[1], rows(result, { layer = "conv2" })[1]
    assert.is_true(pixels.accuracy > 0.55 and last.accuracy > 0.8)
    assert.is_true(rows(result, { layer = "network" })[1].accuracy > 0.8)
    local shapes, drawn = network "shape"
    local other = assert(cs.analysis("probes", shapes, drawn, { images = 400, test = 200, steps = 80, grid = 4 }))
    assert.is_true(rows(other, { layer = "pixels" })[1].high < pixels.low)
    assert.truthy(noted(result, "deep enough"))
    -- labels that nothing tells: every probe is at chance, and none is told apart from the best
    local random, labels = cs.random(8), {}
    for i = 1, 300 do labels[i] = random:below(4) end
    local noise = cs.images(random:uniform(0, 255, { 300, 32, 32, 3 }), labels)
    local lost = assert(cs.analysis("probes", net, { train = noise, test = noise:images(0, 150), classes = 4, spec = "noise" },
      { images = 150, test = 150, steps = 40, seed = 1 }))
    assert.is_true(rows(lost, { layer = "conv2" })[1].low < 0.6)
  end)

  it("ablation: a feature nobody listens to costs nothing, and what the classes hang on is missed most", function()
    local net, data = network "colour"
    local copy = net:copy()
    local kernel = copy:weights "dense1" -- 8x8 cells of 16 features: silence feature 3
    for cell = 0, 63 do kernel[cell * 16 + 3] = cs.tensor({ 4 }, 0) end
    copy:set_weights("dense1", "kernel", kernel)
    local result = assert(cs.analysis("ablation", copy, data, { images = 120, epochs = 0, layers = "conv2" }))
    local unheard = rows(result, { layer = "conv2", feature = 3 })[1]
    assert.equal(0, unheard["accuracy lost"])
    assert.is_true(math.abs(unheard["loss added"]) < 1e-6 and unheard.q > 0.05)
    local most = -1
    for _, row in ipairs(rows(result, { layer = "conv2" })) do most = math.max(most, row["loss added"]) end
    assert.is_true(most > 0.01)
  end)

  it("ablation: of two layers that see colour alike, one can go; a control is trained as long", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("ablation", net, data, { images = 100, features = 1, epochs = 1, rate = 0.003 }))
    assert.equal(2, #rows(result, { what = "layer" }))
    for _, row in ipairs(rows(result, { what = "layer" })) do assert.is_true(row["accuracy lost"] < 0.3, row.layer) end
  end)

  -- A network whose convolutions have batch norms and activations of their own behind them.
  local function in_blocks()
    local net = assert(cs.network { input = { 32, 32, 3 }, seed = 4, cs.conv { 8, 3, padding = "same", bias = false }, cs.batchnorm {}, cs.activation { "relu" },
      cs.maxpool { 2 }, cs.conv { 8, 3, padding = "same", bias = false }, cs.batchnorm {}, cs.activation { "relu" }, cs.conv { 8, 3, activation = "relu" },
      cs.batchnorm {}, cs.global_avgpool {}, cs.dense { 4, activation = "softmax" } })
    return net, assert(cs.dataset("shapes:count=600,size=32,classes=4,cause=colour", { seed = 3 }))
  end

  it("layers bear the names of their convolutions, are read behind the norm and activation that belong to them, and that is said once", function()
    local net, data = in_blocks()
    local looking = require "convscope.looking"
    local ends = {}
    for i, layer in ipairs(looking.layers(net, "all")) do ends[i] = layer.name .. " at " .. net:layer(layer.index).name end
    assert.same({ "conv1 at activation1", "conv2 at activation2", "conv3 at conv3" }, ends)
    for asked, at in pairs { conv2 = "conv2 at activation2", activation2 = "conv2 at activation2", norm2 = "norm2 at norm2" } do
      local layer = looking.layers(net, asked)[1]
      assert.equal(at, layer.name .. " at " .. net:layer(layer.index).name)
    end
    local result = assert(cs.analysis("invariance", net, data, { images = 8, translation = "0,4", scale = "1", rotation = "0" }))
    for _, row in ipairs(rows(result, { measure = "likeness" })) do assert.matches("^conv%d$", row.layer) end
    local said = 0
    for _, note in ipairs(result.notes) do
      said = said + (note:find("what leaves their batch norm and relu (conv1 stands for activation1)", 1, true) and 1 or 0)
    end
    assert.equal(1, said)
    local plain = network "colour"
    assert.is_nil(looking.blocks(plain))
  end)

  it("ablation: a convolution goes with its norm and activation, the layers before it stay as they are, and what was sampled is said", function()
    local net, data = in_blocks()
    local result = assert(cs.analysis("ablation", net, data, { images = 40, features = 2, epochs = 1, steps = 3 }))
    local names = {}
    for k, row in ipairs(rows(result, { what = "layer" })) do names[k] = row.layer end
    assert.same({ "conv1", "conv2", "conv3" }, names)
    local text = table.concat(result.notes, "\n")
    assert.matches("conv2: 2 of 8 features, chosen at random", text)
    assert.matches("retrained for 3 steps, 96 of %d+ training images, and tested on 40 images", text)
    assert.matches("of the features tried the network leans most on conv%d feature %d: [%d.-]+ points of accuracy %[[^]]+%] and [%d.-]+ of loss %[[^]]+%]", text)
    for _, row in ipairs(rows(result, { what = "feature" })) do assert.is_true(row["loss low"] <= row["loss added"] and row["loss added"] <= row["loss high"]) end
    -- taking out the second leaves the third its inputs; its own weights are drawn anew only in the control
    local retraining = require "convscope.retraining"
    local lists, fresh = retraining.layers(net, 4, 6)
    assert.same({ conv2 = true, norm2 = true, activation2 = true, dense1 = true }, fresh)
    assert.equal(#net.layers, #lists.control)
    assert.equal(#net.layers - 3, #lists.without)
    -- of the first the second has other inputs then, and its norm belongs to it
    lists, fresh = retraining.layers(net, 0, 2)
    assert.same({ conv1 = true, norm1 = true, activation1 = true, conv2 = true, norm2 = true, dense1 = true }, fresh)
  end)

  it("correspondence: a part is answered to alike by features that see it, and noise by none", function()
    local net, data = network "shape"
    local result = assert(cs.analysis("correspondence", net, data, { images = 96, nulls = 2 }))
    local centre = rows(result, { layer = "conv2", part = "centre" })[1]
    assert.is_true(centre["closer by"] > 0 and centre.q < 0.05)
    for _, row in ipairs(rows(result, {})) do assert.is_true(row.distance >= 0 and row.distance <= 1) end
    local none, message = cs.analysis("correspondence", net, { test = cs.images(cs.tensor({ 8, 32, 32, 3 }, 90), { 0, 0, 1, 1, 2, 2, 3, 3 }),
      val = {}, classes = 4, spec = "plain", sample = function() return {} end }, {})
    assert.is_nil(none)
    assert.truthy(message:find("needs boxes", 1, true))
  end)

  it("inverses: least squares gives back what an early layer kept, better than the transposed kernel", function()
    local net, data = network "colour"
    local result = assert(cs.analysis("inverses", net, data, { images = 6, ways = "deconvnet,least-squares,transposed", classes = 2, ascent = 5 }))
    local function edges(way) return rows(result, { layer = "conv1", way = way, measure = "edges" })[1] end
    assert.is_true(edges("least-squares").low > edges("transposed").mean)
    assert.is_true(edges("least-squares").mean > 0.8)
    assert.equal(2, #rows(result, { way = "class model" }))
  end)

  it("inverses: of a tanh layer the exact inverse gives back more than the transposed kernel; saliency and class models are measured", function()
    local net = assert(cs.network { input = { 16, 16, 3 }, seed = 2, cs.conv { 48, 3, activation = "tanh" }, cs.dense { 2, activation = "softmax" } })
    local data = assert(cs.dataset("shapes:count=600,size=16,classes=2,cause=colour", { seed = 3 }))
    assert(cs.train(net, data, { epochs = 2, batch = 32, seed = 1, optimizer = cs.adam { rate = 0.002 }, patience = 0 }))
    local result = assert(cs.analysis("inverses", net, data, { images = 6, ways = "least-squares,transposed", classes = 2, ascent = 30 }))
    local exact = rows(result, { way = "least-squares", measure = "correlation" })[1]
    assert.is_true(exact.mean > 0.95 and exact.low > rows(result, { way = "transposed", measure = "correlation" })[1].mean)
    local saliency = rows(result, { way = "saliency" })[1]
    assert.is_true(saliency.low <= saliency.mean and saliency.mean <= saliency.high)
    for _, row in ipairs(rows(result, { way = "class model" })) do assert.is_true(row.mean > 0.9, row.measure) end
  end)

  it("depth: the other padding is compared as far as it leaves something to see", function()
    local list = { input = { 24, 24, 3 }, seed = 4 }
    for _ = 1, 3 do
      list[#list + 1] = cs.conv { 6, 3, activation = "relu", padding = "same" }
      list[#list + 1] = cs.maxpool { 2 }
    end
    list[#list + 1] = cs.conv { 6, 3, activation = "relu", padding = "same" }
    list[#list + 1] = cs.dense { 4, activation = "softmax" }
    local net, data = assert(cs.network(list)), assert(cs.dataset("shapes:count=100,size=24,classes=4", { seed = 3 }))
    local result = assert(cs.analysis("depth", net, data, { images = 8 }))
    local compared = {}
    for k, row in ipairs(rows(result, { measure = "borders, other padding" })) do compared[k] = row.layer end
    assert.same({ "conv1", "conv2", "conv3" }, compared)
    assert.truthy(noted(result, "the other padding leaves nothing of the picture to see from conv4 on"))
    for _, rule in ipairs { "deconvnet", "gradient", "guided" } do
      local found
      for _, entry in ipairs(result.pictures) do found = found or entry.name == "reconstructions, " .. rule end
      assert.is_true(found)
    end
  end)

  it("every analysis writes its numbers and pictures, and the same ones each time", function()
    local net, data = network "colour"
    for name, options in pairs {
      noise = { images = 16, projected = 8, gaussian = "0.1", salt_pepper = "0.1", blur = "1", jpeg = "20" }, colour = { images = 16, hues = 2 },
      gradients = { images = 17 }, depth = { images = 8 }, spectrum = { images = 8 }, occlusion = { images = 8 },
      invariance = { images = 8, translation = "0,4", scale = "1,1.2", rotation = "0,90" },
      probes = { images = 60, test = 40, steps = 10 }, ablation = { images = 20, features = 3, epochs = 0 },
      correspondence = { images = 24, nulls = 1 }, inverses = { images = 2, ways = "gradient,damped", classes = 1, ascent = 2 },
    } do
      local directory = helper.directory()
      local first, second = assert(cs.analysis(name, net, data, options)), assert(cs.analysis(name, net, data, options))
      assert.are.equal(first:csv(), second:csv())
      local kinds = {}
      for _, path in ipairs(assert(first:save(directory, name))) do
        kinds[path:match "%.(%w+)$"] = true
        assert.is_true(#helper.read(path) > 50)
      end
      assert.is_true(kinds.csv and kinds.hdf5 and kinds.png, name)
      assert.is_true(#first.notes > 0, name)
    end
  end)

  it("every analysis tells how far it is from its first moment to its last, and never less than before", function()
    local net, data = network "colour"
    for name, options in pairs {
      noise = { images = 32, projected = 8, scanned = 200, gaussian = "0.1", salt_pepper = "0.1", blur = "1", jpeg = "20" }, colour = { images = 16, hues = 2 },
      gradients = { images = 32 }, depth = { images = 64 }, spectrum = { images = 64 }, occlusion = { images = 8, hidden = 64 },
      invariance = { images = 8, translation = "0,4", scale = "1,1.2", rotation = "0,90" },
      probes = { images = 60, test = 40, steps = 10 }, ablation = { images = 20, features = 3, epochs = 1, steps = 2 },
      correspondence = { images = 24, nulls = 1 }, inverses = { images = 2, ways = "gradient,damped", classes = 1, ascent = 2 }, confusion = {},
    } do
      local told, last, over = {}, -1, 0
      cs.on_progress(function(fraction, text)
        if fraction == nil and text == nil then
          over = over + 1
          return
        end
        assert.are.equal(0, over, name .. " goes on after it said that it was over")
        assert(fraction, name .. " does not tell how far it is with: " .. tostring(text))
        assert(fraction >= last and fraction <= 1, ("%s goes from %g to %g (%s)"):format(name, last, fraction, text))
        if fraction > last then told[#told + 1] = fraction end
        last = fraction
      end)
      local result, message = cs.analysis(name, net, data, options)
      cs.on_progress(nil)
      assert(result, message)
      assert.are.equal(0, told[1], name)
      assert.are.equal(1, over, name)
      if name ~= "confusion" then -- one call of the engine, over before it tells anything
        assert.is_true(#told >= 6, ("%s tells of %d steps"):format(name, #told))
        assert.is_true(last >= 0.8, ("%s ends at %g"):format(name, last))
        for k = 2, #told do
          assert(told[k] - told[k - 1] <= 0.5, ("%s stands still between %g and %g"):format(name, told[k - 1], told[k]))
        end
      end
    end
  end)

  it("a feature that hardly fires is not the first to lose a channel because it loses all of nothing", function()
    local directory, result = helper.directory(), cs.result { "layer", "feature", "response", "without red" }
    result:add("conv1", 0, 0.01, 1)
    result:add("conv1", 1, 8, 0.5)
    result:add("conv1", 2, 5, -0.2)
    result:add("conv1", 3, 0, 0 / 0)
    assert(result:save(directory, "colour"))
    assert.are.same({ 1, 0, 2, 3 }, assert(cs.exports.colour_order(directory .. "/colour.hdf5", "conv1", "red")))
  end)

  it("a step moves with its batches, and with batches in them; one that does not say where it ends stands still", function()
    local looking, told = require "convscope.looking", {}
    local images = cs.images(cs.tensor({ 8, 4, 4, 3 }, 0))
    cs.on_progress(function(fraction, text) told[#told + 1] = fraction and ("%.3f %s"):format(fraction, text) or "over" end)
    do
      local job <close> = cs.job()
      job:part(0.5, 1)
      job:progress(0, "still")
      looking.batches(images, 4, function() end)
      job:progress(0, "moving", 0.5)
      looking.batches(images, 4, function(some) looking.batches(some, 2, function() end) end)
      job:progress(1, "done")
    end
    cs.on_progress(nil)
    assert.are.same({ "0.000 beginning", "0.500 still", "0.500 moving", "0.500 moving: 0 of 8 images", "0.500 moving: 0 of 8 images",
      "0.562 moving: 0 of 8 images", "0.625 moving: 4 of 8 images", "0.625 moving: 4 of 8 images", "0.688 moving: 4 of 8 images", "1.000 done", "over" }, told)
  end)

  it("options are checked in words a person can act on", function()
    local net, data = network "colour"
    for _, case in ipairs {
      { "noise", { gaussian = "0.1,much" }, "option 'gaussian' is '0.1,much'", "argument" },
      { "noise", { layers = "conv9" }, "no layer 'conv9'", "not_found" },
      { "depth", { rules = "backwards" }, "no rule 'backwards'", "argument" },
      { "colour", { response = "loudest" }, "expected max or mean", "argument" },
    } do
      local found, message, code = cs.analysis(case[1], net, data, case[2])
      assert.is_nil(found)
      assert.truthy(message:find(case[3], 1, true), message)
      assert.falsy(message:find("traceback", 1, true))
      assert.are.equal(case[4], code)
    end
  end)

  it("says in a sentence when an option is not what it can be, and works with what it can", function()
    local files = require "convscope.files"
    local data = assert(cs.dataset("shapes:count=60,size=24,classes=3", { seed = 3 }))
    local net = assert(cs.network { input = { 24, 24, 3 }, seed = 4, cs.conv { 4, 5, activation = "relu" }, cs.maxpool { 2 }, cs.dense { 3, activation = "softmax" } })
    local small = { images = 4, steps = 2, test = 4, ascent = 2, iterations = 2, epochs = 0 }
    for _, found in ipairs(files.all "analyses") do
      local analysis = dofile(found.path)
      for key, default in pairs(analysis.options) do
        for _, value in ipairs { -1, 0, 0.5, 1e99, "abc", "", ",", "5,abc", true } do
          local options = { [key] = value }
          for name, few in pairs(small) do
            if analysis.options[name] and name ~= key then options[name] = few end
          end
          local result, message, code = cs.analysis(found.name, net, data, options)
          local what = ("%s %s=%s: %s"):format(found.name, key, tostring(value), tostring(message))
          assert.is_true(result ~= nil or type(message) == "string" and code ~= nil and not message:find("\n", 1, true), what)
          if math.type(default) == "integer" and value ~= 0 then assert.is_nil(result, what) end
        end
      end
    end
  end)
end)
