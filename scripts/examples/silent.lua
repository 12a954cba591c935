-- silent.lua: features that never fire, and how the learning rate makes them: the same network trained at three rates.
-- convscope run scripts/examples/silent.lua
local cs = require "convscope"

local data = assert(cs.dataset("shapes:count=2000,cause=colour", { size = 32 }))

-- How many features of a layer are above 0 on none of the images.
local function silent(net, images, layer)
  local found = assert(cs.exemplars(net, images, layer, { top = 1 }))
  local count = 0
  for f = 0, found.features - 1 do
    if found:fired(f) == 0 then count = count + 1 end
  end
  return count, found.features
end

local result = cs.result { "rate", "layer", "silent", "features", "accuracy" }
for _, rate in ipairs { 0.005, 0.05, 0.5 } do
  local net <close> = assert(cs.network {
    input = { 32, 32, 3 }, seed = 1,
    cs.conv { 16, 5, activation = "relu" }, cs.maxpool { 2 },
    cs.conv { 32, 3, activation = "relu" }, cs.maxpool { 2 },
    cs.dense { data.classes, activation = "softmax" },
  })
  local run, message = cs.train(net, data, { epochs = 2, rate = rate, optimizer = cs.sgd { momentum = 0.9, clip_norm = 5 } })
  if not run then
    result:note(("rate %g: %s"):format(rate, message))
  else
    local accuracy = assert(net:accuracy(data.test))
    for _, layer in ipairs { "conv1", "conv2" } do
      local count, of = silent(net, data.test, layer)
      result:add(rate, layer, count, of, accuracy)
    end
  end
end
print(result:text())
