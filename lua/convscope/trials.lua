-- trials.lua: many training runs for one question: each in a directory of its own, begun, taken up or left alone as it stands, so that what was
-- interrupted goes on and what is finished is not done again.
local cs = require "convscope"
local common = require "convscope.common"
local json = require "convscope.json"
local system = cs.engine.system

local trials = {}

-- What a finished run wrote about itself.
local function summary_of(directory)
  local summary = json.read(directory .. "/summary.json")
  return type(summary) == "table" and summary or {}
end

-- trials.train { directory, make, data, options, until_epoch, anew, tell, on_begin, on_epoch }
-- A run in `directory`: `make()` gives its network where it begins; where it exists already it goes on, or is left alone when it is finished (`anew`: it is replaced). With
-- `until_epoch` it stops, resumable, after so many epochs. `on_begin()` is called once, when the directory is
-- this training's and its first batch is over at the latest, `tell(text)` hears what is going on, `on_epoch(net, number)` of each epoch as it ends. Returns the best network and a table with `epochs` (done)
-- and `accuracy` (the best on the validation images); nil, message, code when it was interrupted or could not be done.
function trials.train(trial)
  local state = cs.run_state(trial.directory)
  local limit = trial.until_epoch or math.huge
  local function done(epochs, accuracy)
    local net, message, code = cs.load(trial.directory)
    if not net then return nil, message, code end
    return net, { epochs = epochs, accuracy = accuracy }
  end
  if state and not trial.anew and (state.finished or state.epoch >= limit) then
    return done(state.epoch, state.best_val_accuracy or summary_of(trial.directory).best_val_accuracy)
  end
  local options = {}
  for key, value in pairs(trial.options or {}) do options[key] = value end
  local resume = not trial.anew and system.exists(trial.directory .. "/last.hdf5")
  local net, message, code
  if resume then net, message, code = cs.load(trial.directory .. "/last.hdf5") else net, message, code = trial.make() end
  if not net then return nil, message, code end
  local stopped = false
  options.out, options.resume, options.overwrite = trial.directory, resume or nil, not resume or nil
  local on_begin = trial.on_begin
  local function begin()
    if on_begin then
      local f = on_begin
      on_begin = nil
      f()
    end
  end
  options.on_batch = function(news)
    begin()
    if trial.tell then
      trial.tell(("epoch %d of %d, batch %d of %d, loss %.3f"):format(news.epoch + 1, news.epochs, news.batch, news.batches, news.loss or 0 / 0))
    end
  end
  options.on_epoch = function(epoch)
    begin()
    if trial.on_epoch then trial.on_epoch(net, epoch.number) end
    if epoch.number + 1 >= limit and epoch.number + 1 < (options.epochs or 40) then
      stopped = true
      return false
    end
  end
  local accepted, run, summary
  accepted, run, message, code, summary = common.attempt(cs.train, net, trial.data, options)
  if not accepted then return nil, run, "argument" end
  run = run or stopped and summary
  if not run then return nil, message, code end
  return done(run.epochs, run.best_val_accuracy)
end

-- Mean and 95 % interval of few numbers (one a seed), by Student's t; no interval of a single one.
local t_95 = { 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093 }
function trials.interval(values)
  local n, sum, square = #values, 0, 0
  for _, x in ipairs(values) do sum = sum + x end
  local mean = sum / n
  if n < 2 then return mean, 0 / 0, 0 / 0 end
  for _, x in ipairs(values) do square = square + (x - mean) ^ 2 end
  local half = (t_95[n - 1] or 1.96) * math.sqrt(square / (n - 1) / n)
  return mean, mean - half, mean + half
end

return trials
