-- colour_or_shape.lua: whether a feature goes by colour or by shape: which of the two takes its evidence of the class along when it is taken away.
--
-- `heard` is what the analysis of colour has heard of layers, tensors [images,features] in lists of one a layer: `base`, their responses to pictures as they are,
-- `seen`, to the changed ones by the name of the change (colours.changes says which take away colour and which shape), and `learnt`, to other pictures, whose
-- labels are `known`.
local cs = require "convscope"
local colours = require "convscope.colours"
local looking = require "convscope.looking"

local colour_or_shape = {}

-- Each column less its mean, over its deviation.
local function standard(responses)
  return (responses - responses:mean(0)) / responses:std(0)
end

-- What each feature answers to each class on average, put in the place of each label: [#labels,features]. A class of which nothing is known gets
-- the average of all.
local function expected(responses, known, labels)
  local sums, counts, out, list = {}, {}, {}, responses:tolist()
  local features, all = responses.shape[2], responses:mean(0)
  for i, row in ipairs(list) do
    local c = known[i]
    sums[c], counts[c] = sums[c] or cs.tensor({ features }, 0), (counts[c] or 0) + 1
    sums[c] = sums[c] + cs.tensor(row)
  end
  for i, c in ipairs(labels) do
    out[i] = (sums[c] and sums[c] / counts[c] or all):reshape { 1, features }
  end
  return cs.concat(out)
end

-- The evidence of the class in layer i's responses: whole, and what is left of it without colour and without shape; tensors [images,features].
local function evidence_of(heard, i, labels)
  local typical = standard(expected(heard.learnt[i], heard.known, labels))
  -- responses that became one constant carry no evidence; a feature silent from the start has none to lose
  local function evidence(answers) return looking.filled(typical * standard(answers), typical) end
  local whole, colour, shape, n = evidence(heard.base[i]), cs.tensor(typical.shape, 0), evidence(heard.seen["scrambled"][i]), 0
  for _, change in ipairs(colours.changes) do
    if change[3] == "colour" then colour, n = colour + evidence(heard.seen[change[1]][i]), n + 1 end
  end
  return whole, colour / n, shape
end

-- The evidence of layer i's features and what is left of it, with intervals: lists by the names of columns; and the chances of the evidence (`present`) and of the
-- difference that colour and shape make to it (`difference`). Behind it the means of what is left without colour and without shape, tensors.
function colour_or_shape.weigh(heard, i, labels, options)
  local whole, colour, shape = evidence_of(heard, i, labels)
  local all, _, present = looking.must(cs.statistics.paired(whole, options))
  local _, effect, difference = looking.must(cs.statistics.paired(shape - colour, options))
  local c, cl, ch = looking.must(cs.statistics.bootstrap(colour, options))
  local s, sl, sh = looking.must(cs.statistics.bootstrap(shape, options))
  return { evidence = all:tolist(), present = present:tolist(), effect = effect:tolist(), difference = difference:tolist(),
    ["without colour"] = c:tolist(), ["colour low"] = cl:tolist(), ["colour high"] = ch:tolist(),
    ["without shape"] = s:tolist(), ["shape low"] = sl:tolist(), ["shape high"] = sh:tolist() }, { colour = c, shape = s }
end

-- What each feature goes by, over all of them: its "q" and "goes by" are filled in.
function colour_or_shape.judge(features)
  local differences, presences = {}, {}
  for k, one in ipairs(features) do differences[k], presences[k] = one.difference, one.present end
  local q, q_present = cs.statistics.fdr(differences), cs.statistics.fdr(presences)
  for k, one in ipairs(features) do
    local evident = q_present[k] < 0.05 and one.evidence > 0.1
    one.q = q[k]
    one["goes by"] = one.response <= 0 and "silent" or not evident and "neither" or q[k] >= 0.05 and "both" or one.effect > 0 and "colour" or "shape"
  end
end

-- How many features go by what, a note a layer.
function colour_or_shape.note(layers, features, result)
  local counts = {}
  for _, one in ipairs(features) do
    local c = counts[one.layer] or {}
    counts[one.layer], c[one["goes by"]] = c, (c[one["goes by"]] or 0) + 1
  end
  for _, layer in ipairs(layers) do
    local c = counts[layer.name]
    result:note(("%s: %d features go by colour, %d by shape, %d by both (no difference is told); %d carry no evidence of the class, %d are silent"):format(layer.name,
      c.colour or 0, c.shape or 0, c.both or 0, c.neither or 0, c.silent or 0))
  end
end

return colour_or_shape
