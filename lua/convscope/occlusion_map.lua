-- occlusion_map.lua: where in one image the evidence lies, as the browser's occlusion screen finds it (Zeiler & Fergus 2014, section 4.2).
local cs = require "convscope"

local ROUNDS, BATCH, GREY = 3, 8, 128

-- A number as single precision holds it: sums are the browser's to the bit.
local function single(value)
  return (string.unpack("f", string.pack("f", value)))
end

-- The probability of a class (from 1) in a list of scores.
local function probability(scores, class)
  local most, sum = -math.huge, 0
  for _, score in ipairs(scores) do most = math.max(most, score) end
  for _, score in ipairs(scores) do sum = sum + math.exp(single(score - most)) end
  return single(math.exp(single(scores[class] - most)) / sum)
end

local function fires(trace, layer, feature, image)
  local value = trace:strongest(layer, feature, image).value
  return value == value and value or 0
end

-- What is watched, with nothing hidden.
local function look_whole(net, image, layer, feature)
  local trace <close> = assert(net:trace(image))
  local found = { feature = feature, fires = -math.huge }
  local scores = #net.output == 1 and trace:scores()[0]:tolist()
  if scores then
    local label, best = image:label(0), 1
    for c = 2, #scores do
      if scores[c] > scores[best] then best = c end
    end
    found.class = label and label < #scores and label or best - 1
    found.whole = probability(scores, found.class + 1)
  end
  for f = feature or 0, feature or layer.features - 1 do
    local value = fires(trace, layer.index, f, 0)
    if value > found.fires then found.feature, found.fires = f, value end
  end
  return found
end

-- The places of the square in one round, `step` apart, without those of the round before.
local function places(height, width, size, step, round)
  local out, half, r = {}, size // 2, 0
  for top = -half, height - half - 1, step do
    local c = 0
    for left = -half, width - half - 1, step do
      if round == 0 or r % 2 == 1 or c % 2 == 1 then out[#out + 1] = { top, left } end
      c = c + 1
    end
    r = r + 1
  end
  return out
end

-- Add what was lost at one place to the sums of the pixels it hid.
local function add(sums, at, size, height, width, lost)
  for y = math.max(at[1], 0), math.min(at[1] + size, height) - 1 do
    for x = math.max(at[2], 0), math.min(at[2] + size, width) - 1 do
      local i = y * width + x + 1
      sums.cover[i] = sums.cover[i] + 1
      sums.probability[i] = single(sums.probability[i] + lost.probability)
      sums.activation[i] = single(sums.activation[i] + lost.activation)
    end
  end
end

local function try(net, image, layer, found, some, size, sums)
  local hidden = {}
  for i, at in ipairs(some) do
    hidden[i] = cs.perturb.occlude(image, at[1], at[2], size, { GREY, GREY, GREY }):pixels()
  end
  local trace <close> = assert(net:trace(cs.images(cs.concat(hidden))))
  local scores = found.class and trace:scores():tolist()
  for i, at in ipairs(some) do
    add(sums, at, size, image.height, image.width, {
      probability = scores and single(found.whole - probability(scores[i], found.class + 1)) or 0,
      activation = single(found.fires - fires(trace, layer.index, found.feature, i - 1)),
    })
  end
end

--- cs.occlusion_map(net, image, layer[, feature])
-- Hide each place of an image (images: their first; or a picture) behind a grey square of a quarter of its side, in ever smaller steps, and see what is lost: a table
-- with `class` (the true one, else the one that is named; nil: there are no classes), `whole` (its probability with nothing hidden), `probability`
-- (a tensor [height,width,1]: what that loses, on average, when the pixel is hidden), `feature` (the one asked for, else the strongest of the layer), `fires`
-- (its strongest activation) and `activation` (what that loses). nil, message, code when the layer is none.
return function(net, image, layer, feature)
  local at, message, code = net:layer(layer)
  if not at then return nil, message, code end
  if getmetatable(image).__name == "picture" then
    image = cs.images(image:fit(net.input[2], net.input[1]):pixels():reshape { 1, net.input[1], net.input[2], 3 })
  end
  image = image:images(0, 1)
  local height, width = image.height, image.width
  local found, size = look_whole(net, image, at, feature), math.max(math.min(height, width) // 4, 2)
  local sums, step = { probability = {}, activation = {}, cover = {} }, size
  for i = 1, height * width do sums.probability[i], sums.activation[i], sums.cover[i] = 0, 0, 0 end
  for round = 0, ROUNDS - 1 do
    if step < 1 then break end
    local all = places(height, width, size, step, round)
    for first = 1, #all, BATCH do
      try(net, image, at, found, table.move(all, first, math.min(first + BATCH - 1, #all), 1, {}), size, sums)
    end
    step = step // 2
  end
  for _, name in ipairs { "probability", "activation" } do
    for i, cover in ipairs(sums.cover) do sums[name][i] = cover > 0 and sums[name][i] / cover or sums[name][i] end
    found[name] = cs.tensor(sums[name]):reshape { height, width, 1 }
  end
  return found
end
