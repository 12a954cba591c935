-- predict: what a model takes pictures for; or tensors in, tensors out.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"

-- The classes with the highest of the probabilities (a vector), highest first; equals in class order.
local function best(net, probabilities, top)
  local order = {}
  for i = 1, #probabilities do order[i] = i end
  table.sort(order, function(a, b)
    if probabilities[a] ~= probabilities[b] then return probabilities[a] > probabilities[b] end
    return a < b
  end)
  local out = {}
  for k = 1, math.min(top, #order) do
    local class = order[k] - 1
    out[k] = { class = class, name = net:class_name(class), probability = probabilities[order[k]] }
  end
  return out
end

local function tensors(args, net)
  if not args.output then cli.usage "--input needs --output FILE.h5:/NAME" end
  local from, name = common.h5_place(args.input, "--input")
  local to, as = common.h5_place(args.output, "--output")
  local input = cli.check(cs.h5.read(from, name))
  local layer = args.layer and common.layer(net, args.layer)
  local output = cli.check(net:predict(input, { batch = args.batch, output = "output", layer = layer and layer.index }))
  cli.check(cs.h5.write(to, { [as] = output }))
  if args.json then
    return cli.json { input = input.shape, output = output.shape, layer = layer and layer.name }
  end
  cli.print(("%s -> %s %s: %s"):format(common.shape(input.shape), to, as, common.shape(output.shape)))
end

local function pictures(args, net)
  local document, failed = {}, false
  if net.classes == 0 then cli.fail "this network is no classifier; --layer and --output write what it puts out" end
  for _, path in ipairs(args.images) do
    local picture, message = cs.picture(path)
    if not picture then
      if #args.images == 1 then cli.fail("%s", message) end
      failed = true
      cli.say("%s", message)
    else
      local probabilities = cli.check(net:predict(picture))
      local classes = best(net, probabilities[0]:tolist(), args.top)
      if args.json then
        document[#document + 1] = { image = path, predictions = classes }
      else
        local rows = {}
        for _, found in ipairs(classes) do
          rows[#rows + 1] = { ("  %.4f"):format(found.probability), ("%d"):format(found.class), found.name }
        end
        cli.print(path .. "\n" .. common.table(rows, { true, true }))
      end
    end
  end
  if args.json then
    cli.json({ model = args.model, images = setmetatable(document, { __jsontype = "array" }) },
      { "model", "images", "image", "predictions", "class", "name", "probability" })
  end
  if failed then cli.fail "not every picture could be read" end
end

return {
  summary = "classify pictures; or tensors in, tensors out",
  description = "Classifies pictures (PNG, JPEG; resized by the shorter side and cropped at the centre). With --input a tensor goes to the network as it is, "
    .. "and what the network (or one layer) puts out is written to --output.",
  arguments = function(parser)
    common.model_arguments(parser)
    parser:argument("images", "Pictures."):argname("IMAGE"):args "*"
    parser:option("--top", "How many classes to show.", "5", common.integer(1)):argname "N"
    parser:option("--input", "A tensor [images,...] in an HDF5 file."):argname "F.h5:/x"
    parser:option("-o --output", "Where the result goes."):argname "G.h5:/y"
    parser:option("-l --layer", "Write this layer's output instead of the network's."):argname "LAYER"
    parser:option("--batch", "Images at a time.", "32", common.integer(1, 65536)):argname "N"
    common.json(parser)
    common.precision(parser)
    common.threads(parser)
  end,
  run = function(args)
    if not args.input and #args.images == 0 then cli.usage "which pictures? name some, or give tensors with --input and --output" end
    if args.input and #args.images > 0 then cli.usage "either pictures or --input, not both" end
    if args.layer and not args.input then cli.usage "--layer goes with --input and --output" end
    local net = common.load_model(args);
    (args.input and tensors or pictures)(args, net)
  end,
}
