-- features.lua: the strongest features of a layer, each with the images that excite it most and what it saw in them.
-- convscope run scripts/examples/features.lua [DIRECTORY [MODEL]]; without a model a small one is trained first.
local cs = require "convscope"
local out, model = arg[1] or "example-features", arg[2]

local data = assert(cs.dataset("shapes:count=2400,cause=colour", { size = 32 }))
local net
if model then
  net = assert(cs.load(model))
  data = assert(cs.dataset("shapes:count=2400,cause=colour", { height = net.input[1], width = net.input[2] }))
else
  net = assert(cs.preset("demo", { classes = data.classes, size = 32, widths = "8-16" }))
  assert(cs.train(net, data, { epochs = 3, optimizer = cs.adam { rate = 0.003 } }))
end

local layer = assert(net:layer "last conv")
local found = assert(cs.exemplars(net, data.test, layer.name, { top = 9 }))
local views = assert(found:views { rule = "deconvnet" })

-- Features by how strongly they answer on average.
local order = {}
for f = 0, found.features - 1 do order[#order + 1] = f end
table.sort(order, function(a, b) return found:mean(a) > found:mean(b) end)

assert(cs.engine.system.make_directories(out))
for rank = 1, math.min(6, #order) do
  local f = order[rank]
  local classes = {}
  for _, item in ipairs(found:list(f)) do
    local name = data:class_name(data.test:label(item.position))
    classes[name] = (classes[name] or 0) + 1
  end
  local words = {}
  for name, n in pairs(classes) do words[#words + 1] = ("%s %d"):format(name, n) end
  table.sort(words)
  print(("feature %2d  mean %.3f  fires on %d of %d  %s"):format(f, found:mean(f), found:fired(f), found.seen, table.concat(words, ", ")))
  local patches = cs.mosaic(views.patches:slice(9 * f, 9), { photo = true, columns = 3, zoom = 4 })
  local seen = cs.mosaic(views.projections:slice(9 * f, 9), { columns = 3, zoom = 4 })
  assert(cs.mosaic({ patches, seen }, { columns = 2, gap = 4 }):save(("%s/feature%d.png"):format(out, f)))
end
