-- compare: two models on the same images: who knows more, what was gained and what was lost, and what each sees.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local looking = require "convscope.looking"

local function load(name, args)
  local one = {}
  for key, value in pairs(args) do one[key] = value end
  one.model = name
  return common.load_model(one)
end

-- Projections of a layer of both networks for some pictures: a row of pictures, a row a network, on one scale.
local function views(nets, images, words, feature)
  local parts, shown = {}, {}
  for k, net in ipairs(nets) do
    local layers = looking.layers(net, words ~= "last" and words or nil)
    local layer = layers[#layers]
    if feature and feature >= layer.features then
      looking.fail("argument", "feature %d is out of range: %s has features 0 to %d", feature, layer.name, layer.features - 1)
    end
    local trace <close> = looking.must(net:trace(images))
    local targets = {}
    for i = 0, images.count - 1 do targets[i + 1] = { image = i, feature = feature, at = feature and "max" or nil } end
    parts[k], shown[k] = looking.must(cs.project(trace, layer.index, { targets = targets })), layer.name
  end
  return parts, shown
end

-- Positions where `a` holds and `b` does not.
local function only(a, b)
  local out = {}
  for i = 0, a.count - 1 do
    if a[i] > 0 and b[i] == 0 then out[#out + 1] = i end
  end
  return out
end

-- Both networks and the data set, whose classes both tell apart.
local function open_both(args)
  local nets = { load(args.first, args), load(args.second, args) }
  local data = common.open_data(args, nets[1])
  for k, net in ipairs(nets) do
    if net.classes ~= data.classes then
      cli.fail("%s tells %d classes apart, %s has %d", k == 1 and args.first or args.second, net.classes, data.spec, data.classes)
    end
  end
  return nets, data
end

-- The same pictures for each of them, in its own size.
local function choose_pictures(args, nets, data)
  local sets = { common.choose_split(args, data) }
  sets[2] = sets[1]
  if common.shape(nets[1].input) ~= common.shape(nets[2].input) then
    local other = cli.check(cs.dataset(data.spec, common.data_settings(args, { height = nets[2].input[1], width = nets[2].input[2] })))
    sets[2] = common.choose_split(args, other)
  end
  return sets
end

-- A row a class that has pictures: name, images, accuracies, gained, lost, p; and its q, over all of them.
local function by_class(right, labels, data)
  local classes, p, rows = {}, {}, {}
  for i, label in ipairs(labels) do
    if label >= 0 then
      classes[label] = classes[label] or { {}, {} }
      for k = 1, 2 do table.insert(classes[label][k], right[k][i - 1]) end
    end
  end
  for class = 0, data.classes - 1 do
    local one = classes[class]
    if one then
      local found = cs.statistics.mcnemar(one[1], one[2])
      local n = #one[1]
      rows[#rows + 1], p[#p + 1] = { data:class_name(class), n, (found.both + found.first) / n, (found.both + found.second) / n, found.second, found.first, found.p },
        found.p
    end
  end
  local q = cs.statistics.fdr(p)
  for k, row in ipairs(rows) do row[8] = q[k] end
  return rows
end

-- The whole in three notes.
local function note_whole(args, right, test, rows, result)
  local better, worse = 0, 0
  for _, row in ipairs(rows) do
    if row[8] < 0.05 then
      if row[5] > row[6] then better = better + 1 else worse = worse + 1 end
    end
  end
  result:note(("first  %s: %.2f %% of %d images"):format(args.first, 100 * right[1]:mean(), right[1].count))
  result:note(("second %s: %.2f %%, %+.2f points [%.2f, %.2f], McNemar p = %.3g"):format(args.second, 100 * right[2]:mean(), 100 * test.difference, 100 * test.low,
    100 * test.high, test.p))
  result:note(("%d pictures gained, %d lost, %d known to both, %d to neither; %d classes better and %d worse (FDR 5 %%)"):format(test.second, test.first, test.both,
    test.neither, better, worse))
end

-- The five classes that gained (`sign` 1) or lost (-1) most, behind those words.
local function note_most(rows, words, sign, result)
  local order, said = {}, {}
  for k, row in ipairs(rows) do order[k] = row end
  table.sort(order, function(a, b)
    local x, y = sign * (a[5] - a[6]), sign * (b[5] - b[6])
    if x ~= y then return x > y end
    return a[1] < b[1]
  end)
  for k = 1, math.min(5, #order) do
    local row = order[k]
    if sign * (row[5] - row[6]) > 0 then said[#said + 1] = ("%s %+d of %d (q = %.2g)"):format(row[1], math.tointeger(row[5] - row[6]), row[2], row[8]) end
  end
  if #said > 0 then result:note(words .. table.concat(said, ", ")) end
end

-- Projections of both networks on one sheet, each network on its own scale, where they are of one size.
local function show_projections(what, parts, shown, columns, result)
  if common.shape(parts[1].shape) ~= common.shape(parts[2].shape) then return end
  local most = { parts[1]:abs():max(), parts[2]:abs():max() }
  for k in ipairs(parts) do parts[k] = most[k] > 0 and parts[k] / most[k] or parts[k] end
  result:picture(what .. " projections", cs.mosaic(cs.concat(parts), { columns = columns, shared = true, zoom = 2 }),
    ("pictures that were %s: above, %s of the first, from -%.3g to %.3g; below, %s of the second, from -%.3g to %.3g: each network on its own scale"):format(
      what, shown[1], most[1], most[1], shown[2], most[2], most[2]))
end

-- The pictures that were gained or lost (`what`), at those positions: all their numbers, and six of them with what both networks see there.
local function show(what, positions, args, nets, images, result)
  local some, numbers, count = {}, {}, math.min(6, #positions) -- images stand class by class: from all of them
  if count == 0 then return end
  for k = 1, count do some[k] = positions[1 + (k - 1) * #positions // count] end
  for i, position in ipairs(positions) do numbers[i] = images:number(position) end
  result:tensor(what, cs.tensor(numbers))
  local chosen = images:choose(some)
  local parts, shown = cli.check(looking.guarded(function()
    local a, b = views(nets, chosen, args.layer or "last", args.feature)
    return a, b
  end))
  result:picture(what .. " pictures", cs.mosaic(chosen:pixels(), { columns = count, photo = true, zoom = 2 }))
  for k in ipairs(parts) do
    result:tensor(("%s, seen by %s"):format(what, k == 1 and "first" or "second"), parts[k])
  end
  show_projections(what, parts, shown, count, result)
end

-- What both networks say to the pictures: the result, and the test of the whole.
local function compare(args, nets, data, sets)
  local right, labels = {}, sets[1]:labels()
  for k, net in ipairs(nets) do right[k] = looking.correct(cli.check(net:predict(sets[k])), labels) end
  local test = cs.statistics.mcnemar(right[1], right[2])
  local result = cs.result { "class", "images", "first", "second", "gained", "lost", "p", "q" }
  local rows = by_class(right, labels, data)
  for _, row in ipairs(rows) do result:add(table.unpack(row, 1, 8)) end
  note_whole(args, right, test, rows, result)
  note_most(rows, "classes that gained most pictures: ", 1, result)
  note_most(rows, "classes that lost most pictures: ", -1, result)
  show("gained", only(right[2], right[1]), args, nets, sets[1], result)
  show("lost", only(right[1], right[2]), args, nets, sets[1], result)
  return result, test
end

return {
  summary = "two models on the same images: McNemar's test, pictures gained and lost, both projections",
  description = "Evaluates two models on the same test images: accuracies, their difference with McNemar's exact test, and class by class which pictures the second knows and "
    .. "the first does not, and the other way round; and projects a layer of both for pictures that were gained and lost. With -o writes compare.csv, "
    .. "compare.hdf5 and pictures: does a change that helps some pictures harm others?",
  arguments = function(parser)
    parser:argument("first", "A model."):argname "FIRST"
    parser:argument("second", "Another, of the same classes."):argname "SECOND"
    common.model_options(parser)
    common.data_option(parser)
    common.split_option(parser)
    parser:option("--images", "At most so many of them, chosen at random by --seed.", nil, common.integer(1)):argname "N"
    parser:option("--seed", "For --images.", "0", common.integer(0)):argname "S"
    parser:option("-l --layer", "The layer to project (the last convolution)."):argname "LAYER"
    parser:option("-f --feature", "One feature of it (unless said the whole layer).", nil, common.integer(0)):argname "F"
    parser:option("-o --output", "Directory for the result."):argname "DIR"
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    local nets, data = open_both(args)
    common.ready_directory(args.output)
    local result, test = compare(args, nets, data, choose_pictures(args, nets, data))
    local paths = args.output and cli.check(result:save(args.output, "compare")) or {}
    if args.json then
      local document = result:data()
      document.first, document.second, document.dataset, document.files = args.first, args.second, data.spec, paths
      document.test = test
      return cli.json(document, { "first", "second", "dataset", "test", "columns", "rows", "notes", "files" })
    end
    cli.print(result:text(data.classes <= 20 and data.classes or 20))
    for _, path in ipairs(paths) do cli.print("wrote " .. path) end
  end,
}
