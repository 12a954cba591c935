local cs = require "convscope"
local helper = require "helper"

describe("a data set", function()
  local data
  setup(function() data = helper.data(cs) end)
  teardown(helper.clean)

  it("has three splits that share no image", function()
    assert.equal(400, data.count)
    assert.equal(400, data.train.count + data.val.count + data.test.count)
    local seen = {}
    for _, split in ipairs { data.train, data.val, data.test } do
      for i = 0, split.count - 1 do
        assert.is_nil(seen[split:number(i)])
        seen[split:number(i)] = true
      end
    end
    assert.equal("val", data:split("val").name)
    assert.equal(data.test, data:split "test")
    local none, message, code = data:split "dev"
    assert.is_nil(none)
    assert.matches("train, val or test", message)
    assert.equal("not_found", code)
  end)

  it("knows sizes, classes and what is on an image", function()
    assert.same({ 24, 24, 8 }, { data.width, data.height, data.classes })
    assert.equal(8, #data.class_names)
    assert.equal(data.class_names[3], data:class_name(2))
    local sample = data:sample(5)
    assert.equal(5, sample.number)
    assert.equal(data:class_name(sample.label), sample.class)
    assert.is_true(sample.box.right > sample.box.left and sample.box.bottom > sample.box.top)
    local mask = data:mask(5)
    assert.same({ 24, 24 }, mask.shape)
    assert.is_true(mask:sum() > 0 and mask:max() == 1)
    assert.equal(24, data:picture(5).width)
    assert.error_matches(function() data:sample(400) end, "image 400 is out of range: 0 to 399")
    assert.error_matches(function() data:class_name(-1) end, "class %-1 is out of range: 0 to 7")
    assert.error_matches(function() return data.clases end, "a data set has no member 'clases'")
  end)

  it("is normalised by its training images", function()
    local mean, deviation = data:statistics()
    local pixels = data.train:pixels():reshape({ -1, 3 }) / 255
    for k = 1, 3 do
      assert.near(pixels:mean(0)[k - 1], mean[k], 1e-4)
      assert.near(pixels:std(0)[k - 1], deviation[k], 1e-4)
    end
  end)

  it("that is not there comes back as nil, message and code, and raises for wrong types", function()
    local none, message, code = cs.dataset "tiny-imagnet"
    assert.is_nil(none)
    assert.matches("no dataset 'tiny%-imagnet': expected shapes", message)
    assert.equal("not_found", code)
    assert.has_error(function() cs.dataset(17, {}) cs.dataset({}) end)
    assert.error_matches(function() cs.dataset("shapes", { sise = 3 }) end, "no option 'sise'; there are size")
    assert.error_matches(function() cs.dataset("shapes", { size = "big" }) end, "option 'size' must be an integer, not 'big'")
  end)

  it("is exported and opened again", function()
    local path = helper.directory() .. "/shapes.h5"
    assert.is_true(data:export(path))
    local again <close> = assert(cs.dataset(path))
    assert.equal(data.count, again.count)
    assert.same(data.class_names, again.class_names)
    assert.same(data.test:labels(), again.test:labels())
    assert.is_true(data.val:images(0, 3):pixels() == again.val:images(0, 3):pixels())
  end)
end)

describe("images", function()
  local data
  setup(function() data = helper.data(cs) end)

  it("are chosen by place, at random, by class and by list", function()
    local ten = data.train:images(5, 10)
    assert.equal(10, #ten)
    assert.equal(data.train:number(5), ten:number(0))
    assert.same(data.train:sample(7, 3):labels(), data.train:sample(7, 3):labels())
    assert.equal(data.test.count, data.test:sample(1e6 // 1, 0).count)
    for _, label in ipairs(data.train:of_class(2):labels()) do assert.equal(2, label) end
    assert.equal(ten:number(3), ten:choose({ 3, 0 }):number(0))
    assert.error_matches(function() data.test:images(0, 1000) end, "images 0 to 999 are out of range: there are 40")
    assert.error_matches(function() ten:choose { 10 } end, "image 10 is out of range: 0 to 9")
    assert.error_matches(function() ten:label(-1) end, "image %-1 is out of range")
  end)

  it("can hold other pixels", function()
    local some = data.test:images(0, 4)
    local dark = some:with(some:pixels() * 0)
    assert.same(some:labels(), dark:labels())
    assert.equal(0, dark:pixels():sum())
    assert.same({ 0, 0, 0 }, { dark:picture(1):get(0, 0) })
    assert.equal(0, dark:images(1, 2):pixels():sum())
    local own = cs.images(cs.tensor({ 2, 8, 8, 3 }, 255), { 1, 0 })
    assert.equal(1, own:label(0))
    assert.is_nil(own.data)
    assert.error_matches(function() some:with(cs.tensor { 1 }) end, "expected pixels %[4,height,width,3%], not 1")
  end)
end)
