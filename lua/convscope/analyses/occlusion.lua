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
local object_or_background = require "convscope.object_or_background"

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

-- How much of the evidence lies on objects, and whether that is more than would lie there by chance.
local function tell_maps(seen, seed, result)
  local maps = object_or_background.summary(seen, seed)
  local more, _, p_more = looking.must(cs.statistics.paired(maps[1].values - maps[2].values, { seed = seed }))
  result:verdict(("%.0f %% [%.0f, %.0f] of the evidence lies on objects that cover %.0f %% (%d maps; %s if it were spread evenly, p = %.2g), and %.0f %% of what the strongest feature answers to"):format(
    100 * maps[1][1], 100 * maps[1][2], 100 * maps[1][3], 100 * maps[2][1], #seen, p_more >= 0.05 and "not told apart from what lay there" or more > 0
    and "more than would lie there" or "less than would lie there", p_more, 100 * maps[3][1]))
end

return {
  title = "where the evidence lies: on the object or on the background, by class and picture",
  options = { images = 64, hidden = 4000, size = 16, stride = 8, worst = 12, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = labelled(data, opt), looking.layers(net, "all")
    local layer, mapped = layers[#layers], images:images(0, math.min(opt.images, images.count))
    job:part(0, 0.7)
    local loss, response_loss = evidence.maps(job, net, mapped, layer, opt.size, opt.stride)
    local result = cs.result(object_or_background.columns)
    show_maps(mapped, layer, loss, response_loss, result)
    job:part(0.7, 0.97)
    local found = without(job, net, data, images, layer)
    if #found == 0 then
      return result:note(("no box and no mask on any of %d images: there are maps, but nobody can say what lies on the object; shapes and Tiny "
        .. "ImageNet's validation images have boxes"):format(images.count))
    end
    job:progress(1, "intervals and tests")
    local seen = on_objects(found, mapped.count, loss, response_loss)
    local whole, classes = object_or_background.judge(found, data, opt.seed, result)
    local worst = object_or_background.worst_pictures(found, data, opt.worst, result)
    object_or_background.tell(whole, #found, result)
    if #seen > 0 then tell_maps(seen, opt.seed, result) end
    result:note(("in %d of %d pictures the background is worth more than the object"):format(worst, #found))
    return object_or_background.note_classes(classes, result)
  end,
}
