-- evidence.lua: where in pictures the evidence for their class lies, by hiding parts of them.
local cs = require "convscope"
local looking = require "convscope.looking"

local evidence = {}

-- The object of image number i of a data set as [h,w] of 0 and 1, from its mask or else its box; or nil.
function evidence.object(data, number)
  if data.has_masks then return looking.must(data:mask(number)) end
  local box = data:sample(number).box
  if not box then return nil end
  local out = cs.tensor({ data.height, data.width }, 0)
  for y = box.top, box.bottom - 1 do for x = box.left, box.right - 1 do out[{ y, x }] = 1 end end
  return out
end

-- Pixels [n,h,w,3], grey where objects [n,h,w] are `hidden` (1: the object, 0: the background).
function evidence.hide(pixels, objects, hidden)
  local keep = hidden == 1 and 1 - objects or objects
  local wide = keep:reshape { -1, 1 }:dot(cs.tensor({ 1, 3 }, 1)):reshape(pixels.shape)
  return pixels * wide + (1 - wide) * 127.5
end

-- The probability of each image's class in `labels`, as a list, and the strongest response of each of a layer's features [n,features].
function evidence.scores(net, images, layer, labels)
  local responses, out = looking.responses(net, images, { layer }, "max")
  local list = (out - out:max()):exp():tolist() -- softmax
  for i, row in ipairs(list) do
    local sum = 0
    for _, x in ipairs(row) do sum = sum + x end
    list[i] = row[labels[i] + 1] / sum
  end
  return list, responses[1]
end

-- Maps [n,h,w] of what is lost where a grey square of `size` lies, moved on by `stride`, spread over the pixels that were hidden together: of the true class'
-- probability, and of the response of the layer's feature that fires most in the picture.
function evidence.maps(job, net, images, layer, size, stride)
  local n, h, w, labels = images.count, images.height, images.width, images:labels()
  job:progress(0, "the pictures as they are", 0.01)
  local whole, fires = evidence.scores(net, images, layer, labels)
  local feature, base, steps = fires:argmax(1):tolist(), {}, {}
  for i, f in ipairs(feature) do base[i] = fires[{ i - 1, math.tointeger(f) }] end
  local lost, lost_response, cover = cs.tensor({ n, h, w }, 0), cs.tensor({ n, h, w }, 0), cs.tensor({ h, w }, 0)
  for top = -size // 2, h - size // 2, stride do
    for left = -size // 2, w - size // 2, stride do steps[#steps + 1] = { top, left } end
  end
  for k, at in ipairs(steps) do
    job:progress((k - 1) / #steps, ("square at row %d, column %d"):format(at[1], at[2]), k / #steps)
    local hidden, responses = evidence.scores(net, cs.perturb.occlude(images, at[1], at[2], size), layer, labels)
    -- a plane of ones on the square
    local square = cs.perturb.occlude(cs.tensor({ 1, h, w, 3 }, 0), at[1], at[2], size, { 1, 1, 1 }):slice(0, 1, 3):reshape { 1, h * w }
    local drops, response_drops = {}, {}
    for i = 1, n do
      drops[i] = { whole[i] - hidden[i] }
      response_drops[i] = { base[i] - responses[{ i - 1, math.tointeger(feature[i]) }] }
    end
    lost = lost + cs.tensor(drops):dot(square):reshape { n, h, w }
    lost_response = lost_response + cs.tensor(response_drops):dot(square):reshape { n, h, w }
    cover = cover + square:reshape { h, w }
  end
  return lost / cover, lost_response / cover
end

return evidence
