-- object_or_background.lua: whether the object or the background decides, of all pictures, of a class and of a single picture.
--
-- Pictures are tables: `number` and `class`, the probability of the class without the object (`no_object`) and without the background (`no_background`), how much
-- of the picture the object `covers`, and the shares of a map's losses that fall on it, of the probability (`share`) and of a feature (`response_share`), NaN
-- without a map.
local cs = require "convscope"
local looking = require "convscope.looking"

local object_or_background = {}

local FEW = 6 -- of fewer pictures a paired permutation test cannot be sure

-- Of the table whose rows are added here.
object_or_background.columns = { "what", "name", "images", "on the object", "low", "high", "object covers", "feature on the object", "without the object",
  "without the background", "background decides", "q", "image" }

-- Means with intervals of a group of pictures, and whether the background decides there: difference of probabilities, p.
function object_or_background.summary(members, seed)
  local columns = {}
  for k, key in ipairs { "share", "covers", "response_share", "no_object", "no_background" } do
    local values = {}
    for i, one in ipairs(members) do values[i] = one[key] end
    columns[k] = { looking.must(cs.statistics.bootstrap(values, { seed = seed })) }
    columns[k].values = cs.tensor(values)
  end
  local difference, _, p = looking.must(cs.statistics.paired(columns[4].values - columns[5].values, { seed = seed }))
  return columns, difference, p
end

-- A row of the table for a group of pictures.
local function add(result, what, name, members, columns, decides, q)
  result:add(what, name, #members, columns[1][1], columns[1][2], columns[1][3], columns[2][1], columns[3][1], columns[4][1], columns[5][1],
    decides, q, 0 / 0)
end

-- The pictures class by class: a group each, with its summary, and the chances of their differences.
local function by_class(found, data, seed)
  local classes, groups, p = {}, {}, {}
  for _, one in ipairs(found) do
    classes[one.class] = classes[one.class] or {}
    table.insert(classes[one.class], one)
  end
  for class = 0, data.classes - 1 do
    if classes[class] then
      local columns, more, p_class = object_or_background.summary(classes[class], seed)
      groups[#groups + 1] = { name = data:class_name(class), members = classes[class], columns = columns, more = more }
      p[#p + 1] = p_class
    end
  end
  return groups, p
end

-- The rows of all pictures and of the classes. What all of them say, and the names of the classes in which the background decides for sure, those in which it
-- does on average, how many classes there are and how many have too few pictures.
function object_or_background.judge(found, data, seed, result)
  local all, difference, chance = object_or_background.summary(found, seed)
  local whole = { columns = all, difference = difference, chance = chance, told = #found >= FEW and chance < 0.05 }
  add(result, "network", "all classes", found, all, whole.told and difference > 0 and "yes" or "no", chance)
  local groups, p = by_class(found, data, seed)
  local q, classes = cs.statistics.fdr(p), { deciding = {}, on_average = {}, count = #groups, few = 0 }
  for k, group in ipairs(groups) do
    local n = #group.members
    local sure = n >= FEW and q[k] < 0.05
    add(result, "class", group.name, group.members, group.columns, group.more > 0 and (sure and "yes" or "not sure") or "no", q[k])
    if n < FEW then classes.few = classes.few + 1 end
    if group.more > 0 then table.insert(sure and classes.deciding or classes.on_average, group.name) end
  end
  return whole, classes
end

-- The rows of the pictures in which the background is worth most; in how many it is worth more than the object. Sorts `found`.
function object_or_background.worst_pictures(found, data, most, result)
  local worst = 0
  table.sort(found, function(a, b)
    local x, y = a.no_object - a.no_background, b.no_object - b.no_background
    if x ~= y then return x > y end
    return a.number < b.number
  end)
  for i, one in ipairs(found) do
    worst = worst + (one.no_object > one.no_background and 1 or 0)
    if i <= most and one.no_object > one.no_background then
      result:add("picture", data:sample(one.number).name, 1, one.share, one.share, one.share, one.covers, one.response_share, one.no_object, one.no_background, "yes",
        0 / 0, one.number)
    end
  end
  return worst
end

-- The answer over all pictures: what decides.
function object_or_background.tell(whole, count, result)
  result:verdict(("%s decides: probability of the true class %.2f without the object, %.2f without the background, over %d pictures (p = %.2g)"):format(
    not whole.told and "nothing tells whether object or background" or whole.difference > 0 and "the background" or "the object", whole.columns[4][1], whole.columns[5][1], count,
    whole.chance))
end

-- The answer over the classes: in which the background decides.
function object_or_background.note_classes(classes, result)
  if #classes.on_average > 0 then
    result:note(("without the background less is lost than without the object, on average but not for sure, in %d more classes: %s"):format(#classes.on_average,
      table.concat(classes.on_average, ", ")))
  end
  if classes.few > 0 then result:note(("%d of %d classes have fewer than six pictures here: too few to be sure of"):format(classes.few, classes.count)) end
  return result:note(#classes.deciding > 0 and ("in %d of %d classes the background decides (FDR 5 %%): %s"):format(#classes.deciding, classes.count,
    table.concat(classes.deciding, ", ")) or ("in none of %d classes the background is sure to decide (FDR 5 %%)"):format(classes.count))
end

return object_or_background
