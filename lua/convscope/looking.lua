-- looking.lua: what several analyses share: which layers hold features, their responses over many images, lists as options, intervals.
local cs = require "convscope"
local progress = require "convscope.progress"

local looking = {}

local failure = { __tostring = function(self) return self.message end }

-- What a user or the world got wrong ends an analysis: cs.analysis then returns nil, message, code.
function looking.fail(code, format, ...)
  error(setmetatable({ message = format:format(...), code = code }, failure))
end

-- As assert(), for what the engine returns as nil, message, code.
function looking.must(value, message, code, ...)
  if value == nil then looking.fail(code or "argument", "%s", message) end
  return value, message, code, ...
end

-- f(...), or nil, message, code when looking.fail() ended it; other errors go on, with where they were raised. What stumbles over a call that a
-- signal ended (it returned nil) was interrupted: "cancelled".
function looking.guarded(f, ...)
  local function told(ok, ...)
    if ok then return ... end
    local err = ...
    if getmetatable(err) == failure then return nil, err.message, err.code end
    local signal = cs.engine.system.interrupted()
    if signal then return nil, "interrupted by " .. signal, "cancelled" end
    error(err, 0)
  end
  return told(xpcall(f, function(err)
    return type(err) == "string" and not err:find("\nstack traceback:", 1, true) and debug.traceback(err, 2) or err
  end, ...))
end

-- The words of an option that is a list with commas between: at least one.
function looking.words(value, what)
  local out = {}
  for word in tostring(value):gmatch "[^,%s]+" do out[#out + 1] = word end
  if #out == 0 then looking.fail("argument", "option '%s' is empty; expected a list with commas between", what) end
  return out
end

-- The numbers of such an option, each from low to high where they are given.
function looking.numbers(value, what, low, high)
  local out = looking.words(value, what)
  for k, word in ipairs(out) do
    out[k] = tonumber(word) or looking.fail("argument", "option '%s' is '%s'; expected numbers with commas between", what, value)
    if low and not (out[k] >= low and out[k] <= high) then
      looking.fail("argument", "option '%s' holds %s; expected numbers from %g to %g", what, word, low, high)
    end
  end
  return out
end

-- Where the features of the convolution layers[i] (from 1) are read: at the activation right behind it, with a batch norm between them or not, or else
-- where they leave the convolution. An index into the list.
function looking.block_end(layers, i)
  local activation, behind = layers[i].spec.activation, i + 1
  if activation and activation ~= "linear" then return i end
  if layers[behind] and layers[behind].type == "batchnorm" then behind = behind + 1 end
  return layers[behind] and layers[behind].type == "activation" and behind or i
end

-- The layers where features are to be read: each convolution with the batch norm and the activation that belong to it, its block. A block bears the name
-- of its convolution; `index`, `output` and the rest are those of the layer at its end. `words`: "all", or names with commas between, a
-- convolution's for its block.
function looking.layers(net, words)
  local layers, blocks, at, out = net.layers, {}, {}, {}
  for i, layer in ipairs(layers) do
    if layer.type == "conv" then
      local last = looking.block_end(layers, i)
      local block = looking.must(net:layer(last - 1))
      block.name, block.convolution = layer.name, layer.index
      blocks[#blocks + 1], at[layer.index], at[block.index] = block, block, block
    end
  end
  for word in tostring(words or "all"):gmatch "[^,]+" do
    local layer = looking.must(net:layer(word == "all" and 0 or word))
    if word ~= "all" then out[#out + 1] = at[layer.index] or layer end
  end
  if #out > 0 then return out end
  if #blocks == 0 then looking.fail("unsupported", "the network has no convolutions, and this analysis looks at their features") end
  return blocks
end

-- What is to be said once of layers that are named after their convolutions but read behind them; nil where there are none.
function looking.blocks(net)
  local words, layers = {}, net.layers
  for i, layer in ipairs(layers) do
    local last = layer.type == "conv" and looking.block_end(layers, i) or i
    if last > i then
      for k = i + 1, last do words[#words + 1] = layers[k].description:gsub("^activation ", "") end
      return ("layers are called after their convolutions; what is looked at is what leaves their %s (%s stands for %s)"):format(table.concat(words, " and "),
        layer.name, layers[last].name)
    end
  end
end

-- The convolution whose features one of those layers holds.
function looking.convolution(net, layer)
  if layer.convolution then return net:layer(layer.convolution) end
  while layer.type ~= "conv" and layer.index > 0 do layer = net:layer(layer.index - 1) end
  return layer
end

-- Their names, with commas between.
function looking.names(layers)
  local words = {}
  for i, layer in ipairs(layers) do words[i] = layer.name end
  return table.concat(words, ", ")
end

-- The images in batches: f(images, first) for each. The step of the analysis that is told moves with them, where it says where it ends.
function looking.batches(images, size, f)
  local at = progress.batches()
  for first = 0, images.count - 1, size do
    local count = math.min(size, images.count - first)
    progress.batch(at, first, count, images.count)
    f(images:images(first, count), first)
  end
  progress.batch(at)
end

-- Each feature's response to each image, its "mean" activation over the map or the strongest ("max"): a tensor
-- [images,features] for each layer; and the network's scores.
function looking.responses(net, images, layers, how)
  if how ~= "mean" and how ~= "max" then looking.fail("argument", "option 'response' is '%s'; expected max or mean", how) end
  local parts, out, scores = {}, {}, {}
  looking.batches(images, 16, function(some)
    local trace <close> = looking.must(net:trace(some))
    for i, layer in ipairs(layers) do
      local map = trace:output(layer.index)
      parts[i] = parts[i] or {}
      for _ = 1, #layer.output - 1 do map = map[how](map, 1) end
      table.insert(parts[i], map:copy())
    end
    scores[#scores + 1] = trace:scores()
  end)
  for i in ipairs(layers) do out[i] = cs.concat(parts[i]) end
  return out, cs.concat(scores)
end

-- What cs.project is to show: the whole layer, for each of `count` images.
function looking.whole(count)
  local targets = {}
  for k = 0, count - 1 do targets[k + 1] = { image = k } end
  return targets
end

-- Each feature's strongest activation in each image of a trace: [images,features], a copy.
function looking.strongest(trace, layer)
  local map = trace:output(layer.index)
  for _ = 1, #layer.output - 1 do map = map:max(1) end
  return map:copy()
end

-- 1 where the highest score is the label, else 0: a vector.
function looking.correct(scores, labels)
  local best = scores:argmax(1):tolist()
  for i, class in ipairs(best) do best[i] = class == labels[i] and 1 or 0 end
  return cs.tensor(best)
end

-- The loss of each image, from scores [n,classes]: cross-entropy, a vector.
function looking.losses(scores, labels)
  local shifted, out = (scores - scores:max()):clamp(-80, 0), {}
  local sums = shifted:exp():sum(1)
  for i, label in ipairs(labels) do out[i] = math.log(sums[i - 1]) - shifted[{ i - 1, label }] end
  return cs.tensor(out)
end

-- All of them, over all values: how far b is from a, relative to a, for each image of two activations [n,...].
function looking.drift(a, b)
  local n = a.shape[1]
  local flat = a:reshape { n, -1 }
  return (flat - b:reshape { n, -1 }):norm(1) / flat:norm(1)
end

-- Vectors gathered under keys: add(key..., vector), then each(f) with the mean and interval of all that came under the keys.
function looking.gathering(seed)
  local lists, order = {}, {}
  return {
    add = function(_, key, vector)
      local name = table.concat(key, "\0")
      if not lists[name] then
        lists[name] = {}
        order[#order + 1] = { name = name, key = key }
      end
      table.insert(lists[name], vector)
    end,
    each = function(_, f)
      for _, entry in ipairs(order) do
        local values = cs.concat(lists[entry.name])
        local mean, low, high = looking.must(cs.statistics.bootstrap(values, { seed = seed }))
        f(entry.key, mean, low, high, values)
      end
    end,
  }
end

-- Series for a plot, from rows: one a name, in the order in which they come; `x`, `y` are numbers, and `low`, `high` where there are intervals.
function looking.series()
  local list, by_name = {}, {}
  return list, function(name, x, y, low, high)
    local one = by_name[name]
    if not one then
      one = { name = name, x = {}, y = {} }
      by_name[name], list[#list + 1] = one, one
    end
    for key, value in pairs { x = x, y = y, low = low, high = high } do
      one[key] = one[key] or {}
      table.insert(one[key], value)
    end
  end
end

-- 0 for what is no number in columns where `from` has numbers; columns that are silent in `from` stay no numbers.
function looking.filled(values, from)
  local list, before = values:tolist(), from:tolist()
  for i, row in ipairs(list) do
    for k, x in ipairs(row) do
      if x ~= x and before[i][k] == before[i][k] then row[k] = 0 end
    end
  end
  return cs.tensor(list)
end

-- The median of a list, NaN left out.
function looking.middle(list)
  local sorted = {}
  for _, x in ipairs(list) do if x == x then sorted[#sorted + 1] = x end end
  table.sort(sorted)
  return sorted[(#sorted + 1) // 2] or 0 / 0
end

-- Strongest responses to probes, over the responses to the last of them: notes and a bar chart of the last layer. A probe is
-- { name, ... }; make(net, probe) gives its images.
function looking.probe(job, net, layers, probes, make, result, options)
  local bars, lows, highs, names, last = {}, {}, {}, {}, layers[#layers]
  local strongest = {}
  for k, probe in ipairs(probes) do
    job:progress((k - 1) / #probes, "probe: " .. probe[1], k / #probes)
    local trace <close> = looking.must(net:trace(make(net, probe)))
    local map = trace:output(last.index)
    if #last.output == 3 then map = map:max(1):max(1) end
    strongest[k], names[k] = map:mean(1), probe[1]
  end
  local against = strongest[#probes]:mean()
  for k in ipairs(probes) do
    local mean, low, high = looking.must(cs.statistics.bootstrap(strongest[k] / against, options))
    bars[k], lows[k], highs[k] = mean, low, high
    result:note(("probe %s against black: %s responds %.2f [%.2f, %.2f] of what it does to %s"):format(names[k], last.name, mean, low, high,
      names[#names]))
  end
  result:plot("probes", cs.plot { title = last.name .. ": response to edges against black", y_label = "of the response to white", categories = names,
    series = { { kind = "bars", y = bars, low = lows, high = highs } } })
end

-- At most n images of the test split, of another one where it is empty.
function looking.test_images(data, n, seed)
  local images = data.test.count > 0 and data.test or data.val.count > 0 and data.val or data.train
  if images.count == 0 then looking.fail("not_found", "the data set %s has no images", data.spec) end
  return images:sample(n, seed)
end

return looking
