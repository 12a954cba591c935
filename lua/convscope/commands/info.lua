-- info: what a network is made of.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local table1 = require "convscope.table1"

-- The network, and the preset that it is of, where that is one of the paper's.
local function find_network(args)
  local found, message, code
  if args.model:find "%.lua$" then code = "not_found" else found, message, code = cs.find_model(args.model) end
  if found then
    if math.tointeger(tonumber(args.classes)) then args.classes = nil end -- a number is a preset's
    local net = common.load_model(args, true)
    local _, preset = cs.preset(net.name)
    return net, type(preset) == "table" and preset or nil
  end
  if code ~= "not_found" or (args.model:find "[/.]" and not args.model:find "%.lua$") then cli.fail("%s", message) end
  -- Not a model: a preset, then, as it would be trained on a data set of so many classes.
  local net, preset, word = cs.preset(args.model, {
    classes = math.tointeger(tonumber(args.classes or 200)) or cli.usage("--classes is '%s'; expected how many classes the preset has", args.classes), size = args.size and args.size[1],
  })
  if net then return net, preset end
  if word ~= "not_found" or not message then cli.fail("%s", preset) end
  cli.fail("%s; %s", message, preset)
end

local function plan_of(net, batch)
  local out = {}
  for _, kind in ipairs { "output", "all", "train" } do
    local plan, message = net:plan { kind = kind, batch = batch }
    if not plan then cli.fail("%s", message) end
    out[kind] = plan
  end
  return out
end

local function json(net, plans, args, rows)
  local document = {
    name = net.name, input = net.input, output = net.output, parameters = net.parameters, macs = net.macs,
    dataset = net.dataset, preprocess = net.preprocess, remembered = net.remembered, classes = net.classes, class_names = net.class_names, layers = {},
    memory = {
      batch = args.batch, parameters = 4 * net.parameters, inference = plans.output.bytes, trace = plans.all.bytes,
      training = plans.train.bytes,
    },
  }
  for i, layer in ipairs(net.layers) do
    local entry = {
      name = layer.name, type = layer.type, description = layer.description, output = layer.output,
      parameters = layer.parameters, macs = layer.macs, receptive_field = layer.receptive_field,
    }
    if args.plan then
      entry.plan = {
        inference = plans.output[i].algorithm, training = plans.train[i].algorithm, why = plans.train[i].why, back = plans.train[i].back,
      }
    end
    document.layers[i] = entry
  end
  document.table1 = rows
  cli.json(document, { "name", "type", "description", "output", "parameters", "macs", "receptive_field", "input", "layers" })
end

-- What a training pass does with each layer; the way back on a line of its own.
local function plan_text(net, plans)
  local lines, width = {}, 0
  for _, layer in ipairs(net.layers) do width = math.max(width, #layer.name) end
  for i, layer in ipairs(net.layers) do
    local plan = plans.train[i]
    lines[#lines + 1] = ("%-" .. width .. "s  %s%s"):format(layer.name, plan.algorithm, plan.why ~= "" and ": " .. plan.why or "")
    if plan.back ~= "" then lines[#lines + 1] = (" "):rep(width) .. "  back " .. plan.back end
  end
  return table.concat(lines, "\n")
end

-- "pixels: (p x 0.00392157 - 0.5, 0.5, 0.5) / 0.25, 0.25, 0.25, channels B, G, R (as remembered)"
local function pixels(net)
  local pre = net.preprocess
  local function three(list)
    local out = {}
    for i = 1, 3 do out[i] = ("%.6g"):format(list[i]) end
    return out[1] == out[2] and out[2] == out[3] and out[1] or table.concat(out, ", ")
  end
  local line = ("pixels 0-255: x %.6g"):format(pre.scale)
  if three(pre.mean) ~= "0" then line = line .. ", minus " .. three(pre.mean) end
  if three(pre.std) ~= "1" then line = line .. ", divided by " .. three(pre.std) end
  if pre.bgr then line = line .. ", as B, G, R" end
  if pre.whitening then
    line = line .. (", whitened (ZCA, %s, epsilon %.3g)"):format(pre.whitening.kind == "whole" and "whole images" or "a filter", pre.whitening.epsilon)
  end
  return line .. (pre.remembered and " (as was said)" or pre.known and "" or " (nothing is said; --scale, --mean, --std, --bgr say otherwise)")
end

local function text(net, plans, args, in_paper)
  local rows = { { "layer", "", "output", "parameters", "MACs", "sees" } }
  rows[2] = { "input", "", common.shape(net.input), "", "", "" }
  for i, layer in ipairs(net.layers) do
    rows[#rows + 1] = {
      layer.name, layer.description, common.shape(layer.output),
      layer.parameters > 0 and common.grouped(layer.parameters) or "",
      layer.macs > 0 and common.grouped(layer.macs) or "",
      common.shape(layer.receptive_field),
    }
  end
  cli.print(common.table(rows, { [4] = true, [5] = true }))
  cli.print("")
  if args.plan then cli.print(plan_text(net, plans) .. "\n") end
  cli.print(("%s parameters (%s), %s MACs an image"):format(common.grouped(net.parameters), common.bytes(4 * net.parameters),
    common.grouped(net.macs)))
  if in_paper then
    local lines = table1.lines(in_paper)
    cli.print("in the form of the paper's Table 1" .. (in_paper[1].paper and ", and what it says:" or "; the paper has the table of another:"))
    cli.print(common.table(lines) .. "\n")
  end
  cli.print(("memory for a batch of %d: inference %s, trace %s, training %s (parameters and gradients of an optimiser come on top)")
    :format(args.batch, common.bytes(plans.output.bytes), common.bytes(plans.all.bytes), common.bytes(plans.train.bytes)))
  if net.path and net.input[3] then cli.print(pixels(net)) end
  if net.class_names then
    cli.print(("classes: %s%s"):format(table.concat(net.class_names, ", ", 1, math.min(5, #net.class_names)),
      #net.class_names > 5 and (", ... (%d)"):format(#net.class_names) or ""))
  end
  if net.remembered then cli.print("remembered in " .. net.remembered) end
  if net.dataset then cli.print(("trained on %s, %d classes"):format(net.dataset, net.classes)) end
  if net.dead then cli.print "all weights are zero: under a rectifier this network never learns, its loss stays at ln(classes)" end
end

return {
  summary = "layers, shapes, parameters, MACs, receptive fields, memory",
  description = "Shows what a model or a preset is made of, layer by layer. `sees` is the receptive field in input pixels. The paper's networks are "
    .. "shown in the form of its Table 1, too, beside what that table says.",
  arguments = function(parser)
    parser:argument("model", "A model file, a run, an installed model, the name of a preset, or a file that returns one."):argname "MODEL"
    common.model_options(parser, { size = true, classes = true })
    parser:option("--batch", "Images at a time, for memory.", "32", common.integer(1, 65536)):argname "N"
    parser:option("--classes", "Classes of a preset (200); or names of a model's classes: one a line, or JSON."):argname "N|FILE"
    parser:option("--size", "Input size of a preset (64), or of a model that leaves it open.", nil, common.size):argname "N|ROWSxCOLUMNS"
    common.precision(parser)
    parser:flag("--plan", "Which algorithm serves each layer, and why.")
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    local net, preset = find_network(args)
    local rows = preset and preset.paper and table1.rows(net, preset.paper == "table")
    if args.precision then cli.check(net:set_precision(args.precision)) end
    local plans = plan_of(net, args.batch);
    (args.json and json or text)(net, plans, args, rows)
  end,
}
