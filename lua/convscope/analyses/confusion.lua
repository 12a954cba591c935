--- Confusion: which classes a network takes for which, and whether it does so both ways.
local cs = require "convscope"

return {
  title = "which classes are taken for which",
  options = { images = 10000, seed = 0, most = 50 },

  run = function(job, net, data, opt)
    local images = data.test:sample(opt.images, opt.seed)
    job:progress(0, "evaluating", 1)
    local found, message, code = net:evaluate(images)
    if not found then return nil, message, code end
    local counts, pairs_found = found.confusion:tolist(), {}
    for t = 1, data.classes do
      local of = 0
      for _, n in ipairs(counts[t]) do of = of + n end
      for p = 1, data.classes do
        if t ~= p and counts[t][p] > 0 then
          pairs_found[#pairs_found + 1] = { t - 1, p - 1, counts[t][p], counts[t][p] / of, counts[p][t] }
        end
      end
    end
    table.sort(pairs_found, function(a, b)
      if a[3] ~= b[3] then return a[3] > b[3] end
      if a[1] ~= b[1] then return a[1] < b[1] end
      return a[2] < b[2]
    end)
    local result = cs.result { "true class", "taken for", "images", "share of the class", "the other way" }
    for i = 1, math.min(opt.most, #pairs_found) do
      local p = pairs_found[i]
      result:add(data:class_name(p[1]), data:class_name(p[2]), math.tointeger(p[3]), p[4], math.tointeger(p[5]))
    end
    result:tensor("confusion", found.confusion)
    local shares = found.confusion:copy()
    for t = 0, data.classes - 1 do
      local of = shares[t]:sum()
      if of > 0 then shares[t] = shares[t] / of end
    end
    result:plot("matrix", cs.plot { title = "confusion", x_label = "predicted class", y_label = "true class", cells = shares })
    return result:verdict(("accuracy %.2f %% on %d images"):format(100 * found.accuracy, found.images))
  end,
}
