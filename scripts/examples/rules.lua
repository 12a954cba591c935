-- rules.lua: one feature, one image, the eight backward rules side by side, on one scale each and on a shared one.
-- convscope run scripts/examples/rules.lua [DIRECTORY]
local cs = require "convscope"
local out = arg[1] or "example-rules"

local data = assert(cs.dataset("shapes:count=2400,cause=colour", { size = 32 }))
local net = assert(cs.preset("demo", { classes = data.classes, size = 32, widths = "8-16" }))
assert(cs.train(net, data, { epochs = 3, optimizer = cs.adam { rate = 0.003 } }))

local images = data.test:images(0, 16)
local trace <close> = assert(net:trace(images))
local layer = assert(net:layer "last conv")

-- The feature that answers most strongly anywhere in these images.
local best
for f = 0, layer.features - 1 do
  local found = trace:strongest(layer.name, f)
  if not best or found.value > best.value then
    best = found
    best.feature = f
  end
end
print(("feature %d of %s fires most on image %d, at row %d, column %d: %.3f"):format(best.feature, layer.name, best.image, best.row,
  best.column, best.value))

local views = {}
for i, rule in ipairs(cs.rules) do
  local seen, info = cs.project(trace, layer.name, { feature = best.feature, at = best, rule = rule })
  assert(seen, info)
  views[i] = seen:reshape { 1, table.unpack(seen.shape) }
  print(("  %-10s norm %8.4f  from %8.4f to %8.4f"):format(rule, info.norm, info.min, info.max))
end
local all = cs.concat(views)

assert(cs.engine.system.make_directories(out))
assert(images:picture(best.image):save(out .. "/image.png"))
assert(cs.mosaic(all, { columns = 4, zoom = 4 }):save(out .. "/rules.png"))
assert(cs.mosaic(all, { columns = 4, zoom = 4, shared = true }):save(out .. "/rules-shared.png"))
assert(all:save(out .. "/rules.h5", "projections"))
