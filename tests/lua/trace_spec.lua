local cs = require "convscope"
local helper = require "helper"

describe("a trace", function()
  local data, net, trace
  setup(function()
    data, net = helper.data(cs), helper.network(cs)
    trace = assert(net:trace(data.test:images(0, 5)))
  end)
  teardown(function()
    trace:close()
    helper.clean()
  end)

  it("holds every layer's output", function()
    assert.equal(5, trace.count)
    assert.same({ 5, 22, 22, 6 }, trace:output("conv1").shape)
    assert.same({ 5, 24, 24, 3 }, trace:input().shape)
    assert.same({ 5, 8 }, trace:probabilities().shape)
    assert.is_true(trace.bytes > 4 * 5 * 22 * 22 * 6)
    assert.equal(5, trace.images.count)
    assert.equal("not_found", select(3, trace:output "conv9"))
  end)

  it("has switches that point at each window's maximum", function()
    local map, pooled, switches = trace:output("conv1")[2], trace:output("pool1")[2], trace:switches("pool1")[2]
    assert.same(pooled.shape, switches.shape)
    for row = 0, 10 do
      for column = 0, 10 do
        local at = math.tointeger(switches[{ row, column, 3 }])
        assert.equal(pooled[{ row, column, 3 }], map[{ at // 22, at % 22, 3 }])
        assert.is_true(at // 22 // 2 == row and at % 22 // 2 == column)
      end
    end
    assert.equal("argument", select(3, trace:switches "conv1"))
  end)

  it("finds where a feature fires most, in all images or in one", function()
    local best = trace:strongest("conv2", 4)
    local map = trace:output "conv2"
    assert.equal(map:slice(4, 1, 3):max(), best.value)
    assert.equal(best.value, map[{ best.image, best.row, best.column, 4 }])
    local one = trace:strongest("conv2", 4, 3)
    assert.equal(3, one.image)
    assert.equal(map:slice(3, 1):slice(4, 1, 3):max(), one.value)
    assert.error_matches(function() trace:strongest("conv2", 10) end, "feature 10 is out of range: 0 to 9")
    assert.error_matches(function() trace:strongest("conv2", 1, 5) end, "image 5 is out of range: 0 to 4")
    assert.error_matches(function() trace:strongest({}, 1) end, "bad argument")
  end)

  it("of the output alone keeps nothing else", function()
    local small <close> = net:trace(data.test:images(0, 2), { kind = "output" })
    assert.same({ 2, 8 }, small:probabilities().shape)
    assert.matches("kind = \"all\"", select(2, small:output "conv1"))
    assert.matches("kind = \"all\"", select(2, cs.project(small, "conv1")))
  end)
end)

describe("a projection", function()
  local data, net, trace, loud
  setup(function()
    data, net = helper.data(cs), helper.network(cs)
    trace = assert(net:trace(data.test:images(0, 5)))
    -- the feature of conv2 that fires most
    local map = trace:output "conv2"
    loud = map:argmax() % 10
    assert(trace:strongest("conv2", loud).value > 0)
  end)
  teardown(function() trace:close() end)

  it("of a feature lies where its unit can reach", function()
    local best = trace:strongest("conv2", loud)
    local seen, info = cs.project(trace, "conv2", { feature = loud, at = best })
    assert.same({ 24, 24, 3 }, seen.shape)
    assert.same({ best.row, best.column, best.value }, { info.row, info.column, info.value })
    assert.near(seen:norm(), info.norm, 1e-5)
    assert.is_false(info.silent)
    for row = 0, 23 do
      for column = 0, 23 do
        if row < info.top or row >= info.bottom or column < info.left or column >= info.right then
          assert.equal(0, seen[row][column]:norm())
        end
      end
    end
    assert.is_true(seen == cs.project(trace, "conv2", { feature = loud, image = best.image }))
    assert.is_true(seen == cs.project(trace, "conv2", { feature = loud, image = best.image, at = { best.row, best.column } }))
  end)

  it("of first-layer units is the kernel times the activation", function()
    local best = trace:strongest("conv1", 2)
    local seen = cs.project(trace, "conv1", { feature = 2, at = best })
    local kernel = net:weights("conv1"):slice(2, 1, 3):reshape { 3, 3, 3 } * best.value
    local patch = seen:slice(best.row, 3):slice(best.column, 3, 1)
    assert.near(0, (patch - kernel):abs():max(), 1e-6)
    local one = cs.project(trace, "conv1", { feature = 2, at = best, signal = "one" })
    assert.near(0, (one * best.value - seen):abs():max(), 1e-5)
  end)

  it("is linear over positions of a map in the first layer", function()
    local map = cs.project(trace, "conv1", { feature = 1, at = "map" })
    local values, sum = trace:output("conv1")[0], cs.tensor({ 24, 24, 3 }, 0)
    local kernel = net:weights("conv1"):slice(1, 1, 3):reshape { 3, 3, 3 }
    for row = 0, 21 do
      for column = 0, 21 do
        local x = values[{ row, column, 1 }]
        for i = 0, 2 do
          for k = 0, 2 do
            local place = sum[row + i][column + k]
            sum[{ row + i, column + k }] = place + kernel[i][k] * x
          end
        end
      end
    end
    assert.near(0, (map - sum):abs():max(), 1e-4)
  end)

  it("comes in batches: lists, all features, targets, the whole layer", function()
    local all, infos = cs.project(trace, "conv2", { feature = "all", image = 1 })
    assert.same({ 10, 24, 24, 3 }, all.shape)
    assert.equal(10, #infos)
    local some = cs.project(trace, "conv2", { feature = { 3, 7 }, image = 1 })
    assert.is_true(some[0] == all[3] and some[1] == all[7])
    local targets = cs.project(trace, "conv2", { targets = { { feature = 7, image = 1 }, { feature = 0, image = 2, row = 4, column = 5 } } })
    assert.is_true(targets[0] == all[7])
    assert.is_true(targets[1] == cs.project(trace, "conv2", { feature = 0, image = 2, at = { 4, 5 } }))
    local layer, info = cs.project(trace, "conv2")
    assert.is_nil(info.row)
    assert.is_true(layer:norm() > 0)
    local views, found = cs.project_layer(net, data.test:images(0, 5), "conv2", { batch = 2 })
    assert.same({ 5, 24, 24, 3 }, views.shape)
    assert.is_true(views[0] == layer)
    assert.equal(4, found[5].image)
  end)

  it("works by eight rules and from class scores", function()
    assert.equal(8, #cs.rules)
    local norms, best = {}, trace:strongest("conv2", loud)
    for _, rule in ipairs(cs.rules) do
      local seen = assert(cs.project(trace, "conv2", { feature = loud, rule = rule, image = best.image }))
      norms[("%.6f"):format(seen:norm())] = true
    end
    local different = 0
    for _ in pairs(norms) do different = different + 1 end
    assert.is_true(different >= 6)
    assert.truthy(cs.project(trace, "dense1", { feature = 3, rule = "gradient", signal = "one" }))
    assert.is_true(cs.can_project(net, "dense1"))
    assert.matches("no rule 'guidance'", select(2, cs.project(trace, "conv1", { rule = "guidance" })))
  end)

  it("raises for what is out of range, naming the range", function()
    local function project(options) return function() cs.project(trace, "conv2", options) end end
    assert.error_matches(project { feature = 10 }, "feature 10 is out of range: 0 to 9")
    assert.error_matches(project { feature = -1 }, "out of range: 0 to 9")
    assert.error_matches(project { feature = 1, image = 5 }, "image 5 is out of range: 0 to 4")
    assert.error_matches(project { feature = 1, at = { 9, 0 } }, "row 9 is out of range: 0 to 8")
    assert.error_matches(project { at = "max" }, "name a feature")
    assert.error_matches(project { feature = 1, at = "top" }, "option 'at' must be")
    assert.error_matches(project { features = 1 }, "no option 'features'; there are feature")
    assert.error_matches(project { feature = {} }, "nothing to project")
    assert.error_matches(function() cs.project(net, "conv2") end, "trace expected, got network")
  end)
end)

describe("exemplars", function()
  local data, net, found
  setup(function()
    data, net = helper.data(cs), helper.network(cs)
    found = assert(cs.exemplars(net, data.test, "conv2", { top = 4, batch = 16 }))
  end)

  it("are the images on which a feature fires most", function()
    assert.same({ "conv2", 10, 4, data.test.count }, { found.layer, found.features, found.top, found.seen })
    local trace <close> = net:trace(data.test)
    local map = trace:output "conv2"
    for f = 0, 9 do
      local values = {}
      for i = 0, data.test.count - 1 do
        local v = map[i]:slice(f, 1, 2):max()
        if v > 0 then values[#values + 1] = v end
      end
      table.sort(values, function(a, b) return a > b end)
      assert.equal(#values, found:fired(f))
      local list = found:list(f)
      assert.equal(math.min(4, #values), #list)
      for k, item in ipairs(list) do
        assert.equal(values[k], item.value)
        assert.equal(item.value, map[{ item.position, item.row, item.column, f }])
        assert.equal(data.test:number(item.position), item.image)
      end
    end
    assert.error_matches(function() found:list(10) end, "feature 10 is out of range: 0 to 9")
  end)

  it("come with the patch that the unit sees and its projection", function()
    local views = assert(found:views { batch = 3 })
    assert.same({ 40, 8, 8, 3 }, views.patches.shape)
    assert.same({ 40, 8, 8, 3 }, views.projections.shape)
    local f = 0
    while #found:list(f) == 0 do f = f + 1 end
    local item = found:list(f)[1]
    local one = data:images(item.image, 1)
    local trace <close> = net:trace(one)
    local seen = cs.project(trace, "conv2", { feature = f, at = { item.row, item.column } })
    local top, left = 2 * item.row, 2 * item.column
    assert.near(0, (views.projections[f * 4] - seen:slice(top, 8):slice(left, 8, 1)):abs():max(), 1e-5)
    assert.is_true(views.patches[f * 4] == one:pixels()[0]:slice(top, 8):slice(left, 8, 1))
    local part = assert(found:views { first = f, count = 1 })
    assert.near(0, (part.projections[0] - views.projections[f * 4]):abs():max(), 1e-6)
  end)

  it("of several layers are found in one pass", function()
    local both = assert(cs.exemplars(net, data.test, { "conv1", "conv2" }, { top = 4 }))
    assert.equal("conv1", both[1].layer)
    assert.same(found:list(3), both[2]:list(3))
    assert.equal("not_found", select(3, cs.exemplars(net, data.test, "conv7")))
  end)
end)
