local cs = require "convscope"
local helper = require "helper"

describe("a network", function()
  teardown(helper.clean)

  it("is built from layers, flattened before the first dense one", function()
    local net = helper.network(cs)
    local names = {}
    for i, layer in ipairs(net.layers) do
      names[i] = layer.name
      assert.equal(i - 1, layer.index)
    end
    assert.same({ "conv1", "pool1", "conv2", "pool2", "flatten1", "dense1" }, names)
    assert.same({ 22, 22, 6 }, net.layers[1].output)
    assert.equal(6 * 3 * 3 * 3 + 6, net.layers[1].parameters)
    assert.equal(22 * 22 * 6 * 27, net.layers[1].macs)
    assert.same({ 8, 8 }, net.layers[3].receptive_field)
    assert.equal(8, net.classes)
    assert.equal(net.layers[1].parameters + net.layers[3].parameters + net.layers[6].parameters, net.parameters)
  end)

  it("has a mark, which is that of what it answers", function()
    local net, path = helper.network(cs), helper.directory() .. "/net.hdf5"
    assert.matches("^%x+$", net.mark)
    assert.equal(16, #net.mark)
    assert.equal(net.mark, helper.network(cs).mark)
    assert.equal(net.mark, net:copy().mark)
    assert(net:save(path))
    assert.equal(net.mark, assert(cs.load(path)).mark)
    local other, bias = net:copy(), net:weights("conv2", "bias")
    bias[3] = bias[3] + 1e-6
    other:set_weights("conv2", "bias", bias)
    assert.not_equal(net.mark, other.mark)
    assert.not_equal(net.mark, net:copy():set_preprocess { mean = { 0.5, 0.5, 0.5 } }.mark)
    local list = {}
    for i, layer in ipairs(net.layers) do list[i] = layer.spec end
    list[2].type = "avgpool"
    assert.not_equal(net.mark, assert(net:rebuild(list)).mark)
    local function leaky(alpha) return assert(cs.network { input = { 8, 8, 3 }, cs.conv { 2, 3, activation = "leaky_relu", alpha = alpha }, cs.dense { 2 } }).mark end
    assert.not_equal(leaky(0.1), leaky(0.2))
    assert.equal(leaky(nil), leaky(nil))
  end)

  it("takes every kind of layer", function()
    local net = assert(cs.network {
      input = { 20, 16, 3 },
      cs.rescale { 2, -1 }, cs.zeropad { { 1, 2 } }, cs.conv { 4, { 3, 5 }, stride = { 1, 2 }, padding = "same", bias = false },
      cs.batchnorm { epsilon = 1e-5 }, cs.activation { "leaky_relu", alpha = 0.1 }, cs.avgpool { 2 }, cs.dropout { 0.3 },
      cs.conv { 4, 3, activation = "elu" }, cs.global_maxpool {}, cs.dense { 5, activation = "tanh" }, cs.dense { 3 },
    })
    local types = {}
    for i, layer in ipairs(net.layers) do types[i] = layer.type end
    assert.same({ "rescale", "zeropad", "conv", "batchnorm", "activation", "avgpool", "dropout", "conv", "global_maxpool", "dense",
      "dense" }, types)
    assert.same({ 22, 20, 3 }, net.layers[2].output)
  end)

  it("can be taken apart and put together again, layer by layer", function()
    local net = assert(cs.network {
      input = { 20, 16, 3 }, seed = 2,
      cs.rescale { 2, -1 }, cs.zeropad { { 1, 2 } }, cs.conv { 4, { 3, 5 }, stride = { 1, 2 }, padding = "same", bias = false },
      cs.batchnorm { epsilon = 1e-2, centre = false }, cs.activation { "leaky_relu", alpha = 0.1 }, cs.avgpool { 3, 2 }, cs.dropout { 0.3 },
      cs.conv { 4, 3, activation = "elu" }, cs.global_maxpool {}, cs.dense { 5, activation = "tanh" }, cs.dense { 3 },
    })
    local list, x = {}, cs.random(1):uniform(0, 1, { 4, 20, 16, 3 })
    for i, layer in ipairs(net.layers) do list[i] = layer.spec end
    local copy = assert(net:rebuild(list))
    local out = { output = "output" }
    assert.equal(0, (net:predict(x, out) - copy:predict(x, out)):abs():max())
    local tail = assert(net:part("conv2", "last"))
    assert.same(net:layer("conv2").input, tail.input)
    assert.equal(0, (net:predict(x, out) - tail:predict(net:predict(x, { layer = "dropout1" }), out)):abs():max())
    list[#list].features = 6 -- a new head: the layers before it keep their weights
    local other = assert(net:rebuild(list, { seed = 5 }))
    assert.equal(0, (net:predict(x, { layer = "dense1" }) - other:predict(x, { layer = "dense1" })):abs():max())
    assert.same({ 6 }, other.output)
    assert.matches("layer 2 .*conv.*map", select(2, net:rebuild { list[#list - 1], list[3] }) or "")
  end)

  it("does without its batch normalisations where the layers beside them can do their work", function()
    local rng = cs.random(4)
    local function trained(spec)
      local net = assert(cs.network(spec))
      for _, layer in ipairs(net.layers) do -- as if it had been trained: nothing is 0 or 1
        for _, name in ipairs(layer.weights) do
          local shape = net:weights(layer.index, name).shape
          if name == "moving_variance" or name == "gamma" then
            net:set_weights(layer.index, name, rng:uniform(0.2, 3, shape))
          elseif name ~= "kernel" then
            net:set_weights(layer.index, name, rng:uniform(-0.5, 0.5, shape))
          end
        end
      end
      return net
    end
    local x = rng:uniform(0, 1, { 3, 20, 16, 3 })
    local out = { output = "output" }
    local function folds(went, stayed, types, spec)
      spec.input, spec.seed = { 20, 16, 3 }, 1
      local net = trained(spec)
      local folded, n, m = assert(net:fold())
      assert.same({ went, stayed }, { n, m })
      local found = {}
      for i, layer in ipairs(folded.layers) do found[i] = layer.type end
      assert.same(types, found)
      local expected = net:predict(x, out)
      assert.is_true((folded:predict(x, out) - expected):abs():max() < 2e-5 * math.max(1, expected:abs():max()))
      return net, folded
    end
    -- behind a linear convolution, without a bias, two in a row; the activation becomes the convolution's
    local net, folded = folds(3, 0, { "conv", "maxpool", "conv", "flatten", "dense" }, {
      cs.conv { 6, 3, bias = false, padding = "same" }, cs.batchnorm { epsilon = 0.01 }, cs.activation { "leaky_relu", alpha = 0.2 }, cs.maxpool { 2 },
      cs.conv { 4, 3 }, cs.batchnorm { centre = false }, cs.batchnorm { scale = false }, cs.flatten {}, cs.dense { 5 },
    })
    assert.equal("leaky_relu", folded:layer("conv1").spec.activation)
    assert.is_true((net:predict(x, { layer = "pool1" }) - folded:predict(x, { layer = "pool1" })):abs():max() < 1e-5)
    -- behind a pool, before what pads nothing; by position before a dense layer
    folds(3, 0, { "conv", "maxpool", "dropout", "conv", "maxpool", "flatten", "dense", "dense" }, {
      cs.conv { 6, { 3, 5 }, activation = "relu" }, cs.maxpool { 2 }, cs.batchnorm {}, cs.dropout { 0.5 }, cs.conv { 4, 3, activation = "tanh" },
      cs.maxpool { 2 }, cs.batchnorm {}, cs.flatten {}, cs.dense { 7, bias = false, activation = "relu" }, cs.batchnorm {}, cs.dense { 5 },
    })
    -- on both sides of one; and those that stay: before padding, before a pool, at the end
    folds(2, 3, { "batchnorm", "maxpool", "conv", "batchnorm", "conv", "flatten", "dense", "batchnorm" }, {
      cs.batchnorm {}, cs.maxpool { 2 }, cs.batchnorm {}, cs.conv { 6, 3 }, cs.batchnorm {}, cs.activation { "relu" }, cs.batchnorm {},
      cs.conv { 4, 3, padding = "same", activation = "relu" }, cs.flatten {}, cs.dense { 5, activation = "sigmoid" }, cs.batchnorm {},
    })
    -- the paper's network, trained with norms, is the paper's network; names and what is frozen stay
    net = trained({ input = { 32, 32, 3 }, layers = {
      cs.conv { 6, 5, activation = "relu" }, cs.maxpool { 3 }, cs.batchnorm {}, cs.conv { 5, 3, activation = "relu", name = "second" }, cs.flatten {}, cs.dense { 2 } } })
    net:set_classes({ "cat", "dog" })
    net:freeze("second")
    folded = assert(net:fold())
    assert.same({ "cat", "dog" }, folded.class_names)
    assert.is_true(folded:layer("second").frozen)
    local function same_as_plain(preset, norms, options)
      local plain = assert(cs.preset(preset, options))
      options.norms = true
      local normed = assert(cs.preset(preset, options))
      local function specs(of)
        local list = {}
        for i, layer in ipairs(of.layers) do list[i] = { layer.name, layer.type, layer.output, layer.parameters, layer.spec.activation } end
        return list
      end
      local without, went, stayed = assert(normed:fold())
      assert.same({ norms, 0 }, { went, stayed })
      assert.same(specs(plain), specs(without))
    end
    same_as_plain("seed", 3, { size = 64 })
    same_as_plain("vgg16", 15, { size = 32, dense = 16 })
  end)

  it("becomes one for pictures of another size where no layer's parameters belong to the size", function()
    local function layers(pool) return { cs.conv { 4, 3, padding = "same", bias = false }, cs.batchnorm {}, cs.maxpool { 2 }, pool, cs.dense { 5 } } end
    local net = assert(cs.network { input = { 12, 12, 3 }, layers = layers(cs.global_avgpool {}), seed = 3 })
    net:freeze("conv1")
    local large = assert(net:resize(20, 16))
    assert.same({ 20, 16, 3 }, large.input)
    assert.is_true(large:layer("conv1").frozen)
    assert.is_false(large:layer("norm1").frozen)
    -- a picture that is the same everywhere but at its borders: the convolution's inner outputs do not know the size
    local small, wide = cs.tensor({ 1, 12, 12, 3 }, 0.5), cs.tensor({ 1, 20, 16, 3 }, 0.5)
    local a, b = net:predict(small, { layer = "norm1" }), large:predict(wide, { layer = "norm1" })
    for feature = 0, 3 do assert.equal(a:get(0, 6, 6, feature), b:get(0, 6, 6, feature)) end
    for _, name in ipairs { "conv1", "norm1", "dense1" } do
      for _, which in ipairs(net:layer(name).weights) do
        assert.equal(0, (net:weights(name, which) - large:weights(name, which)):abs():max())
      end
    end
    local flat = assert(cs.network { input = { 12, 12, 3 }, layers = layers(cs.flatten {}) })
    local none, message, code = flat:resize(20)
    assert.is_nil(none)
    assert.matches("^the network was .*12x12: at 20x20 the kernel of dense1 would be 400x5 instead of 144x5", message)
    assert.equal("unsupported", code)
  end)

  it("that does not fit together names the layer and both shapes", function()
    local none, message, code = cs.network { input = { 4, 4, 3 }, cs.conv { 8, 3 }, cs.maxpool { 2 }, cs.conv { 8, 3 } }
    assert.is_nil(none)
    assert.matches("layer 2 .*conv.*3x3.*1x1", message)
    assert.equal("shape", code)
  end)

  it("raises for misspelt layers and options", function()
    assert.error_matches(function() cs.network { input = { 8, 8, 3 }, cs.conv { 8, 3, activaton = "relu" } } end,
      "no option 'activaton'; there are .*activation")
    assert.error_matches(function() cs.network { input = { 8, 8, 3 }, cs.conv { 8, 3, activation = "rely" } } end,
      "no activation 'rely'; there are linear, relu")
    assert.error_matches(function() cs.network { input = { 8, 8, 3 }, cs.conv { 8, 3, padding = "both" } } end, "expected valid or same")
    assert.error_matches(function() cs.network { cs.conv { 8, 3 } } end, "input = {height, width, channels} is missing")
    assert.error_matches(function() cs.network { input = { 8, 8, 3 } } end, "no layers")
    assert.error_matches(function() cs.network { input = { 8, 8, 3 }, "conv" } end, "layer 0 is no layer")
    assert.error_matches(function() cs.dense { 1, 2 } end, "takes 1 values by position")
    assert.error_matches(function() cs.conv(512) end, "expected a table")
  end)

  it("begins from its seed", function()
    local a, b, c = helper.network(cs, 1), helper.network(cs, 1), helper.network(cs, 2)
    assert.is_true(a:weights("conv1") == b:weights("conv1"))
    assert.is_false(a:weights("conv1") == c:weights("conv1"))
  end)

  it("gives and takes weights, by layer name, number and words", function()
    local net = helper.network(cs)
    local kernel = net:weights("first conv", "kernel")
    assert.same({ 3, 3, 3, 6 }, kernel.shape)
    assert.is_true(kernel == net:weights(0))
    net:set_weights("conv1", "kernel", kernel * 0)
    assert.equal(0, net:weights("conv1"):norm())
    assert.equal("conv2", net:layer("last conv").name)
    assert.equal("dense1", net:layer("last").name)
    local none, message, code = net:layer "conv3"
    assert.is_nil(none)
    assert.matches("no layer 'conv3': expected one of conv1, pool1", message)
    assert.equal("not_found", code)
    assert.error_matches(function() net:layer(6) end, "layer 6 is out of range: 0 to 5")
    assert.equal("not_found", select(3, net:weights("pool1")))
    assert.equal("shape", select(3, net:set_weights("conv1", "kernel", cs.tensor { 1 })))
  end)

  it("knows when it can never learn", function()
    local net = assert(cs.network { input = { 8, 8, 3 }, cs.conv { 4, 3, activation = "relu", init = "zeros" },
      cs.dense { 2, activation = "softmax", init = "zeros" } })
    assert.is_true(net.dead)
    assert.is_false(helper.network(cs).dead)
  end)

  it("plans its memory", function()
    local net = helper.network(cs)
    local plan = net:plan { kind = "train", batch = 8 }
    assert.equal(#net.layers, #plan)
    assert.equal("conv1", plan[1].name)
    assert.is_true(plan.bytes > net:plan({ kind = "output", batch = 8 }).bytes)
  end)

  it("says how each layer runs, forward and back, and why", function()
    local net = helper.network(cs)
    for i, layer in ipairs(net:plan { kind = "train" }) do
      if net.layers[i].type == "conv" then
        assert.is_true(#layer.algorithm > 0 and #layer.why > 0 and #layer.back > 0, layer.name)
      end
    end
    for _, layer in ipairs(net:plan { kind = "output" }) do assert.equal("", layer.back) end
  end)

  it("computes in bfloat16 where the processor has tiles, and says what is missing elsewhere", function()
    local net, data = helper.network(cs), helper.data(cs)
    local images = data.test:images(0, 8)
    local exact = net:predict(images)
    assert.equal("fp32", net.precision)
    assert.error_matches(function() net:set_precision "fp16" end, "no precision 'fp16': expected fp32 or bf16")
    local set, message, code = net:set_precision "bf16"
    if not set then
      assert.equal("unsupported", code)
      assert.matches("precision bf16 needs .*fp32", message)
      assert.equal("fp32", net.precision)
      return
    end
    assert.equal(net, set)
    assert.equal("bf16", net.precision)
    assert.equal("bf16", assert(net:copy()).precision)
    local rounded = net:predict(images)
    for i = 0, 7 do
      for c = 0, net.output[1] - 1 do assert.near(exact[{ i, c }], rounded[{ i, c }], 0.05) end
    end
    net:set_precision "fp32"
    assert.is_true(net:predict(images) == exact)
  end)

  it("predicts from images, tensors, pictures and lists alike", function()
    local net, data = helper.network(cs), helper.data(cs)
    local images = data.test:images(0, 3)
    local p = net:predict(images, { batch = 2 })
    assert.same({ 3, 8 }, p.shape)
    for i = 0, 2 do assert.near(1, p[i]:sum(), 1e-5) end
    local trace <close> = net:trace(images)
    assert.is_true(p == net:predict(trace:input()))
    assert.is_true(p == net:predict { images:picture(0), images:picture(1), images:picture(2) })
    assert.is_true(p[1] == net:predict(images:picture(1))[0])
    assert.near(0, (trace:output("conv2") - net:predict(images, { layer = "conv2" })):abs():max(), 1e-6)
    assert.near(0, (trace:scores() - net:predict(images, { output = "scores" })):abs():max(), 1e-6)
    assert.equal("shape", select(3, net:predict(cs.tensor({ 2, 8, 8, 3 }, 0))))
    assert.error_matches(function() net:predict(17) end, "images, tensor, picture or list of pictures expected")
    assert.equal("shape", select(3, net:predict(cs.dataset("shapes:count=50", { size = 32 }).test)))
  end)

  it("is evaluated with a confusion matrix that adds up", function()
    local net, data = helper.network(cs), helper.data(cs)
    local r = net:evaluate(data.test, { scores = true })
    assert.equal(data.test.count, r.images)
    assert.equal(data.test.count, r.confusion:sum())
    local diagonal, labels = 0, data.test:labels()
    for c = 0, 7 do diagonal = diagonal + r.confusion[{ c, c }] end
    assert.near(r.accuracy, diagonal / r.images, 1e-12)
    local rows, loss = cs.tensor({ 8, 8 }, 0), 0
    local p = net:predict(data.test)
    for i, label in ipairs(labels) do
      rows[{ label, r.predicted[i] }] = rows[{ label, r.predicted[i] }] + 1
      assert.equal(p[i - 1]:argmax(), r.predicted[i])
      loss = loss - math.log(p[{ i - 1, label }]) / #labels
    end
    assert.is_true(rows == r.confusion)
    assert.near(loss, r.loss, 1e-4)
    assert.equal(net:accuracy(data.test), r.accuracy)
    -- held pixels go another way through the engine and must say the same
    local held = net:evaluate(data.test:with(data.test:pixels()))
    assert.equal(r.accuracy, held.accuracy)
    assert.near(r.loss, held.loss, 1e-6)
    assert.equal("argument", select(3, net:evaluate(data.test:images(0, 0))))
  end)

  it("is saved and loaded with all that belongs to it", function()
    local net = helper.network(cs)
    net:set_classes { "a", "b", "c", "d", "e", "f", "g", "h" }
    net:set_preprocess { scale = 1 / 255, mean = { 0.4, 0.5, 0.6 }, std = 0.25, bgr = true }
    net:set_dataset "shapes"
    local path = helper.directory() .. "/m.h5"
    assert.equal(net, net:save(path))
    local again = assert(cs.load(path))
    local x = cs.random(1):uniform(0, 1, { 2, 24, 24, 3 })
    assert.is_true(net:predict(x) == again:predict(x))
    assert.same(net.class_names, again.class_names)
    assert.equal("c", again:class_name(2))
    assert.equal("shapes", again.dataset)
    assert.is_true(again.preprocess.known and again.preprocess.bgr)
    assert.near(0.6, again.preprocess.mean[3], 1e-6)
    assert.equal(path, again.path)
    assert.equal(path, cs.find_model(path))
    local none, message, code = cs.load "no-such-model"
    assert.is_nil(none)
    assert.matches("no%-such%-model", message)
    assert.equal("not_found", code)
    assert.error_matches(function() net:set_classes { "a" } end, "8 classes apart, here are 1")
    assert.error_matches(function() net:set_preprocess { std = 0 } end, "not 0")
  end)

  it("is copied deeply", function()
    local net = helper.network(cs)
    local copy = net:copy()
    copy:set_weights("conv1", "kernel", copy:weights("conv1") * 0)
    assert.is_true(net:weights("conv1"):norm() > 0)
  end)
end)

describe("a preset", function()
  teardown(helper.clean)

  it("is listed with a title and builds", function()
    local names = {}
    for _, preset in ipairs(cs.presets()) do
      names[preset.name] = true
      assert.not_equal("", preset.title)
    end
    for _, name in ipairs { "seed", "seed-strided", "seed-same", "seed-tanh", "seed-sigmoid", "seed-bn", "pyramid2-256", "pyramid2-512",
      "pyramid3-1024", "simpnet", "compact", "vgg16", "demo" } do
      assert.is_true(names[name], name)
    end
  end)

  it("seed is the paper's network to the last number", function()
    local net = assert(cs.preset("seed", { classes = 200 }))
    assert.same({ 64, 64, 3 }, net.input)
    local shapes = {}
    for i, layer in ipairs(net.layers) do shapes[i] = layer.name .. " " .. table.concat(layer.output, "x") end
    assert.same({ "conv1 60x60x512", "pool1 20x20x512", "conv2 18x18x256", "pool2 9x9x256", "dropout1 9x9x256", "conv3 7x7x128",
      "pool3 3x3x128", "flatten1 1152", "dense1 200" }, shapes)
    assert.near(math.sqrt(1 / 75), net:weights("conv1"):std(), 0.005)
    assert.near(math.sqrt(1 / (9 * 512)), net:weights("conv2"):std(), 0.0002)
    assert.near(0.001, net:weights("dense1"):std(), 0.00002)
  end)

  it("vgg16 has 40,708,104 parameters at 64x64 with 200 classes", function()
    for _, name in ipairs { "simpnet", "compact" } do
      local small <close> = assert(cs.preset(name, { classes = 200 }))
      assert.is_true(small.parameters <= 2e6 and small.macs <= 0.54e9)
    end
    local compact <close> = assert(cs.preset("compact", { classes = 200, size = 32 }))
    local larger <close> = assert(compact:resize(64)) -- free of the size
    assert.equal(compact.parameters, larger.parameters)
    local net <close> = assert(cs.preset("vgg16", { classes = 200 }))
    assert.equal(40708104, net.parameters)
  end)

  it("can come from a file, and be told its options", function()
    local path = helper.write(helper.directory() .. "/mine.lua", [[
      local cs = require "convscope"
      return { title = "mine", options = { width = 4 }, size = 16, network = function(o)
        return { cs.conv { o.width, 3 }, cs.dense { o.classes, activation = "softmax" } } end }]])
    local net = assert(cs.preset(path, { classes = 5, width = 7 }))
    assert.same({ 14, 14, 7 }, net.layers[1].output)
    assert.equal(5, net.classes)
    assert.equal("mine", net.name)
    assert.matches("no option 'widht': there are classes, input, seed, size, width", select(2, cs.preset(path, { widht = 1 })))
    assert.matches("no preset 'sead': there are compact, demo", select(2, cs.preset "sead"))
  end)
end)
