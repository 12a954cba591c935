-- progress.lua: how far an analysis is, told from its first moment to its last: a fraction of the whole that never falls.
--
-- An analysis is made of parts (part: a share of the whole; all of it where none is named), a part of steps (progress), and a step may move while it goes
-- on: over its batches of images (progress.batches), and in a batch over the engine's long calls, which tell their own fraction of what they do. A
-- step that does not say where it ends does not move.
local cs = require "convscope"

local system = cs.engine.system
local progress = {}

-- The analysis that this state is running; nil: none, or nobody listens.
local watched

-- A share of a range.
local function within(range, share)
  return range.from + (range.to - range.from) * math.max(0, math.min(1, share))
end

local function tell(self, fraction, text)
  self.told = math.max(self.told, fraction)
  self.tell(self.told, text)
end

local job = {}
job.__index = job

-- The fractions of the steps that follow are of this share of the whole.
function job:part(from, to)
  self.range = { from = from, to = to }
  self.step, self.batch = { from = from, to = from }, nil
end

-- The step that begins at `fraction` of the part (nil: where the last one ended) and ends at `to` (nil: it does not move), and what it does.
function job:progress(fraction, text, to)
  local from = fraction and within(self.range, fraction) or self.step.to
  self.step, self.batch, self.text = { from = from, to = to and within(self.range, to) or from }, nil, text
  self.words = nil
  if self.tell then tell(self, from, text or "") end
end

-- What the engine's long calls tell: their fraction of the batch, or of the step.
local function of_a_call(self, fraction, text)
  if fraction == nil and text == nil then return end -- a call is over, the analysis is not
  local range = self.batch or self.step
  tell(self, fraction and within(range, fraction) or range.from, self.words or self.text or text or "")
end

local function close(self)
  if self.tell then
    system.progress(self.tell)
    self.tell()
  end
  watched = self.outer
end

--- cs.job()
-- What an analysis is given to report with, for calling its `run` oneself: `local job <close> = cs.job()`. Until it is closed it hears how far the
-- engine's long calls are, and tells it as part of the whole. `job:progress(fraction, text[, to])`: a step begins at that fraction; with `to`, where
-- it ends, long calls in it move the bar from one to the other. `job:part(from, to)`: the fractions that follow are of this share of the whole.
function progress.open()
  local self = setmetatable({ told = 0, range = { from = 0, to = 1 }, step = { from = 0, to = 0 }, outer = watched }, { __index = job, __close = close })
  self.tell = system.progress(nil)
  if self.tell then
    system.progress(function(fraction, text) of_a_call(self, fraction, text) end)
    watched = self
    tell(self, 0, "beginning")
  end
  return self
end

-- Batches of images begin: what progress.batch is given, nil where nobody listens or the step does not move. Batches may be gone through within a batch.
function progress.batches()
  local self = watched
  local range = self and (self.batch or self.step)
  return range and range.to > range.from and { step = self.step, range = range, outer = self.batch } or nil
end

-- A batch, images `first` to `first + count - 1` of `all`: the bar moves, unless another step began since; nil: the last one is over.
function progress.batch(at, first, count, all)
  local self = watched
  if not at or not self or at.step ~= self.step then return end
  if not first then
    self.batch = at.outer
    return
  end
  self.batch = { from = within(at.range, first / all), to = within(at.range, (first + count) / all) }
  if not at.outer then self.words = ("%s: %d of %d images"):format(self.text or "", first, all) end
  tell(self, self.batch.from, self.words or self.text or "")
end

return progress
