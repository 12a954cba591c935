-- studies_spec.lua: the commands that ask a question of several trainings or models: transfer, evolution, tune, compare, report.
local cs = require "convscope"
local helper = require "helper"

local run, ok, json = helper.run, helper.ok, helper.json

-- Two small models of one data set, one of them barely trained; made once.
local spec, made = "shapes:count=400,size=24,cause=colour", nil
local function models()
  if made then return made end
  local directory = helper.directory()
  local data = assert(cs.dataset(spec))
  made = { directory = directory, good = directory .. "/good", poor = directory .. "/poor" }
  for name, epochs in pairs { good = 5, poor = 1 } do
    local net = helper.network(cs, 3)
    assert(cs.train(net, data, { epochs = epochs, batch = 16, seed = 2, optimizer = cs.adam { rate = name == "good" and 0.005 or 0.0002 }, out = made[name] }))
  end
  return made
end

local function read_csv(path)
  local rows = {}
  for line in helper.read(path):gmatch "[^\n]+" do rows[#rows + 1] = line end
  return rows
end

describe("studies", function()
  teardown(helper.clean)

  it("transfer: three networks from the same seeds, one of them frozen; the same command again trains nothing", function()
    local out = helper.directory() .. "/t"
    local words = { "transfer", models().good, "-d", "shapes:count=240,size=24,classes=3", "--epochs", "2", "-o", out, "--json" }
    local first = json(table.unpack(words))
    assert.equal(3, #first.rows)
    local before, frozen = cs.load(models().good), cs.load(out .. "/frozen-seed0")
    local tuned, scratch = cs.load(out .. "/tuned-seed0"), cs.load(out .. "/scratch-seed0")
    assert.equal(0, (before:weights "conv2" - frozen:weights "conv2"):abs():max())
    assert.is_true((before:weights "conv2" - tuned:weights "conv2"):abs():max() > 0)
    assert.is_true((before:weights "conv1" - scratch:weights "conv1"):abs():max() > 0.01)
    assert.same({ 3 }, frozen.output)
    local when = helper.read(out .. "/tuned-seed0/log.txt")
    assert.same(first.rows, json(table.unpack(words)).rows)
    assert.equal(when, helper.read(out .. "/tuned-seed0/log.txt"))
    local code, _, err = run("transfer", models().good)
    assert.equal(2, code)
    assert.matches("which data set", err)
  end)

  it("evolution: begins with what random weights see and ends like itself", function()
    local out = helper.directory() .. "/e"
    local found = json("evolution", "-m", "demo", "-d", "shapes:count=200", "--epochs", "2", "-l", "conv1,conv2", "-f", "0-2", "--images", "8", "-o", out, "--json")
    assert.equal(2 * 3, #found.rows) -- before training and after two epochs, for two layers
    local last = found.rows[3]
    assert.same({ "conv1", 0 }, { found.rows[1][1], found.rows[1][2] })
    assert.same({ "conv1", 2 }, { last[1], last[2] })
    assert.is_true(last[3] > 0.3 and last[6] == 1)
    assert.is_true(helper.exists(out .. "/best.hdf5") and helper.exists(out .. "/analyses/evolution-conv2.png"))
    -- the same command again trains nothing; other questions of the run are refused
    local log = helper.read(out .. "/log.txt")
    assert.same(found.rows, json("evolution", "-m", "demo", "-d", "shapes:count=200", "--epochs", "2", "-l", "conv1,conv2", "-f", "0-2", "--images", "8", "-o", out,
      "--json").rows)
    assert.equal(log, helper.read(out .. "/log.txt"))
    -- of another size, another question
    local small, _, other = run("evolution", "-m", "demo", "-d", "shapes:count=200", "--size", "24", "--epochs", "2", "-l", "conv1,conv2", "-f", "0-2", "--images", "8", "-o", out)
    assert.equal(1, small)
    assert.matches("begun with .* not with .*, size 24", other)
    local refused, _, why = run("evolution", "-m", "demo", "-d", "shapes:count=200", "--epochs", "2", "-f", "0-3", "--images", "8", "-o", out)
    assert.equal(1, refused)
    assert.matches("was begun with model demo.*begin anew with %-%-force", why)
    -- interrupted in its second epoch, it goes on to the same end
    local again = helper.directory() .. "/again"
    local words = { "evolution", "-m", "demo", "-d", "shapes:count=200", "--epochs", "2", "-l", "conv1,conv2", "-f", "0-2", "--images", "8", "-o", again, "--json" }
    os.execute(("%s %s >/dev/null 2>&1 & pid=$!; while [ ! -e %s/analyses/evolution/001.hdf5 ]; do sleep 0.02; done; kill -TERM $pid; wait $pid"):format(
      helper.quote(helper.program), table.concat(words, " "), again))
    assert.same(found.rows, json(table.unpack(words)).rows)
  end)

  it("evolution: a start that fails leaves nothing that the next one would stumble over", function()
    local place = helper.directory()
    local out, base = place .. "/e", { "-d", "shapes:count=200,size=16", "--epochs", "1", "-l", "conv1", "--images", "8" }
    local function evolution(...) return run("evolution", "-o", out, table.unpack(table.move({ ... }, 1, select("#", ...), #base + 1, table.move(base, 1, #base, 1, {})))) end
    local function preset(training)
      return helper.write(place .. "/net.lua", ([[
        local cs = require "convscope"
        return { size = 16, training = %s, network = function(options)
          return { input = options.input, cs.conv { 4, 3 }, cs.maxpool { 2 }, cs.dense { options.classes, activation = "softmax" } }
        end }]]):format(training))
    end
    local code, _, err = evolution("-f", "999")
    assert.equal(1, code)
    assert.matches("feature 999 is out of range: conv1 has features 0 to", err)
    code, _, err = evolution("-m", preset "{ optimizer = 'none' }")
    assert.equal(1, code)
    assert.matches("none", err)
    assert.is_false(helper.exists(out))
    -- stopped before its first checkpoint: neither the same question nor another is refused
    os.execute(("mkdir -p %s/analyses/evolution && echo '{\"about\": {\"evolution\": \"another\"}, \"run\": {}}' > %s/config.json && echo old > %s/analyses/evolution/007.hdf5"):format(
      out, out, out))
    assert.equal(0, (evolution("-m", preset "{ batch = 32 }")))
    assert.is_false(helper.exists(out .. "/analyses/evolution/007.hdf5"))
    -- a mistake in an evolution that is to replace another leaves that one whole
    local last = helper.read(out .. "/last.hdf5")
    assert.equal(1, (evolution("-m", preset "{ optimizer = 'none' }", "--force")))
    assert.equal(last, helper.read(out .. "/last.hdf5"))
    assert.is_true(helper.exists(out .. "/analyses/evolution/001.hdf5"))
    assert.equal(0, (evolution("-m", preset "{ batch = 32 }")))
  end)

  it("tune: the better rate is found, the worse dropped early, seeds are matched, and nothing is trained twice", function()
    local out = helper.directory() .. "/u"
    local space = helper.write(helper.directory() .. "/space.lua", "return { rate = { 0.003, 1e-7, 2e-7 } }")
    local words = { "tune", space, "-m", "demo", "-d", "shapes:count=600,size=24,classes=2,cause=colour", "--epochs", "3", "--candidates", "3", "-o", out, "--json" }
    local found = json(table.unpack(words))
    assert.equal(3, #found.rows)
    assert.equal("rate=0.003", found.rows[1][2])
    assert.equal(3, found.rows[1][3])
    assert.equal(1, found.rows[3][3]) -- dropped after a third
    local log = helper.read(out .. "/001-seed0/log.txt")
    assert.same(found.rows, json(table.unpack(words)).rows)
    assert.equal(log, helper.read(out .. "/001-seed0/log.txt"))
    assert.matches("nothing varies", select(3, run("tune", "-o", out .. "2")))
    assert.matches("nothing is called 'rat' here: there are .*rate", select(3, run("tune", "--vary", "rat=1,2", "-o", out .. "3")))
    assert.matches("a choice of 'rate' is 'fast'; expected numbers", select(3, run("tune", "--vary", "rate=0.1,fast", "-o", out .. "3")))
  end)

  it("tune: only those that are trained to the end take several seeds", function()
    local out = helper.directory() .. "/s"
    local found = json("tune", "--vary", "rate=0.003,1e-7,2e-7", "-m", "demo", "-d", "shapes:count=300,classes=2,cause=colour", "--size", "24", "--epochs", "3",
      "--candidates", "3", "--last-seeds", "2", "-o", out, "--json")
    assert.same({ "rate=0.003", 3, 2 }, { found.rows[1][2], found.rows[1][3], found.rows[1][4] })
    assert.is_true(found.rows[1][6] <= found.rows[1][5] and found.rows[1][5] <= found.rows[1][7])
    assert.equal(1, found.rows[3][4])
    assert.is_true(helper.exists(out .. "/001-seed1/summary.json") and not helper.exists(out .. "/003-seed1"))
    assert.same({ 24, 24, 3 }, cs.load(out .. "/001-seed0").input)
  end)

  it("tune takes the advice of spectrum as candidates, against the model as it is", function()
    local data = assert(cs.dataset "shapes:count=400,size=32,classes=2,cause=colour")
    local net = assert(cs.network { input = { 32, 32, 3 }, seed = 3, name = "coarse", cs.conv { 6, 3, 4, activation = "relu" },
      cs.dense { 2, activation = "softmax" } })
    local place = helper.directory()
    assert(cs.train(net, data, { epochs = 2, optimizer = cs.adam { rate = 0.003 }, out = place .. "/coarse" }))
    local found = json("tune", "--advice", place .. "/coarse", "-d", "shapes:count=400,size=32,classes=2,cause=colour", "--epochs", "2", "-o", place .. "/t", "--seeds", "2",
      "--halving", "1", "--json")
    assert.matches("conv1: stride 3: [+-][%d.]+ points against the model as it is %[[%d., -]+%], seed by seed %(2%)", table.concat(found.notes, "\n"))
    local names = {}
    for _, row in ipairs(found.rows) do names[row[2]] = true end
    assert.is_true(names["as it is"] and names["conv1: stride 3"])
  end)

  it("compare: a model against itself gains and loses nothing; the better one of two is told, picture by picture", function()
    local m = models()
    local same = json("compare", m.good, m.good, "-d", spec, "--split", "all", "--json")
    assert.same({ 0, 0, 1 }, { same.test.first, same.test.second, same.test.p })
    local out = helper.directory()
    local found = json("compare", m.poor, m.good, "-d", spec, "--split", "all", "-o", out, "--json")
    assert.is_true(found.test.second > found.test.first and found.test.p < 1e-6 and found.test.low > 0)
    local gained = 0
    for _, row in ipairs(found.rows) do gained = gained + row[5] end
    assert.equal(found.test.second, gained)
    assert.is_true(#read_csv(out .. "/compare.csv") == #found.rows + 1)
    assert.is_true(helper.exists(out .. "/compare-gained-pictures.png"))
    local code, _, err = run("compare", m.good, m.poor, "-d", "shapes:count=100,classes=3")
    assert.equal(1, code)
    assert.matches("tells 8 classes apart, shapes:count=100,classes=3 has 3", err)
  end)

  it("report: one page that needs nothing beside it", function()
    local path = helper.directory() .. "/page.html"
    ok("report", models().good, "-d", spec, "-o", path, "--analyses", "noise,spectrum", "--set", "noise.images=16", "--set", "noise.projected=4")
    local page = helper.read(path)
    for _, word in ipairs { "In short", '<a href="#spectrum">spectrum</a>: verdict: ', "Learning curves", "Accuracy on the test images", "noise", "spectrum", "conv2", "</html>" } do assert.truthy(page:find(word, 1, true), word) end
    local pictures = 0
    assert.truthy(page:find('<figcaption>reconstructions of the pictures, a row a layer: conv1, conv2</figcaption>', 1, true))
    assert.truthy(page:find('<th class="n">parameters</th>', 1, true))
    for data in page:gmatch 'src="([^"]*)"' do
      pictures = pictures + 1
      assert.equal("data:image/png;base64,iVBORw0KGgo", data:sub(1, 33))
    end
    assert.is_true(pictures >= 5)
    assert.falsy(page:find "https?://")
    assert.falsy(page:find("</a><a", 1, true)) -- the line of links can break
    assert.falsy(page:find(models().good:match "^.*/", 1, true)) -- nor does it tell where things lay here
    assert.matches("%d %% %[[%d.]+, [%d.]+%] of %d+ images", page)
    -- a published run's curves begin with the trainings before it
    local copy = helper.directory() .. "/kept"
    os.execute(("cp -r '%s' '%s'"):format(models().good, copy))
    local file <close> = assert(io.open(copy .. "/before-1-history.csv", "w"))
    file:write "epoch,train_loss,train_accuracy,val_loss,val_accuracy\n0,2.5,0.2,2.4,0.25\n1,2.1,0.3,,\n"
    file:close()
    ok("report", copy, "-d", spec, "-o", path .. "2", "--analyses", "spectrum", "--set", "spectrum.images=4")
    local kept = helper.read(path .. "2")
    assert.truthy(kept:find("The curves begin with 2 epochs of a training before it.", 1, true))
    -- and one way of counting: the best is where the curves have it
    assert.equal(2 + cs.run_state(copy).best_epoch + 1, tonumber(kept:match "best validation accuracy [%d.]+ %% in epoch (%d+);"))
    local code, _, err = run("report", models().good, "-d", spec, "-o", path)
    assert.equal(1, code)
    assert.matches("is there already; %-%-force replaces it", err)
  end)

  it("report: of results that are there, which are kept as they are finished", function()
    local place = helper.directory()
    local path, results = place .. "/page.html", place .. "/results"
    local function report(page, analyses, ...)
      return run("report", models().good, "-d", spec, "-o", page, "--results", results, "--analyses", analyses, ...)
    end
    ok("analyze", "noise", models().good, "-d", spec, "-o", results, "--set", "images=16", "--set", "projected=4", "--set", "natural=4")
    local before = helper.read(results .. "/noise.hdf5")
    assert.equal(0, (report(path, "noise,spectrum", "--set", "spectrum.images=8")))
    assert.equal(before, helper.read(results .. "/noise.hdf5"))
    assert.is_true(helper.exists(results .. "/spectrum.hdf5"))
    -- the page of results that were read is that of results that were made
    assert.equal(0, (report(place .. "/again.html", "noise,spectrum")))
    ok("report", models().good, "-d", spec, "-o", place .. "/made.html", "--analyses", "noise,spectrum", "--set", "noise.images=16", "--set", "noise.projected=4",
      "--set", "noise.natural=4", "--set", "spectrum.images=8")
    local function words(page) return (helper.read(page):gsub('src="[^"]*"', ""):gsub("<td[^>]*>[^<]*</td>", "")) end
    assert.equal(words(path), words(place .. "/again.html"))
    assert.equal(words(place .. "/made.html"), words(place .. "/again.html"))
    local function pictures(page) return select(2, helper.read(page):gsub("src=", "")) end
    assert.equal(pictures(place .. "/made.html"), pictures(place .. "/again.html"))
    -- what is of something else is neither taken nor replaced
    local code, _, err = report(place .. "/no.html", "noise", "--set", "noise.images=17")
    assert.equal(1, code)
    assert.matches("noise.hdf5' is with images = 16, not 17; name another directory with %-%-results, or remove it\n$", err)
    code, _, err = run("report", models().poor, "-d", spec, "-o", place .. "/no.html", "--results", results, "--analyses", "noise")
    assert.equal(1, code)
    assert.matches("noise.hdf5' is of another model %(.*%); name", err)
    code, _, err = run("report", models().good, "-d", spec .. ",seed=9", "-o", place .. "/no.html", "--results", results, "--analyses", "noise")
    assert.equal(1, code)
    assert.matches("noise.hdf5' is of another data set", err)
    assert.equal(before, helper.read(results .. "/noise.hdf5"))
    assert.is_false(helper.exists(place .. "/no.html"))
  end)
end)
