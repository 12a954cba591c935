--- Occlusion: where the evidence for a class lies, and in which classes and pictures the background decides (Zeiler & Fergus 2014,
-- section 4.2, over a data set).
--
-- A grey square wanders over `images` pictures; what the probability of the true class loses, and what the strongest feature of the last
-- convolution loses, is the evidence there. On the object: the share of all losses that falls on it, against the share of the picture it covers
-- (lift 1: evidence lies as if spread evenly). Then, in `hidden` pictures, object and background are hidden whole: the background decides where the
-- probability without the object is higher than without the background; of a class, where a paired permutation test says so (q after Benjamini-Hochberg over
-- the classes), which fewer than six pictures cannot. Objects are the masks of the data set, else its boxes.
local cs = require "convscope"
local evidence = require "convscope.evidence"
local looking = require "convscope.looking"

-- Labelled test images, the first of which get maps.
local function labelled(data, opt)
  local images = looking.test_images(data, math.max(opt.images, opt.hidden), opt.seed)
  local known = {}
  for i, label in ipairs(images:labels()) do
    if label >= 0 then known[#known + 1] = i - 1 end
  end
  if #known == 0 then looking.fail("unsupported", "none of the images has a label, and it is the true class whose evidence is looked for") end
  return images:choose(known)
end

-- Of each picture that has an object: its number and class, how much of it the object covers, and the probability of its class without the object and
-- without the background.
local function without(job, net, data, images, layer)
  local out = {}
  job:progress(0, "objects and backgrounds hidden", 1)
  looking.batches(images, 32, function(some, first)
    local chosen, objects, found = {}, {}, {}
    for i = 0, some.count - 1 do
      local object = evidence.object(data, some:number(i))
      if object then
        chosen[#chosen + 1], objects[#objects + 1] = i, object:reshape { 1, images.height, images.width }
      end
    end
    if #chosen == 0 then return end
    local with, masks = some:choose(chosen), cs.concat(objects)
    local pixels, labels = with:pixels(), with:labels()
    for hidden = 0, 1 do found[hidden] = evidence.scores(net, with:with(evidence.hide(pixels, masks, hidden)), layer, labels) end
    for k, i in ipairs(chosen) do
      out[#out + 1] = { number = with:number(k - 1), class = labels[k], place = first + i, object = masks[k - 1], covers = masks[k - 1]:mean(),
        no_object = found[1][k], no_background = found[0][k], share = 0 / 0, response_share = 0 / 0 }
    end
  end)
  return out
end

-- Means with intervals of a group of pictures, and whether the background decides there: difference of probabilities, p.
local function summary(members, seed)
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

-- The first pictures and their maps of what is lost where the square lies.
local function show_maps(images, layer, loss, response_loss, result)
  local count, h, w = math.min(6, images.count), images.height, images.width
  result:picture("pictures", cs.mosaic(images:images(0, count):pixels(), { columns = count, photo = true, zoom = 2 }))
  result:mosaic("maps", cs.concat { loss:slice(0, count), response_loss:slice(0, count) }:reshape { 2 * count, h, w, 1 }, count,
    ("what is lost where the square lies: above, of the probability of the true class; below, of the strongest feature of %s"):format(layer.name))
  result:tensor("lost probability", loss)
end

-- The share of a map's losses that falls on the object of a picture.
local function share(map, one)
  local positive = map[one.place]:clamp(0, math.huge)
  local all = positive:sum()
  return all > 0 and (positive * one.object):sum() / all or 0 / 0
end

-- The pictures that have maps (the first `mapped` of the images), their shares on the object filled in.
local function on_objects(found, mapped, loss, response_loss)
  local seen = {}
  for _, one in ipairs(found) do
    if one.place < mapped then
      one.share, one.response_share = share(loss, one), share(response_loss, one)
      seen[#seen + 1] = one
    end
  end
  return seen
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
      local columns, more, p_class = summary(classes[class], seed)
      groups[#groups + 1] = { name = data:class_name(class), members = classes[class], columns = columns, more = more }
      p[#p + 1] = p_class
    end
  end
  return groups, p
end

-- The rows of all pictures and of the classes. What all of them say, and the names of the classes in which the background decides for sure, those in which it
-- does on average, how many classes there are and how many have too few pictures.
local function judge(found, data, seed, result)
  local all, difference, chance = summary(found, seed)
  local whole = { columns = all, difference = difference, chance = chance, told = #found >= 6 and chance < 0.05 }
  add(result, "network", "all classes", found, all, whole.told and difference > 0 and "yes" or "no", chance)
  local groups, p = by_class(found, data, seed)
  local q, classes = cs.statistics.fdr(p), { deciding = {}, on_average = {}, count = #groups, few = 0 }
  for k, group in ipairs(groups) do
    local n = #group.members
    local sure = n >= 6 and q[k] < 0.05
    add(result, "class", group.name, group.members, group.columns, group.more > 0 and (sure and "yes" or "not sure") or "no", q[k])
    if n < 6 then classes.few = classes.few + 1 end
    if group.more > 0 then table.insert(sure and classes.deciding or classes.on_average, group.name) end
  end
  return whole, classes
end

-- The rows of the pictures in which the background is worth most; in how many it is worth more than the object. Sorts `found`.
local function worst_pictures(found, data, most, result)
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

-- The answers: what decides, and how much of the evidence lies on objects, as far as there are maps.
local function answer(whole, found, seen, seed, result)
  result:verdict(("%s decides: probability of the true class %.2f without the object, %.2f without the background, over %d pictures (p = %.2g)"):format(
    not whole.told and "nothing tells whether object or background" or whole.difference > 0 and "the background" or "the object", whole.columns[4][1], whole.columns[5][1], #found,
    whole.chance))
  if #seen == 0 then return end
  local maps = summary(seen, seed)
  local more, _, p_more = looking.must(cs.statistics.paired(maps[1].values - maps[2].values, { seed = seed }))
  result:verdict(("%.0f %% [%.0f, %.0f] of the evidence lies on objects that cover %.0f %% (%d maps; %s if it were spread evenly, p = %.2g), and %.0f %% of what the strongest feature answers to"):format(
    100 * maps[1][1], 100 * maps[1][2], 100 * maps[1][3], 100 * maps[2][1], #seen, p_more >= 0.05 and "not told apart from what lay there" or more > 0
    and "more than would lie there" or "less than would lie there", p_more, 100 * maps[3][1]))
end

local function note_classes(classes, result)
  if #classes.on_average > 0 then
    result:note(("without the background less is lost than without the object, on average but not for sure, in %d more classes: %s"):format(#classes.on_average,
      table.concat(classes.on_average, ", ")))
  end
  if classes.few > 0 then result:note(("%d of %d classes have fewer than six pictures here: too few to be sure of"):format(classes.few, classes.count)) end
  return result:note(#classes.deciding > 0 and ("in %d of %d classes the background decides (FDR 5 %%): %s"):format(#classes.deciding, classes.count,
    table.concat(classes.deciding, ", ")) or ("in none of %d classes the background is sure to decide (FDR 5 %%)"):format(classes.count))
end

return {
  title = "where the evidence lies: on the object or on the background, by class and picture",
  options = { images = 64, hidden = 4000, size = 16, stride = 8, worst = 12, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = labelled(data, opt), looking.layers(net, "all")
    local layer, mapped = layers[#layers], images:images(0, math.min(opt.images, images.count))
    job:part(0, 0.7)
    local loss, response_loss = evidence.maps(job, net, mapped, layer, opt.size, opt.stride)
    local result = cs.result { "what", "name", "images", "on the object", "low", "high", "object covers", "feature on the object", "without the object",
      "without the background", "background decides", "q", "image" }
    show_maps(mapped, layer, loss, response_loss, result)
    job:part(0.7, 0.97)
    local found = without(job, net, data, images, layer)
    if #found == 0 then
      return result:note(("no box and no mask on any of %d images: there are maps, but nobody can say what lies on the object; shapes and Tiny "
        .. "ImageNet's validation images have boxes"):format(images.count))
    end
    job:progress(1, "intervals and tests")
    local seen = on_objects(found, mapped.count, loss, response_loss)
    local whole, classes = judge(found, data, opt.seed, result)
    local worst = worst_pictures(found, data, opt.worst, result)
    answer(whole, found, seen, opt.seed, result)
    result:note(("in %d of %d pictures the background is worth more than the object"):format(worst, #found))
    return note_classes(classes, result)
  end,
}
