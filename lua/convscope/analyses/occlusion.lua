--- Occlusion: where the evidence for a class lies, and in which classes and pictures the background decides (Zeiler & Fergus 2014,
-- section 4.2, over a data set).
--
-- A grey square wanders over the picture; what the probability of the true class loses, and what the strongest feature of the last
-- convolution loses, is the evidence there. On the object: the share of all losses that falls on it, against the share of the picture it covers
-- (lift 1: evidence lies as if spread evenly). Then object and background are hidden whole: the background decides where the probability without
-- the object is higher than without the background. Objects are the masks of the data set, else its boxes.
local cs = require "convscope"
local looking = require "convscope.looking"

-- The object of image number i as [h,w] of 0 and 1, or nil.
local function object(data, number)
  if data.has_masks then return looking.must(data:mask(number)) end
  local box = data:sample(number).box
  if not box then return nil end
  local out = cs.tensor({ data.height, data.width }, 0)
  for y = box.top, box.bottom - 1 do for x = box.left, box.right - 1 do out[{ y, x }] = 1 end end
  return out
end

-- Where objects[i] is `hidden` (1: the object, 0: the background), grey.
local function hide(pixels, objects, hidden)
  local keep = hidden == 1 and 1 - objects or objects
  local wide = keep:reshape { -1, 1 }:dot(cs.tensor({ 1, 3 }, 1)):reshape(pixels.shape)
  return pixels * wide + (1 - wide) * 127.5
end

return {
  title = "where the evidence lies: on the object or on the background, by class and picture",
  options = { images = 64, size = 16, stride = 8, worst = 12, seed = 0 },

  run = function(job, net, data, opt)
    local images, layers = looking.test_images(data, opt.images, opt.seed), looking.layers(net, "all")
    local layer, classes = layers[#layers], {}
    local labels, known = images:labels(), {}
    for i = 0, images.count - 1 do
      if labels[i + 1] >= 0 then known[#known + 1] = i end
    end
    if #known == 0 then return nil, "occlusion: none of the images has a label, and it is the true class whose evidence is looked for", "unsupported" end
    images = images:choose(known)
    labels = images:labels()
    local pixels = images:pixels()
    local n, h, w = images.count, images.height, images.width
    local function scores(changed)
      local responses, out = looking.responses(net, changed, { layer }, "max")
      local e = (out - out:max()):exp():tolist() -- softmax
      for i, row in ipairs(e) do
        local sum = 0
        for _, x in ipairs(row) do sum = sum + x end
        e[i] = row[labels[i] + 1] / sum
      end
      return e, responses[1]
    end
    job:progress(0, "the pictures as they are")
    local whole, fires = scores(images)
    local feature, base = fires:argmax(1):tolist(), {}
    for i, f in ipairs(feature) do base[i] = fires[{ i - 1, math.tointeger(f) }] end
    -- losses, spread over the pixels that were hidden together
    local loss, fire_loss, cover = cs.tensor({ n, h, w }, 0), cs.tensor({ n, h, w }, 0), cs.tensor({ h, w }, 0)
    local steps = {}
    for top = -opt.size // 2, h - opt.size // 2, opt.stride do
      for left = -opt.size // 2, w - opt.size // 2, opt.stride do steps[#steps + 1] = { top, left } end
    end
    for k, at in ipairs(steps) do
      job:progress(k / #steps, ("square at row %d, column %d"):format(at[1], at[2]))
      local hidden, responses = scores(cs.perturb.occlude(images, at[1], at[2], opt.size))
      -- a plane of ones on the square
      local square = cs.perturb.occlude(cs.tensor({ 1, h, w, 3 }, 0), at[1], at[2], opt.size, { 1, 1, 1 }):slice(0, 1, 3):reshape { h * w }
      local drops, fire_drops = {}, {}
      for i = 1, n do
        drops[i] = { whole[i] - hidden[i] }
        fire_drops[i] = { base[i] - responses[{ i - 1, math.tointeger(feature[i]) }] }
      end
      local row = square:reshape { 1, h * w }
      loss = loss + cs.tensor(drops):dot(row):reshape { n, h, w }
      fire_loss = fire_loss + cs.tensor(fire_drops):dot(row):reshape { n, h, w }
      cover = cover + square:reshape { h, w }
    end
    loss, fire_loss = loss / cover, fire_loss / cover
    local result = cs.result { "what", "name", "images", "on the object", "low", "high", "object covers", "feature on the object", "without the object",
      "without the background", "background decides", "image" }
    local count = math.min(6, n)
    local maps = cs.concat { loss:slice(0, count), fire_loss:slice(0, count) }:reshape { 2 * count, h, w, 1 }
    result:picture("pictures", cs.mosaic(pixels:slice(0, count), { columns = count, photo = true, zoom = 2 }))
    result:mosaic("lost probability above, lost response of the strongest feature below", maps, count)
    result:tensor("lost probability", loss)

    local objects, missing = {}, 0
    for i = 0, n - 1 do
      local mask = object(data, images:number(i))
      missing = missing + (mask and 0 or 1)
      objects[i + 1] = mask and mask:reshape { 1, h, w }
    end
    if missing > 0 then
      return result:note(("%d of %d images have no box and no mask: there are maps, but nobody can say what lies on the object; shapes and Tiny "
        .. "ImageNet's validation images have boxes"):format(missing, n))
    end
    objects = cs.concat(objects)
    job:progress(nil, "objects and backgrounds hidden")
    local no_object, no_background = scores(images:with(hide(pixels, objects, 1))), scores(images:with(hide(pixels, objects, 0)))
    local per = {}
    local function share(map, i)
      local positive = map[i]:clamp(0, math.huge)
      local all = positive:sum()
      return all > 0 and (positive * objects[i]):sum() / all or 0 / 0
    end
    for i = 0, n - 1 do
      per[i + 1] = { share(loss, i), objects[i]:mean(), share(fire_loss, i), no_object[i + 1], no_background[i + 1], number = images:number(i) }
      for _, group in ipairs { "all", labels[i + 1] } do
        classes[group] = classes[group] or {}
        table.insert(classes[group], per[i + 1])
      end
    end
    local function summary(what, name, members)
      local columns = {}
      for k = 1, 5 do
        local values = {}
        for i, one in ipairs(members) do values[i] = one[k] end
        columns[k] = { looking.must(cs.statistics.bootstrap(values, { seed = opt.seed })) }
        columns[k].values = cs.tensor(values)
      end
      local difference, _, p = looking.must(cs.statistics.paired(columns[4].values - columns[5].values, { seed = opt.seed }))
      local decides = difference > 0 and (#members < 6 or p < 0.05)
      result:add(what, name, #members, columns[1][1], columns[1][2], columns[1][3], columns[2][1], columns[3][1], columns[4][1], columns[5][1],
        decides and "yes" or "no", 0 / 0)
      return decides, columns
    end
    local decides, columns = summary("network", "all classes", classes.all)
    local deciding = {}
    for class = 0, data.classes - 1 do
      if classes[class] and summary("class", data:class_name(class), classes[class]) then deciding[#deciding + 1] = data:class_name(class) end
    end
    table.sort(per, function(a, b)
      if a[4] - a[5] ~= b[4] - b[5] then return a[4] - a[5] > b[4] - b[5] end
      return a.number < b.number
    end)
    for i = 1, math.min(opt.worst, n) do
      local one = per[i]
      if one[4] > one[5] then
        result:add("picture", data:sample(one.number).name, 1, one[1], one[1], one[1], one[2], one[3], one[4], one[5], "yes", one.number)
      end
    end
    result:note(("the %s decides: probability of the true class %.2f without the object, %.2f without the background; %.0f %% of the evidence lies on objects "
      .. "that cover %.0f %%"):format(decides and "background" or "object", columns[4][1], columns[5][1], 100 * columns[1][1], 100 * columns[2][1]))
    return result:note(#deciding > 0 and "classes where the background decides: " .. table.concat(deciding, ", ") or "in no class the background decides")
  end,
}
