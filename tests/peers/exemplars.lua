-- exemplars.lua DATASET IMAGES THREADS: seconds that the strongest images of every feature of the seed network's convolutions take, and a
-- projection of each: what scripts/bench compares with PyTorch. Prints both, and how many projections were made.
local cs = require "convscope"
local spec, count, threads = ...
local clock = cs.engine.system.clock

cs.threads(math.tointeger(tonumber(threads)))
local data = assert(cs.dataset(spec, { size = 64 }))
local net = assert(cs.preset("seed", { classes = data.classes, seed = 1 }))
local images = data:images()
count = math.tointeger(tonumber(count))
assert(images.count >= count, ("%s has %d images, not %d"):format(spec, images.count, count))
images = images:sample(count, 1)
local start = clock()
local found = assert(cs.exemplars(net, images, { "conv1", "conv2", "conv3" }))
local searched = clock() - start
local made = 0
start = clock()
for _, exemplars in ipairs(found) do
  assert(exemplars:views())
  for f = 0, exemplars.features - 1 do made = made + #exemplars:list(f) end
end
print(("%.3f %.3f %d"):format(searched, clock() - start, made))
