-- exemplars: for each feature the images that excite it most, what the unit can see of them, and its projections.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"

local page_side = 4000 -- pixels that a page of mosaics may be wide and high
local chunk_bytes = 256 << 20

-- The features of a chunk, each a tile: patches to the left, projections to the right, strongest first.
local function tiles_of(views, top, count, zoom)
  local columns, out = math.ceil(math.sqrt(top)), {}
  for f = 0, count - 1 do
    local patches = cli.check(cs.mosaic(views.patches:slice(f * top, top), { photo = true, columns = columns, zoom = zoom }))
    local seen = cli.check(cs.mosaic(views.projections:slice(f * top, top), { columns = columns, zoom = zoom }))
    local tile = cli.check(cs.mosaic({ patches, seen }, { columns = 2, gap = 2 }))
    out[#out + 1] = tile
  end
  return out
end

-- Write tiles as pages, LAYER.png or LAYER-0.png, LAYER-1.png, ...; returns the paths.
local function write_pages(directory, exemplars, tiles, args)
  local per_row = math.max(1, page_side // (tiles[1].width + 6))
  local per_page = math.min(per_row * math.max(1, page_side // (tiles[1].height + 6)), #tiles)
  local pages, paths = math.ceil(#tiles / per_page), {}
  for page = 0, pages - 1 do
    local some = table.move(tiles, page * per_page + 1, math.min(#tiles, (page + 1) * per_page), 1, {})
    local columns = math.min(per_row, math.ceil(math.sqrt(#some * some[1].height / some[1].width)))
    local picture = cli.check(cs.mosaic(some, { gap = 6, columns = math.max(1, columns) }))
    local path = ("%s/%s%s.png"):format(directory, exemplars.layer, pages > 1 and "-" .. page or "")
    cli.check(picture:save(path, {
      layer = exemplars.layer, rule = args.rule, signal = args.signal, first_feature = page * per_page, features = #some,
      top = exemplars.top, images = exemplars.seen, columns = columns, scale = "each projection has its own",
      software = "convscope " .. cs.version,
    }))
    paths[#paths + 1] = path
  end
  return paths
end

local function csv_lines(lines, exemplars, data, images)
  for f = 0, exemplars.features - 1 do
    for rank, item in ipairs(exemplars:list(f)) do
      local label = images:label(item.position)
      lines[#lines + 1] = ("%s,%d,%d,%d,%d,%d,%.9g,%s,%s"):format(exemplars.layer, f, rank - 1, item.image, item.row, item.column,
        item.value, label or "", label and '"' .. data:class_name(label):gsub('"', '""') .. '"' or "")
    end
  end
end

-- values, images (-1: nobody), rows and columns, [features,top].
local function write_lists(file, exemplars)
  local group, shape = "/" .. exemplars.layer, { exemplars.features, exemplars.top }
  local values, images = cs.tensor(shape, 0), cs.tensor(shape, -1)
  local rows, columns = cs.tensor(shape, -1), cs.tensor(shape, -1)
  for f = 0, exemplars.features - 1 do
    for rank, item in ipairs(exemplars:list(f)) do
      values[{ f, rank - 1 }], images[{ f, rank - 1 }] = item.value, item.image
      rows[{ f, rank - 1 }], columns[{ f, rank - 1 }] = item.row, item.column
    end
  end
  cli.check(file:write(group .. "/values", values))
  cli.check(file:write(group .. "/images", images))
  cli.check(file:write(group .. "/rows", rows))
  cli.check(file:write(group .. "/columns", columns))
  cli.check(file:attribute(group, "features", exemplars.features))
  cli.check(file:attribute(group, "top", exemplars.top))
end

-- Views of one layer, chunk by chunk: the tensors can be large.
local function write_layer(directory, file, exemplars, net, args)
  local layer = net:layer(exemplars.layer)
  local field = { math.min(layer.receptive_field[1], net.input[1]), math.min(layer.receptive_field[2], net.input[2]) }
  local one = 4 * exemplars.top * field[1] * field[2] * (3 + net.input[3])
  local step = math.max(1, math.min(exemplars.features, chunk_bytes // one))
  local zoom = math.max(1, math.min(4, 32 // math.max(field[1], field[2])))
  local tiles, parts = {}, { patches = {}, projections = {} }
  for first = 0, exemplars.features - 1, step do
    local count = math.min(step, exemplars.features - first)
    local views = cli.check(exemplars:views { rule = args.rule, signal = args.signal, first = first, count = count, batch = args.batch })
    for _, tile in ipairs(tiles_of(views, exemplars.top, count, zoom)) do tiles[#tiles + 1] = tile end
    for name, list in pairs(parts) do list[#list + 1] = views[name] end
  end
  for name, list in pairs(parts) do
    cli.check(file:write(("/%s/%s"):format(exemplars.layer, name), #list == 1 and list[1] or cs.concat(list)))
  end
  write_lists(file, exemplars)
  return write_pages(directory, exemplars, tiles, args)
end

return {
  summary = "the images that excite each feature most, with projections",
  description = "For each feature of the layers: the top images of a data set by the feature's strongest activation, the patch of each that the unit can "
    .. "see, and its projection. Writes a mosaic for each layer (a tile for each feature, patches left, projections right), exemplars.hdf5 "
    .. "(patches, projections, values, images, rows, columns; features x top places) and exemplars.csv.",
  arguments = function(parser)
    common.model_arguments(parser)
    common.data_option(parser)
    parser:option("-l --layer", "A layer (again for more; all convolutions unless said)."):argname("LAYER"):count "*"
    common.split_option(parser)
    parser:option("--images", "Search at most so many, chosen at random by --seed.", nil, common.integer(1)):argname "N"
    parser:option("--seed", "For --images.", "0", common.integer(0)):argname "S"
    parser:option("--top", "Images a feature.", "9", common.integer(1, 1000)):argname "N"
    parser:option("--rule", "deconvnet, gradient, guided, none, m, s, r or mr.", "deconvnet"):argname "RULE"
    parser:option("--signal", "value or one.", "value"):choices({ "value", "one" }):argname "SIGNAL"
    parser:option("--batch", "Images at a time.", "32", common.integer(1, 65536)):argname "N"
    parser:option("-o --output", "Directory for what is written."):argname "DIR"
    common.precision(parser)
    common.threads(parser)
  end,
  run = function(args)
    if not args.output then cli.usage "where to? name a directory with -o" end
    local net = common.load_model(args)
    local layers = {}
    for _, name in ipairs(args.layer) do layers[#layers + 1] = common.layer(net, name).name end
    if #layers == 0 then
      for _, layer in ipairs(net.layers) do
        if layer.type == "conv" then layers[#layers + 1] = layer.name end
      end
    end
    if #layers == 0 then cli.fail "this network has no convolutions; name layers with -l" end
    for _, name in ipairs(layers) do cli.check(cs.can_project(net, name)) end
    local data = common.open_data(args, net)
    local images = common.choose_split(args, data)
    local directory = args.output
    common.ready_directory(directory)
    local found = cli.check(cs.exemplars(net, images, layers, { top = args.top, batch = args.batch }))
    local file <close> = cli.check(cs.h5.open(directory .. "/exemplars.hdf5", "create"))
    local lines, written = { "layer,feature,rank,image,row,column,value,label,class" }, {}
    for _, exemplars in ipairs(found) do
      csv_lines(lines, exemplars, data, images)
      local silent = 0
      for f = 0, exemplars.features - 1 do silent = silent + (exemplars:fired(f) == 0 and 1 or 0) end
      for _, path in ipairs(write_layer(directory, file, exemplars, net, args)) do written[#written + 1] = path end
      cli.print(("%s: %d features on %d images%s"):format(exemplars.layer, exemplars.features, exemplars.seen,
        silent > 0 and (", %d never fire"):format(silent) or ""))
    end
    cli.check(file:finish())
    cli.check(cs.write_file(directory .. "/exemplars.csv", table.concat(lines, "\n") .. "\n"))
    written[#written + 1] = directory .. "/exemplars.hdf5"
    written[#written + 1] = directory .. "/exemplars.csv"
    for _, path in ipairs(written) do cli.print("wrote " .. path) end
  end,
}
