-- ranking.lua: a layer's features in an order, as the browser sorts them.
local cs = require "convscope"
local order = require "convscope.order"

-- How much a feature fires for one class more than for the others, from its strongest activation on every image: Morcos et al. 2018, as
-- the browser shows it. Classes of fewer than three images are no best one.
local function selectivity(exemplars, feature, labels, of)
  local sums, sum, seen, best = {}, 0, 0, nil
  for _, entry in ipairs(exemplars:list(feature)) do
    local class = labels[entry.position]
    if class then
      sums[class] = (sums[class] or 0) + math.max(entry.value, 0)
      sum = sum + math.max(entry.value, 0)
    end
  end
  for class, count in pairs(of) do
    seen = seen + count
    local mean = (sums[class] or 0) / count
    if count >= 3 and (not best or mean > best.mean or (mean == best.mean and class < best.class)) then
      best = { class = class, mean = mean, sum = sums[class] or 0, count = count }
    end
  end
  if not best or sum <= 0 or seen <= best.count then return nil end
  local rest = (sum - best.sum) / (seen - best.count)
  return (best.mean - rest) / (best.mean + rest)
end

local ways = {
  index = function(_, feature) return -feature end,
  strongest = function(exemplars, feature) return (exemplars:list(feature)[1] or { value = 0 }).value end,
  ["fires on"] = function(exemplars, feature) return exemplars:fired(feature) end,
  mean = function(exemplars, feature) return exemplars:mean(feature) end,
  selectivity = selectivity,
}

--- cs.ranking(net, images, layer[, by])
-- The features of a layer as a list, the first one first: by "strongest" (the strongest activation on any of the images), "fires on" (on
-- how many), "mean" (of the strongest activation on each), "selectivity" (for one class) or "index". The second result is a table of what
-- they are sorted by, by feature; what is not known comes last and has none.
return function(net, images, layer, by)
  by = by or "strongest"
  local way = ways[by]
  if not way then error(("cs.ranking: no order '%s'; there are strongest, fires on, mean, selectivity, index"):format(tostring(by)), 2) end
  local all = by == "selectivity"
  local exemplars, message, code = cs.exemplars(net, images, layer, { top = all and math.max(images.count, 1) or 1 })
  if not exemplars then return nil, message, code end
  local labels, of = {}, {}
  for i = 0, all and images.count - 1 or -1 do
    local class = images:label(i)
    labels[i] = class
    if class then of[class] = (of[class] or 0) + 1 end
  end
  local values = {}
  for feature = 0, exemplars.features - 1 do values[feature] = way(exemplars, feature, labels, of) end
  return order(values, exemplars.features), values
end
