-- The trained networks that are installed with the program: what they are, and what the record of their training says.
local helper = require "helper"
local cs = require "convscope"
local json = require "dkjson"

local models = helper.source .. "/models/"

local function record(name, file) return assert(json.decode(assert(helper.read(models .. name .. "/" .. file)))) end

describe("the installed networks", function()
  after_each(helper.clean)

  it("seed-tiny-imagenet is the paper's network, 40 % of the test images", function()
    local net = assert(cs.load(models .. "seed-tiny-imagenet"))
    local paper = assert(cs.preset("seed", { classes = 200, size = 64 }))
    assert.equal(#paper.layers, #net.layers)
    for i, layer in ipairs(paper.layers) do
      local ours = net.layers[i]
      assert.equal(layer.type, ours.type)
      assert.same(layer.output, ours.output)
      for _, key in ipairs { "kernel", "window", "stride", "padding", "activation" } do assert.same(layer.spec[key], ours.spec[key]) end
    end
    local test = record("seed-tiny-imagenet", "test.json")
    assert.equal(10000, test.images)
    assert.is_true(test.accuracy >= 0.40)
    assert.equal("best-tiny-imagenet", record("seed-tiny-imagenet", "config.json").train.teacher)
  end)

  it("best-tiny-imagenet costs no more and is better than the paper's VGG-16", function()
    local net, seed = assert(cs.load(models .. "best-tiny-imagenet")), assert(cs.preset("seed", { classes = 200, size = 64 }))
    assert.is_true(net.macs <= seed.macs and net.parameters <= 2e6)
    local test = record("best-tiny-imagenet", "test.json")
    assert.equal(10000, test.images)
    assert.is_true(test.accuracy >= 0.46)
  end)

  it("both know their classes and come with their whole record, in which no path of a machine is left", function()
    for _, name in ipairs { "seed-tiny-imagenet", "best-tiny-imagenet" } do
      local net = assert(cs.load(models .. name))
      assert.equal(200, #net.class_names)
      assert.equal("tiny-imagenet-200.zip", net.dataset)
      local history = assert(cs.history(models .. name))
      assert.is_true(#history.epochs > 0)
      for _, file in ipairs { "config.json", "log.txt", "history.csv", "confusion.csv", "before-1-config.json" } do
        local text = assert(helper.read(models .. name .. "/" .. file), file)
        assert.is_nil(text:find("\"/[%w]"))
        assert.is_nil(text:find("'/[%w]"))
      end
    end
  end)

  it("are found by name, and answer", function()
    local before = ("CONVSCOPE_MODELS=%s"):format(helper.quote(models))
    for _, name in ipairs { "seed-tiny-imagenet", "best-tiny-imagenet" } do
      local code, out, err = helper.run_with(before, "info", name)
      assert.equal(0, code, err)
      assert.matches("dense, 200 units, softmax", out)
      code, _, err = helper.run_with(before, "eval", name, "-d", "shapes:count=16,size=64,classes=4")
      assert.equal(1, code)
      assert.matches("tells 200 classes apart, the data set '[^']+' has 4\n", err)
    end
  end)
end)
