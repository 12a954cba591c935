-- What batches start from: the jobs for Slurm, run as Slurm runs them but for the queue, and the Makefile of a study.
local helper = require "helper"

local data = "shapes:count=600,size=64"

-- A place with a `scontrol` that writes down what it is told. Returns its path and the words that set a job up.
local function place()
  local here = helper.directory()
  helper.write(here .. "/scontrol", ("#!/bin/sh\necho \"$@\" >>%s/told\n"):format(here))
  os.execute(("chmod +x %s/scontrol"):format(here))
  return here, ("cd %s && PATH=%s:$PATH CONVSCOPE=%s SLURM_JOB_ID=12 SLURM_CPUS_PER_TASK=1"):format(here, here, helper.quote(helper.program))
end

local function sh(command)
  local _, _, code = os.execute(command)
  return code
end

describe("the training job", function()
  teardown(helper.clean)

  local job = helper.source .. "/scripts/slurm/train"

  it("asked to stop puts itself back into the queue, and goes on to the end", function()
    local here, job_in = place()
    local first = ("%s timeout -s TERM --foreground 6 bash %s run -m demo -d %s --epochs 500 --set patience=0 >log 2>&1"):format(job_in, job, data)
    sh(first)
    assert.equal("requeue 12\n", helper.read(here .. "/told"), helper.read(here .. "/log"))
    assert.matches("stopped by SIGTERM", helper.read(here .. "/log"))
    sh(first)
    assert.equal("requeue 12\nrequeue 12\n", helper.read(here .. "/told"))
    assert.matches("going on with demo", helper.read(here .. "/log"))
  end)

  it("that comes to its end does not come back", function()
    local here, job_in = place()
    assert.equal(0, sh(("%s bash %s run -m demo -d %s --epochs 1 >log 2>&1"):format(job_in, job, data)))
    assert.is_nil(helper.read(here .. "/told"))
    assert.equal(0, sh(("%s bash %s run >log 2>&1"):format(job_in, job)))
    assert.is_nil(helper.read(here .. "/told"))
  end)

  it("hands on what a training that cannot begin says, and its status", function()
    local here, job_in = place()
    assert.equal(1, sh(("%s bash %s run -m demo -d nowhere >log 2>&1"):format(job_in, job)))
    assert.matches("nowhere", helper.read(here .. "/log"))
    assert.is_nil(helper.read(here .. "/told"))
    assert.equal(2, sh(("%s bash %s >log 2>&1"):format(job_in, job)))
  end)
end)

describe("the analyses' array and the Makefile", function()
  teardown(helper.clean)

  it("do each analysis, and what is left over ends at once", function()
    local here, job_in = place()
    local job = helper.source .. "/scripts/slurm/analyze"
    local study = ("MAKEFLAGS= MAKELEVEL=; export MAKEFLAGS MAKELEVEL; %s make -s -f %s/scripts/examples/study.mk RUN=run PRESET=demo DATA=%s ANALYSES=confusion >log 2>&1"):format(job_in,
      helper.source, data)
    assert.equal(0, sh(study), helper.read(here .. "/log"))
    assert.truthy(helper.read(here .. "/run/analyses/confusion.hdf5"))
    assert.matches('"accuracy"', helper.read(here .. "/run/test.json"))
    assert.equal(0, sh(study))
    assert.equal("", helper.read(here .. "/log")) -- nothing is done again

    assert.equal(0, sh(("SLURM_ARRAY_TASK_ID=900; export SLURM_ARRAY_TASK_ID; %s bash %s run out >log 2>&1"):format(job_in, job)))
    assert.equal("", helper.read(here .. "/log"))
    local names = {}
    for name in helper.ok("analyze"):gmatch "\n  (%S+) " do names[#names + 1] = name end
    for i, name in ipairs(names) do
      if name == "confusion" then
        assert.equal(0, sh(("export SLURM_ARRAY_TASK_ID=%d; %s bash %s run out -d %s >log 2>&1"):format(i - 1, job_in, job, data)))
      end
    end
    assert.truthy(helper.read(here .. "/out/confusion.csv"), helper.read(here .. "/log"))
  end)
end)

describe("an analysis that is asked to stop", function()
  teardown(helper.clean)

  it("ends in its retraining, alone or in a report, with one line and without a page", function()
    local here = helper.directory()
    helper.ok("train", "-m", "demo", "-d", data, "-o", here .. "/run", "--epochs", "1")
    local long = "--set %sfeatures=1 --set %simages=20 --set %sepochs=1000 --set %ssteps=0"
    for name, words in pairs {
      analyze = "analyze ablation run " .. long:gsub("%%s", ""),
      report = "report run --analyses ablation -o page.html " .. long:gsub("%%s", "ablation."),
    } do
      local code = sh(("cd %s && timeout -k 60 -s TERM 4 %s %s >log 2>&1"):format(here, helper.quote(helper.program), words))
      local log = helper.read(here .. "/log")
      assert.equal(124, code, log) -- by the first signal; 137 by the last
      assert.matches("\nconvscope: %a+ by SIGTERM[^\n]*\n$", "\n" .. log, 1, name)
      assert.is_nil(log:find("traceback", 1, true), log)
    end
    assert.is_false(helper.exists(here .. "/page.html"))
  end)
end)

describe("a script of many short calls", function()
  teardown(helper.clean)

  it("does not lose a signal that comes when one of them is nearly over", function()
    local here = helper.directory()
    helper.write(here .. "/loop.lua", [[
      local cs = require "convscope"
      local net = cs.preset("demo", { classes = 4, size = 32 })
      local images = cs.dataset("shapes:count=64,size=32,classes=4").test:images(0, 1)
      local maps, tail = net:predict(images, { layer = 0 }), net:part(1, "last")
      print "ready"
      io.stdout:flush()
      for _ = 1, 1e9 do tail:predict(maps) end
    ]])
    for _ = 1, 5 do
      sh(("cd %s && rm -f log; { timeout -k 1 -s KILL 60 sh -c 'echo $$ >pid; exec %s run loop.lua' >log 2>&1; echo $? >code; } & "
        .. "while ! grep -q ready %s/log; do sleep 0.05; done; sleep 0.2; kill -TERM $(cat %s/pid); wait"):format(here, helper.quote(helper.program), here, here))
      assert.equal("1\n", helper.read(here .. "/code"))
      assert.equal("ready\nconvscope: interrupted by SIGTERM\n", helper.read(here .. "/log"))
    end
  end)
end)
