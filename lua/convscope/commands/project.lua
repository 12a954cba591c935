-- project: from an activation back to pixels.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"

-- max, map, or Y,X.
local function place(text, layer)
  if text == nil or text == "max" or text == "map" then return text end
  local row, column = text:match "^(%d+),(%d+)$"
  if not row then cli.usage("--at is '%s'; expected max, map or Y,X", text) end
  row, column = math.tointeger(row), math.tointeger(column)
  local rows, columns = 1, 1
  if #layer.output == 3 then rows, columns = layer.output[1], layer.output[2] end
  if row >= rows or column >= columns then
    cli.fail("position %d,%d is outside of layer %s: rows 0 to %d, columns 0 to %d", row, column, layer.name, rows - 1, columns - 1)
  end
  return { row, column }
end

local function feature_of(args, layer)
  if args.feature == nil or args.feature == "all" then return args.feature end
  local feature = math.tointeger(tonumber(args.feature))
  if not feature then cli.usage("-f is '%s'; expected a number or all", args.feature) end
  if feature < 0 or feature >= layer.features then
    cli.fail("layer %s has no feature %d: it has %d, 0 to %d", layer.name, feature, layer.features, layer.features - 1)
  end
  return feature
end

-- IMAGE is a picture, or the number of an image of the data set.
local function read_image(args, net)
  local number = math.tointeger(tonumber(args.image))
  if number and not cs.engine.system.exists(args.image) then
    local data = common.open_data(args, net)
    if number < 0 or number >= data.count then
      cli.fail("%s has no image %d: it has %d, 0 to %d", data.spec, number, data.count, data.count - 1)
    end
    return data:images(number, 1)
  end
  return cli.check(cs.picture(args.image))
end

local function describe(info, layer)
  local what = info.feature and ("feature %d of %s"):format(info.feature, layer.name) or "layer " .. layer.name
  local where = info.row and (" at row %d, column %d"):format(info.row, info.column) or ""
  if info.silent then return what .. where .. " is silent on this image: nothing to project" end
  return ("%s%s: activation %.6g; projection %.6g .. %.6g, norm %.6g, reaches rows %d-%d, columns %d-%d"):format(
    what, where, info.value, info.min, info.max, info.norm, info.top, info.bottom - 1, info.left, info.right - 1)
end

-- One line for all features; their numbers, row by row, are in the PNG's text and in --json.
local function describe_list(found, layer)
  local silent = {}
  for _, info in ipairs(found) do
    if info.silent then silent[#silent + 1] = info.feature end
  end
  local named = table.concat(silent, " ", 1, math.min(#silent, 24)) .. (#silent > 24 and " ..." or "")
  return ("%d features of %s, row by row from 0; %s"):format(#found, layer.name,
    #silent == 0 and "none is silent on this image" or ("%d silent on this image: %s"):format(#silent, named))
end

local function number_text(x) return ("%.9g"):format(x) end

-- What the PNG carries beside the scale: how it was made, and what was found.
local function notes(args, layer, found)
  local out = { model = args.model, image = args.image, layer = layer.name, rule = args.rule, signal = args.signal,
    at = args.at or (args.feature and "max" or "map"), software = "convscope " .. cs.version }
  if args.feature then out.feature = args.feature end
  if found.silent == nil then -- a list
    local silent, values = {}, {}
    for i, info in ipairs(found) do
      values[i] = number_text(info.value)
      if info.silent then silent[#silent + 1] = tostring(info.feature) end
    end
    out.values = table.concat(values, " ")
    out.silent = table.concat(silent, " ")
  else
    out.value, out.silent = number_text(found.value), tostring(found.silent)
    if found.row then out.position = ("%d,%d"):format(found.row, found.column) end
  end
  return out
end

local function picture_of(args, seen, list, net)
  local zoom = args.zoom or math.max(1, 256 // math.max(net.input[1], net.input[2]))
  if list then
    return cs.mosaic(seen, { shared = args.shared, zoom = args.zoom or math.max(1, 128 // math.max(net.input[1], net.input[2])) })
  end
  return cs.picture(seen, { zoom = zoom })
end

local function write_raw(path, seen, found, list)
  local file <close> = cli.check(cs.h5.open(path, "create"))
  cli.check(file:write("/projection", seen))
  local values = {}
  for i, info in ipairs(list and found or { found }) do
    values[i] = { info.value, info.row or -1, info.column or -1, info.silent and 1 or 0 }
  end
  cli.check(file:write("/found", cs.tensor(values)))
  cli.check(file:attribute("/found", "columns", "value row column silent"))
  cli.check(file:finish())
end

return {
  summary = "project a feature, a map or a layer back to pixels",
  description = "Projects what a layer saw in an image back to the input, by a DeconvNet or another backward rule. Without -f the whole layer is projected, "
    .. "-f all makes one picture a feature. A feature that is silent on the image is said to be silent.",
  arguments = function(parser)
    parser:argument("model", "A model file, a run directory (its best), or an installed model."):argname "MODEL"
    parser:argument("image", "A picture (PNG, JPEG), or the number of an image of the data set."):argname "IMAGE"
    parser:option("-l --layer", "The layer, by name or number."):argname "LAYER"
    parser:option("-f --feature", "A feature (a unit of a dense layer), or all."):argname "FEATURE"
    parser:option("--at", "max (the feature's strongest position), map (its whole map), or a position Y,X."):argname "WHERE"
    parser:option("--rule", "deconvnet, gradient, guided, none, m, s, r or mr.", "deconvnet"):argname "RULE"
    parser:option("--signal", "value (the activations themselves) or one.", "value"):choices({ "value", "one" }):argname "SIGNAL"
    parser:option("-o --output", "Write a PNG; its text chunks carry the numbers."):argname "OUT.png"
    parser:option("--raw", "Write the tensor (/projection) and what was found (/found)."):argname "OUT.h5"
    parser:flag("--show", "Draw it in the terminal.")
    parser:option("--graphics", "For --show: auto, sixel, symbols or ascii."):argname "HOW"
    parser:option("--zoom", "Magnify the picture (to about 256 pixels; 1 is pixel for pixel).", nil, common.integer(1, 100)):argname "N"
    parser:flag("--shared", "With -f all: one scale for all features.")
    common.data_option(parser, "For an IMAGE that is a number: the data set (the one the model was trained on).")
    common.model_options(parser)
    common.json(parser)
    common.precision(parser)
    common.threads(parser)
  end,
  run = function(args)
    common.picture_name(args.output, "-o")
    common.h5_name(args.raw, "--raw")
    if not args.layer then
      local net = cli.check(cs.load(args.model, { arch = args.arch, size = args.size }))
      local names = {}
      for i, layer in ipairs(net.layers) do names[i] = layer.name end
      cli.usage("which layer? name one with -l: %s", table.concat(names, ", "))
    end
    if args.show and not cs.engine.system.isatty(1) then
      cli.fail "--show draws in a terminal, and standard output is none; -o OUT.png writes a file"
    end
    local net = common.load_model(args)
    local layer = common.layer(net, args.layer)
    local feature = feature_of(args, layer)
    if feature == nil and args.at and args.at ~= "map" then
      cli.fail("--at %s needs a feature (-f): without one the whole layer %s is projected", args.at, layer.name)
    end
    local at = place(args.at, layer)
    cli.check(cs.can_project(net, layer.index))
    local trace <close> = cli.check(net:trace(read_image(args, net)))
    local seen, found = cli.check(cs.project(trace, layer.index, { feature = feature, at = at, rule = args.rule, signal = args.signal }))
    local list = feature == "all"
    local picture = cli.check(picture_of(args, seen, list, net))
    if args.output then cli.check(picture:save(args.output, notes(args, layer, found))) end
    if args.raw then
      local raw, about = seen, found
      if net.preprocess.whitening then
        raw, about = cli.check(cs.project(trace, layer.index, { feature = feature, at = at, rule = args.rule, signal = args.signal, whitened = true }))
      end
      write_raw(args.raw, raw, about, list)
    end
    if args.json then
      return cli.json({ layer = layer.name, rule = args.rule, signal = args.signal, found = list and found or { found } })
    end
    local line = list and describe_list(found, layer) or describe(found, layer)
    if args.show then cli.check(picture:show(args.graphics)) end
    cli.print(line)
    if args.output then cli.print("wrote " .. args.output) end
    if args.raw then cli.print("wrote " .. args.raw .. (net.preprocess.whitening and " (in the network's whitened space; the picture is not)" or "")) end
  end,
}
