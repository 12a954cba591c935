-- Objects that have ended raise when they are used; they never crash and never answer.
local cs = require "convscope"
local helper = require "helper"

describe("a closed object", function()
  it("says that it was closed", function()
    local data, net = helper.data(cs), helper.network(cs)
    local trace = net:trace(data.test:images(0, 2))
    trace:close()
    trace:close() -- twice is no mistake
    assert.error_matches(function() trace:output "conv1" end, "this trace was closed")
    assert.error_matches(function() return trace.count end, "this trace was closed")
    assert.error_matches(function() cs.project(trace, "conv1") end, "this trace was closed")
    assert.equal("trace (closed)", tostring(trace))
    net:close()
    assert.error_matches(function() return net.layers end, "this network was closed")
    assert.error_matches(function() net:predict(data.test) end, "this network was closed")
    data:close()
    assert.error_matches(function() return data.count end, "this data set was closed")
    local t = cs.tensor { 1 }
    t:close()
    assert.error_matches(function() return t[0] end, "this tensor was closed")
    assert.error_matches(function() return t + 1 end, "this tensor was closed")
  end)

  it("ends what was taken from it", function()
    local data, net = helper.data(cs), helper.network(cs)
    local trace = net:trace(data.test:images(0, 2))
    local view, kept = trace:output "conv1", trace:output("conv1"):copy()
    local row = view[1]
    trace:close()
    assert.error_matches(function() return view[0] end, "this tensor was closed")
    assert.error_matches(function() return row[0] end, "this tensor was closed")
    assert.same({ 2, 22, 22, 6 }, kept.shape)

    local again = net:trace(data.test:images(0, 2))
    local found = cs.exemplars(net, data.test, "conv1", { top = 1 })
    net:close()
    assert.error_matches(function() again:scores() end, "this trace was closed")
    assert.error_matches(function() found:list(0) end, "this exemplars was closed")

    local images = data.test:images(0, 3)
    data:close()
    assert.error_matches(function() images:pixels() end, "this images was closed")
  end)

  it("is closed by leaving the block", function()
    local data, net, outside = helper.data(cs), helper.network(cs), nil
    do
      local trace <close> = net:trace(data.test:images(0, 2))
      outside = trace
      assert.equal(2, trace.count)
    end
    assert.error_matches(function() return outside.count end, "this trace was closed")
  end)

  it("is not closed while it is needed", function()
    local net = helper.network(cs)
    local trace
    do
      local data = helper.data(cs)
      trace = net:trace(data.test:images(0, 2))
    end
    net = nil
    for _ = 1, 3 do collectgarbage() end
    assert.equal(2, trace.count) -- a trace keeps its network, images keep their data set
    assert.equal(2, trace.images:pixels().shape[1])
    assert.equal("small", trace.network.name)
  end)

  it("is collected when nobody holds it, and the collector knows its size", function()
    local net = helper.network(cs)
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 200 do
      local trace = net:trace(cs.tensor({ 64, 24, 24, 3 }, 0.5)) -- about 4 MB each
      weak[trace] = true
    end
    local alive = 0
    for _ in pairs(weak) do alive = alive + 1 end
    assert.is_true(alive < 100, alive .. " of 200 traces are still held")
  end)

  it("cannot be closed by a callback of the call that uses it", function()
    local data, net = helper.data(cs), helper.network(cs)
    local ok, message = pcall(cs.train, net, data, { epochs = 1, on_batch = function() net:close() end })
    assert.is_false(ok)
    assert.matches("this network is in use", message)
    ok, message = pcall(cs.train, net, data, { epochs = 1, on_batch = function() data:close() end })
    assert.is_false(ok)
    assert.matches("this data set is in use", message)
    ok, message = pcall(cs.train, net, data, { epochs = 1, on_batch = function() cs.train(net, data, { epochs = 1 }) end })
    assert.is_false(ok)
    assert.matches("is being trained already", message)
    assert.equal(8, net.classes)
  end)

  it("of the wrong kind names what was expected", function()
    local net = helper.network(cs)
    assert.error_matches(function() cs.train(net, net) end, "data set")
    assert.error_matches(function() net.trace(cs.tensor { 1 }, 1) end, "network expected, got tensor")
    assert.error_matches(function() cs.mosaic(17) end, "tensor expected, got number")
    assert.error_matches(function() cs.picture(true) end, "tensor expected, got boolean")
  end)
end)
