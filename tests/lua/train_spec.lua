local cs = require "convscope"
local helper = require "helper"

describe("training", function()
  local data
  setup(function() data = helper.data(cs) end)
  teardown(helper.clean)

  it("learns, calls back, and returns a summary", function()
    local net, batches, epochs = helper.network(cs), 0, {}
    local run = assert(cs.train(net, data, {
      epochs = 3, batch = 16, optimizer = cs.adam { rate = 0.01 },
      on_batch = function(news)
        if news.phase ~= "training" then return end
        batches = batches + 1
        assert.is_true(news.epoch <= 2)
        assert.equal(20, news.batches)
        assert.is_true(news.loss > 0)
      end,
      on_epoch = function(epoch, news)
        epochs[#epochs + 1] = epoch
        assert.equal(3, news.epochs)
      end,
    }))
    assert.is_true(batches >= 57 and batches <= 60, batches)
    assert.same({ 0, 1, 2 }, { epochs[1].number, epochs[2].number, epochs[3].number })
    assert.is_true(epochs[3].train.loss < epochs[1].train.loss)
    assert.equal("complete", run.finish)
    assert.near(math.max(epochs[1].val.accuracy, epochs[2].val.accuracy, epochs[3].val.accuracy), run.best_val_accuracy, 1e-9)
    assert.is_true(net:accuracy(data.test) > 0.5)
    assert.same(data.class_names, net.class_names)
    assert.is_true(net.preprocess.known)
  end)

  it("learns from a teacher: a network, or a model by its name, which a run that goes on finds again", function()
    local place = helper.directory()
    local teacher = helper.network(cs)
    assert(cs.train(teacher, data, { epochs = 4, rate = 0.03 }))
    -- taught by nothing but its answers, a network comes to agree with it
    local function agreement(net)
      local own, others, same = net:predict(data.test):argmax(1):tolist(), teacher:predict(data.test):argmax(1):tolist(), 0
      for i, class in ipairs(own) do same = same + (class == others[i] and 1 or 0) end
      return same / #own
    end
    local net = helper.network(cs)
    assert(cs.train(net, data, { epochs = 10, rate = 0.03, seed = 5, teacher = teacher, teacher_share = 1 }))
    assert.is_true(agreement(net) > 0.8, agreement(net))
    assert(teacher:save(place .. "/teacher.hdf5"))
    local whole, part = helper.network(cs), helper.network(cs)
    assert(cs.train(whole, data, { epochs = 2, teacher = teacher }))
    cs.train(part, data, { epochs = 2, teacher = place .. "/teacher.hdf5", out = place .. "/run", on_epoch = function() return false end })
    assert.equal(place .. "/teacher.hdf5", require("dkjson").decode(helper.read(place .. "/run/config.json")).train.teacher)
    local run, out = helper.run("train", "--resume", "-o", place .. "/run")
    assert.equal(0, run, out)
    assert.is_true(whole:weights("conv1") == assert(cs.load(place .. "/run/last.hdf5")):weights("conv1"))
    -- who is none
    assert.error_matches(function() cs.train(net, data, { teacher = net }) end, "the network itself")
    assert.error_matches(function() cs.train(net, data, { teacher = 5 }) end, "network expected, got number")
    local done, message, code = cs.train(net, data, { teacher = place .. "/nobody.hdf5" })
    assert.is_nil(done)
    assert.equal("not_found", code)
    assert.matches("^the teacher: ", message)
    assert.error_matches(function() cs.train(net, data, { teacher = teacher, on_batch = function() teacher:close() end }) end, "in use")
  end)

  it("whitens what the network sees, goes on whitened, and shows projections without it", function()
    local net, out = helper.network(cs), helper.directory() .. "/white"
    local whole, part = helper.network(cs), nil
    assert(cs.train(whole, data, { epochs = 2, zca = true }))
    assert.same({ kind = "whole", epsilon = whole.preprocess.whitening.epsilon }, whole.preprocess.whitening)
    cs.train(net, data, { epochs = 2, zca = true, out = out, on_epoch = function() return false end })
    part = assert(cs.load(out .. "/last.hdf5"))
    assert(cs.train(part, data, { epochs = 2, zca = true, out = out, resume = true }))
    assert.is_true(part:weights("conv2") == whole:weights("conv2"))
    local images = data.test:images(0, 4)
    assert.is_true(part:predict(images) == assert(cs.load(out .. "/last.hdf5")):predict(images))
    local trace <close> = whole:trace(images)
    local plain = net:copy():take_preprocess(whole)
    assert.is_true(plain:trace(images):input() == trace:input())
    -- back to pixels as they were normalised
    local pre, pixels = whole.preprocess, images:pixels()
    local expected = (pixels * pre.scale - cs.tensor(pre.mean)) / cs.tensor(pre.std)
    assert.is_true((whole:unwhiten(trace:input()) - expected):abs():max() < 0.01)
    local shown, raw = cs.project(trace, "conv2", { feature = 1 }), cs.project(trace, "conv2", { feature = 1, whitened = true })
    assert.is_true((whole:unwhiten(raw, { mean = false }) - shown):abs():max() <= 1e-5 * shown:abs():max())
    assert.is_true((raw - shown):abs():max() > 0)
    local none, message = cs.train(part, data, { epochs = 1, zca = true, keep_preprocess = true })
    assert.is_nil(none)
    assert.matches("keep_preprocess", message)
    none, message = cs.train(part, data, { epochs = 1, zca = -1 })
    assert.matches("zca is %-1", message)
  end)

  it("changes the validation images where it is told to, each time in the same way, and nothing else", function()
    local function curve(augment)
      local net, losses = helper.network(cs), {}
      assert(cs.train(net, data, { epochs = 2, augment = augment, on_epoch = function(epoch) losses[#losses + 1] = epoch.val.loss end }))
      return losses, net:weights "conv2"
    end
    local paper = { flip = true, flip_vertical = true, rotate = 180, shift = 2 }
    local plain, weights = curve(paper)
    paper.val = true
    local changed, same = curve(paper)
    assert.is_true(weights == same)
    assert.is_true(changed[1] ~= plain[1] and changed[2] ~= plain[2])
    assert.same(changed, (curve(paper)))
  end)

  it("gives the same weights for the same seed, whatever the threads", function()
    local weights = {}
    for i, threads in ipairs { 1, 2, 4 } do
      local net = helper.network(cs)
      assert(cs.train(net, data, { epochs = 2, seed = 5, threads = threads }))
      weights[i] = net:weights "conv2"
    end
    assert.is_true(weights[1] == weights[2])
    assert.is_true(weights[1] == weights[3])
  end)

  it("fills a directory, and leaves curves that can be read", function()
    local out = helper.directory() .. "/run"
    local net = helper.network(cs)
    local run = assert(cs.train(net, data, { epochs = 2, out = out }))
    for _, name in ipairs { "best.hdf5", "last.hdf5", "history.hdf5", "history.csv", "config.json", "summary.json", "log.txt" } do
      assert.is_true(helper.exists(out .. "/" .. name), name)
    end
    local history = assert(cs.history(out))
    assert.equal(2, #history.epochs)
    assert.near(run.best_val_accuracy, history.epochs[run.best_epoch + 1].val.accuracy, 1e-6)
    local state = assert(cs.run_state(out))
    assert.is_true(state.finished and not state.alive)
    assert.equal(2, state.epochs)
    assert.is_true(assert(cs.load(out .. "/last.hdf5")):weights("conv1") == net:weights("conv1"))
    local none, message, code = cs.train(helper.network(cs), data, { epochs = 1, out = out })
    assert.is_nil(none)
    assert.equal("exists", code)
    assert.matches(out, message, 1, true)
    assert.truthy(cs.train(helper.network(cs), data, { epochs = 1, out = out, overwrite = true }))
    assert.equal("not_found", select(3, cs.run_state(helper.directory())))
  end)

  it("stops when a callback returns false, and resumes bit for bit", function()
    local whole, parts = helper.directory() .. "/whole", helper.directory() .. "/parts"
    local a, b = helper.network(cs), helper.network(cs)
    assert(cs.train(a, data, { epochs = 3, seed = 2, out = whole }))
    local stopped = assert(cs.train(b, data, { epochs = 3, seed = 2, out = parts, on_batch = function(news)
      return not (news.phase == "training" and news.epoch == 1 and news.batch == 4)
    end }))
    assert.equal("stopped", stopped.finish)
    assert.matches("convscope train %-%-resume %-o", stopped.message)
    local c = helper.network(cs, 9)
    local trace = c:trace(data.test:images(0, 2))
    local run = assert(cs.train(c, data, { epochs = 3, seed = 2, out = parts, resume = true }))
    assert.equal("complete", run.finish)
    assert.error_matches(function() return trace.count end, "this trace was closed") -- its network was replaced
    for _, layer in ipairs { "conv1", "conv2", "dense1" } do
      assert.is_true(a:weights(layer) == c:weights(layer))
    end
  end)

  it("keeps its precision when it is resumed", function()
    local out = helper.directory() .. "/rounded"
    local stop = function(news) return news.phase ~= "training" or news.batch < 4 end
    local net = helper.network(cs)
    local run, message, code = cs.train(net, data, { epochs = 2, out = out, precision = "bf16", on_batch = stop })
    if not run then -- no tiles here
      assert.equal("unsupported", code)
      assert.matches("precision bf16 needs", message)
      assert.is_false(helper.exists(out .. "/config.json"))
      assert.truthy(cs.train(net, data, { epochs = 1, precision = "fp32" }))
      return
    end
    assert.equal("bf16", net.precision)
    assert.matches('"precision": *"bf16"', helper.read(out .. "/config.json"))
    run, message, code = cs.train(helper.network(cs), data, { epochs = 2, out = out, resume = true })
    assert.is_nil(run)
    assert.equal("argument", code)
    assert.matches("was begun in precision bf16, not fp32", message)
    local again = helper.network(cs)
    run = assert(cs.train(again, data, { epochs = 2, out = out, resume = true, precision = "bf16" }))
    assert.equal("complete", run.finish)
    assert.equal("bf16", again.precision)
  end)

  it("ends cleanly when a callback raises, with the script's lines", function()
    local out = helper.directory() .. "/run"
    local ok, message = pcall(cs.train, helper.network(cs), data, { epochs = 3, out = out, on_epoch = function(epoch)
      if epoch.number == 1 then error "a mistake of the script" end
    end })
    assert.is_false(ok)
    assert.matches("train_spec.lua:%d+: a mistake of the script", message)
    assert.matches("stack traceback", message)
    assert.is_true(helper.exists(out .. "/last.hdf5"))
    local run = assert(cs.train(helper.network(cs), data, { epochs = 3, out = out, resume = true }))
    assert.equal("complete", run.finish)
  end)

  it("refuses what cannot be, in words", function()
    local net = assert(cs.network { input = { 24, 24, 3 }, cs.dense { 5, activation = "softmax" } })
    local none, message, code = cs.train(net, data, { epochs = 1 })
    assert.is_nil(none)
    assert.equal("shape", code)
    assert.matches("5", message)
    assert.error_matches(function() cs.train(net, data, { epoch = 1 }) end, "no option 'epoch'; there are .*epochs")
    assert.error_matches(function() cs.train(net, data, { epochs = 0 }) end, "option 'epochs' must be 1 or more, not 0")
    assert.error_matches(function() cs.train(net, data, { schedule = "cosinus" }) end, "expected constant, step, cosine or one%-cycle")
    assert.error_matches(function() cs.train(net, data, { optimizer = { kind = "adam", rat = 1 } }) end, "no option 'rat'")
    assert.error_matches(function() cs.train(net, data, { on_epoch = 3 }) end, "must be a function")
    assert.error_matches(function() cs.train(net, data, { resume = true }) end, "needs 'out'")
  end)

  it("that diverges stops and says where", function()
    local none, message, code, summary = cs.train(helper.network(cs), data, { epochs = 2, rate = 1e30 })
    assert.is_nil(none)
    assert.equal("numeric", code)
    assert.matches("epoch", message)
    assert.equal("diverged", summary.finish)
  end)
end)

describe("progress", function()
  after_each(function() cs.on_progress(nil) end)

  -- Predictions that take longer and longer, until `done()`: progress is told of calls that last, on whatever machine.
  local function ever_longer(done)
    local net = cs.network {
      input = { 32, 32, 3 },
      cs.conv { 64, 3, activation = "relu" }, cs.conv { 256, 3, activation = "relu" },
      cs.global_avgpool {}, cs.dense { 8, activation = "softmax" },
    }
    local images = 500
    return net, function()
      while not done() do
        assert(images <= 32000, "no progress was told in all that time")
        assert(net:predict(cs.tensor({ images, 32, 32, 3 }, 0.1), { batch = 32 }))
        images = images * 2
      end
    end
  end

  local function never() return false end

  it("reaches whoever asked for it", function()
    local told, ended = 0, 0
    cs.on_progress(function(fraction, text)
      if not fraction and not text then
        ended = ended + 1
        return
      end
      told = told + 1
      if fraction then assert(fraction >= 0 and fraction <= 1) end
      assert(type(text) == "string")
    end)
    local _, predict = ever_longer(function() return told > 0 end)
    predict()
    assert.is_true(ended >= 1)
  end)

  it("that raises stops the call, and the error comes back", function()
    local net, predict = ever_longer(never)
    cs.on_progress(function() error "enough" end)
    assert.error_matches(predict, "enough")
    cs.on_progress(function() net:close() end)
    assert.error_matches(predict, "a progress function cannot close a network")
    cs.on_progress(nil)
    assert.same({ 1, 8 }, net:predict(cs.tensor({ 1, 32, 32, 3 }, 0.1)).shape)
  end)
end)
