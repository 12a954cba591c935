-- compare.lua: two networks on the same images: who is right where the other is wrong, and is the difference chance (McNemar)?
-- convscope run scripts/examples/compare.lua [MODEL MODEL]; without models two small ones are trained.
local cs = require "convscope"

local data = assert(cs.dataset("shapes:count=1500,cause=colour", { size = 32 }))
local function small(widths, seed)
  local net = assert(cs.preset("demo", { classes = data.classes, size = 32, widths = widths, seed = seed }))
  assert(cs.train(net, data, { epochs = 2, seed = seed, optimizer = cs.adam { rate = 0.003 } }))
  return net
end

local nets = {}
if arg[1] and arg[2] then
  nets = { assert(cs.load(arg[1])), assert(cs.load(arg[2])) }
  data = assert(cs.dataset(nets[1].dataset or "shapes", { height = nets[1].input[1], width = nets[1].input[2] }))
else
  nets = { small("8", 1), small("8-16", 2) }
end

local images, predicted = data.test, {}
for i, net in ipairs(nets) do
  local found = assert(net:evaluate(images))
  predicted[i] = found.predicted
  print(("network %d: %s parameters, accuracy %.2f %%, loss %.4f"):format(i - 1, net.parameters, 100 * found.accuracy, found.loss))
end

-- Images that one tells and the other does not.
local only = { 0, 0 }
for i, label in ipairs(images:labels()) do
  local first, second = predicted[1][i] == label, predicted[2][i] == label
  if first and not second then only[1] = only[1] + 1 end
  if second and not first then only[2] = only[2] + 1 end
end
print(("only the first is right on %d images, only the second on %d"):format(only[1], only[2]))

-- Exact two-sided binomial test: under chance each of these images falls to either side alike.
local n, k, tail, term = only[1] + only[2], math.min(only[1], only[2]), 0, 1
for i = 0, k do
  if i > 0 then term = term * (n - i + 1) / i end
  tail = tail + term
end
print(("McNemar, exact: p = %.3g"):format(n == 0 and 1 or math.min(1, 2 * tail * 0.5 ^ n)))
