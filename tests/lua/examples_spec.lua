-- The examples run as they stand, and leave what they say.
local cs = require "convscope"
local helper = require "helper"

local function example(name, ...) return helper.ok("run", helper.source .. "/scripts/examples/" .. name .. ".lua", ...) end

describe("the example", function()
  teardown(helper.clean)

  it("train learns colours and writes its curves and model", function()
    local out = helper.directory() .. "/train"
    local text = example("train", out)
    assert.is_true(tonumber(text:match "test accuracy ([%d.]+)") > 80)
    assert.truthy(cs.picture(out .. "/loss.png"))
    assert.equal(8, assert(cs.load(out .. "/model.h5")).classes)
  end)

  it("features finds features that answer to one colour", function()
    local out = helper.directory() .. "/features"
    local text = example("features", out)
    local pure = 0
    for n in text:gmatch "  %a+ (%d+)\n" do
      if tonumber(n) >= 7 then pure = pure + 1 end
    end
    assert.is_true(pure >= 1, text)
    local pipe = io.popen("ls " .. out)
    assert.equal(6, select(2, pipe:read("a"):gsub("%.png", "")))
    pipe:close()
  end)

  it("rules compares the eight rules", function()
    local out = helper.directory() .. "/rules"
    local text = example("rules", out)
    for _, rule in ipairs(cs.rules) do assert.matches("  " .. rule .. " +norm", text) end
    assert.same({ 8, 32, 32, 3 }, cs.h5.read(out .. "/rules.h5", "projections").shape)
    assert.truthy(cs.picture(out .. "/rules-shared.png"))
  end)

  it("silent counts what a high rate silences", function()
    local text = example "silent"
    local low = tonumber(text:match "\n0.005 +conv2 +(%d+)")
    local high = tonumber(text:match "\n0.5 +conv2 +(%d+)") or 32
    assert.is_true(high > low, text)
  end)

  it("compare tests two networks against each other", function()
    local p = tonumber((example "compare"):match "p = ([%d.e-]+)")
    assert.is_true(p > 0 and p <= 1)
  end)
end)

describe("the manual", function()
  teardown(helper.clean)

  it("is what the comments say", function()
    local page = helper.directory() .. "/page.7"
    assert.is_true(os.execute(("lua5.4 %s/scripts/luadoc %s %s"):format(helper.source, helper.source, page)))
    assert.equal(helper.read(page), helper.read(helper.source .. "/man/convscope-lua.7"))
  end)

  it("has an entry for every function, method and field", function()
    local page = helper.read(helper.source .. "/man/convscope-lua.7"):gsub("\\%-", "-")
    local headings = {}
    for heading in page:gmatch "\n%.B ([^\n]*)" do headings[#headings + 1] = heading end
    local text = table.concat(headings, "\n")
    local missing = {}
    for name, value in pairs(cs) do
      if type(value) == "function" and name ~= "built" and name ~= "opened" and not text:find("cs." .. name, 1, true) then
        missing[#missing + 1] = "cs." .. name
      end
    end
    local prefix = { network = "net", ["data set"] = "data" }
    for kind, methods in pairs(cs.engine.methods) do
      for name in pairs(methods) do
        if name ~= "close" and not text:find("[:,] ?:?" .. name .. "[%(%[,\n]") and not text:find(":" .. name .. "%f[^%w_]") then
          missing[#missing + 1] = (prefix[kind] or kind) .. ":" .. name
        end
      end
    end
    for kind, getters in pairs(cs.engine.getters) do
      for name in pairs(getters) do
        if not text:find("%." .. name .. "%f[^%w_]") then missing[#missing + 1] = (prefix[kind] or kind) .. "." .. name end
      end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)
end)
