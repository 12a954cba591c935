local cs = require "convscope"
local helper = require "helper"

-- The text chunks of a PNG: { key = value }.
local function texts(path)
  local bytes, out, at = helper.read(path), {}, 9
  while at < #bytes do
    local length = string.unpack(">I4", bytes, at)
    local kind, body = bytes:sub(at + 4, at + 7), bytes:sub(at + 8, at + 7 + length)
    if kind == "tEXt" then
      local key, value = body:match "^([^\0]+)\0(.*)$"
      out[key] = value
    end
    at = at + 12 + length
  end
  return out
end

describe("a picture", function()
  local directory
  setup(function() directory = helper.directory() end)
  teardown(helper.clean)

  it("carries the numbers it was made from", function()
    local t = cs.tensor({ 4, 6, 3 }, 0)
    t[{ 1, 2, 0 }], t[{ 3, 5, 2 }] = 2, -4
    local picture = cs.picture(t)
    assert.same({ 6, 4 }, { picture.width, picture.height })
    assert.same({ 128, 128, 128 }, { picture:get(0, 0) })
    local r = picture:get(1, 2)
    assert.near(128 + 64, r, 1)
    local _, _, b = picture:get(3, 5)
    assert.near(0, b, 1)
    assert.equal("4", picture.text.limit)
    assert.equal(picture, picture:save(directory .. "/p.png", { layer = "conv1" }))
    local found = texts(directory .. "/p.png")
    assert.same({ "4", "-4", "2", "conv1" }, { found.limit, found.min, found.max, found.layer })
    assert.near(math.sqrt(20), tonumber(found.norm), 1e-6)
    local fixed = cs.picture(t, { limit = 8 })
    assert.near(128 + 32, (fixed:get(1, 2)), 1)
  end)

  it("is magnified, resized, pasted, and read back", function()
    local photo = cs.tensor({ 2, 2, 3 }, 0)
    photo[{ 0, 1 }] = cs.tensor { 255, 100, 7 }
    local picture = cs.picture(photo, { photo = true, zoom = 3 })
    assert.same({ 6, 6 }, { picture.width, picture.height })
    assert.same({ 255, 100, 7 }, { picture:get(2, 5) })
    for _, name in ipairs { "z.bmp", "z", "z.png.jpg" } do
      local saved, why, kind = picture:save(directory .. "/" .. name)
      assert.same({ nil, ("a picture is saved as .png, not '%s/%s'"):format(directory, name), "argument" }, { saved, why, kind })
      assert.is_false(helper.exists(directory .. "/" .. name))
    end
    assert(picture:save(directory .. "/z.PNG"))
    picture:save(directory .. "/z.png")
    local again = assert(cs.picture(directory .. "/z.png"))
    assert.is_true(again:pixels() == picture:pixels())
    assert.is_true(again:resize(2, 2):pixels() == photo)
    assert.equal(4, again:fit(4, 2).width)
    local small = cs.picture(cs.tensor({ 1, 1, 3 }, 9), { photo = true })
    again:paste(small, 4, 1)
    assert.same({ 9, 9, 9 }, { again:get(4, 1) })
    assert.error_matches(function() again:get(6, 0) end, "row 6 is out of range: 0 to 5")
    local none, message, code = cs.picture(directory .. "/missing.png")
    assert.is_nil(none)
    assert.matches("missing.png", message)
    assert.equal("not_found", code)
    assert.equal("not_found", select(3, again:save(directory .. "/no/such/place.png")))
    assert.error_matches(function() cs.picture(cs.tensor { 1, 2 }) end, "a picture is made of a tensor %[height,width,channels%], not 2")
    assert.error_matches(function() cs.picture(photo, { zom = 2 }) end, "no option 'zom'")
  end)

  it("can be a mosaic on shared or own scales", function()
    local t = cs.tensor({ 4, 5, 5, 3 }, 0)
    for i = 0, 3 do t[{ i, 2, 2, 0 }] = i + 1 end
    local own, shared = cs.mosaic(t, { columns = 4, gap = 1 }), cs.mosaic(t, { columns = 4, gap = 1, shared = true })
    assert.same({ 23, 5 }, { own.width, own.height })
    assert.equal("1 2 3 4", own.text.limits)
    assert.equal("4", shared.text.limit)
    assert.equal((own:get(2, 2)), (own:get(2, 20)))
    assert.is_true(shared:get(2, 2) < shared:get(2, 20))
    local tiles = cs.mosaic({ own, own, own }, { columns = 1, gap = 0 })
    assert.same({ 23, 15 }, { tiles.width, tiles.height })
    assert.error_matches(function() cs.mosaic { own, tiles } end, "pictures of one size")
  end)
end)

describe("a plot", function()
  teardown(helper.clean)

  it("is saved as PNG and SVG, and drawn with characters", function()
    local directory = helper.directory()
    local plot = cs.plot { title = "a title", x_label = "epoch", series = {
      { name = "line", y = { 1, 3, 2 }, low = { 0, 2, 1 }, high = { 2, 4, 3 } }, { name = "bars", kind = "bars", y = cs.tensor { 1, 2, 3 } },
    } }
    assert.equal(plot, plot:save(directory .. "/p.png", { width = 300, height = 200 }))
    local picture = assert(cs.picture(directory .. "/p.png"))
    assert.same({ 300, 200 }, { picture.width, picture.height })
    assert.truthy(plot:save(directory .. "/p.svg"))
    assert.matches("<svg", helper.read(directory .. "/p.svg"))
    assert.equal(120, plot:picture(120, 90).width)
    assert.matches("epoch", plot:text(60, 12))
    assert.is_nil(plot:text(60, 12, true):find "[\128-\255]")
    local map = cs.plot { cells = cs.tensor { { 0, 1 }, { 2, 3 } } }
    assert.truthy(map:save(directory .. "/m.png"))
    assert.equal("argument", select(3, plot:save(directory .. "/p.gif")))
    assert.error_matches(function() cs.plot({ series = { { x = { 1 } } } }):text() end, "has no y")
    assert.error_matches(function() cs.plot({ titel = "x", series = {} }):text() end, "no option 'titel'")
    assert.error_matches(function() cs.plot({}):text() end, "needs series or cells")
    assert.error_matches(function() cs.plot({ series = { { y = { 1, 2 }, x = { 1 } } } }):text() end, "'x' of a series has 1 numbers, y has 2")
  end)
end)

describe("a result", function()
  teardown(helper.clean)

  it("is written as HDF5, CSV and PNG", function()
    local directory = helper.directory() .. "/out"
    local result = cs.result { "level", "name", "accuracy" }
    result:add(0, "clean", 0.5):add(0.1, 'noisy, "very"', 0.25)
    result:add(0.2, "not to be measured", 0 / 0)
    result:mosaic("views", cs.tensor({ 2, 4, 4, 3 }, 0.5)):plot("curve", cs.plot { series = { { y = { 1, 2 } } } }):note "a note"
    local paths = assert(result:save(directory, "noise"))
    for _, path in ipairs(paths) do assert.is_true(helper.exists(path), path) end
    assert.equal('level,name,accuracy\n0,clean,0.5\n0.1,"noisy, ""very""",0.25\n0.2,not to be measured,\n', helper.read(directory .. "/noise.csv"))
    assert.near(0.25, cs.h5.read(directory .. "/noise.hdf5", "columns/accuracy")[1], 1e-7)
    assert.same({ 2, 4, 4, 3 }, cs.h5.read(directory .. "/noise.hdf5", "tensors/views").shape)
    assert.matches("a note", result:text())
    -- and the file says by itself what it holds
    local file <close> = assert(cs.h5.open(directory .. "/noise.hdf5"))
    assert.equal(1, file:attribute("/", "convscope_result"))
    assert.same({ "level", "name", "accuracy" }, file:texts "column_names")
    assert.same({ "clean", 'noisy, "very"', "not to be measured" }, file:texts "columns/name")
    assert.same({ "a note" }, file:texts "notes")
    assert.same({ "mosaic", "views", "/tensors/views" }, { file:attribute("figures/000", "kind"), file:attribute("figures/000", "name"),
      file:attribute("figures/000", "tensor") })
    assert.same({ "plot", "line" }, { file:attribute("figures/001", "kind"), file:attribute("figures/001/series/000", "kind") })
    assert.same({ 1, 2 }, file:read("figures/001/series/000/y"):tolist())
    assert.error_matches(function() result:add(1) end, "1 values for 3 columns")
  end)

  it("names its pictures for people: words with hyphens, the analysis' own name once; what they show is the caption", function()
    local directory = helper.directory()
    local result = cs.result { "x" }
    result:add(1):mosaic("noise, pictures (of 8)", cs.tensor({ 2, 4, 4, 3 }, 0.5), 2, "two pictures: A, B"):plot("Activation drift", cs.plot { series = { { y = { 1 } } } })
    result:picture("plain", cs.mosaic(cs.tensor({ 1, 4, 4, 3 }, 0.5)))
    local names = {}
    for k, path in ipairs(assert(result:save(directory, "noise"))) do names[k] = path:match "[^/]+$" end
    table.sort(names)
    assert.same({ "noise-activation-drift.png", "noise-pictures-of-8.png", "noise-plain.png", "noise.csv", "noise.hdf5" }, names)
    local file <close> = assert(cs.h5.open(directory .. "/noise.hdf5"))
    assert.same({ "noise, pictures (of 8)", "two pictures: A, B" }, { file:attribute("figures/000", "name"), file:attribute("figures/000", "caption") })
    assert.is_nil((file:attribute("figures/002", "caption")))
  end)
end)
