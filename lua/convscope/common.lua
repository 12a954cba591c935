-- common.lua: what several commands share: models and data sets as arguments, options written key=value, layers by name.
local cs = require "convscope"
local cli = require "convscope.commandline"
local value_of = require("convscope.words").value
local system = cs.engine.system

local common = {}

local function number(text)
  local value = tonumber(text)
  if not value then return nil, ("expected a number, not '%s'"):format(text) end
  return value
end

-- 0.5, or 1/255.
local function fraction(text)
  local above, below = text:match "^%s*([^/]+)/([^/]+)%s*$"
  local value = above and tonumber(above) and tonumber(below) and tonumber(below) ~= 0 and tonumber(above) / tonumber(below)
    or tonumber(text)
  if not value then return nil, ("expected a number, not '%s'"):format(text) end
  return value
end

function common.integer(low, high)
  return function(text)
    local value = math.tointeger(tonumber(text))
    if not value then return nil, ("expected a whole number, not '%s'"):format(text) end
    if value < low then return nil, ("expected %d or more, not %d"):format(low, value) end
    if high and value > high then return nil, ("expected %d or less, not %d"):format(high, value) end
    return value
  end
end

common.number = number

function common.threads(parser)
  parser:option("--threads", "Threads to use (all processors).", nil, common.integer(0, 4096)):argname "N"
end

function common.precision(parser)
  parser:option("--precision", "Convolutions forward: fp32 (unless said), or bf16, faster and less exact, where the processor has AMX tiles.")
    :choices({ "fp32", "bf16" }):argname "NAME"
end

function common.json(parser)
  parser:flag("--json", "Print one JSON document and nothing else.")
end

-- MODEL and what goes with it.
function common.model_arguments(parser)
  parser:argument("model", "A model file, a run directory (its best), or an installed model."):argname "MODEL"
  common.model_options(parser)
end

-- "96" or "96x128" as {rows, columns}.
function common.size(text)
  local rows, columns = text:match "^(%d+)[xX](%d+)$"
  rows, columns = math.tointeger(tonumber(rows or text)), math.tointeger(tonumber(columns or text))
  if not rows or not columns or rows < 1 or columns < 1 or rows > 65536 or columns > 65536 then
    return nil, ("expected a number of pixels, or ROWSxCOLUMNS, not '%s'"):format(text)
  end
  return { rows, columns }
end

-- What a person can say of a model file that does not say it. It is remembered beside the file.
function common.model_options(parser, without)
  without = without or {}
  parser:option("--arch", "Architecture (JSON) of a file that holds weights only."):argname "FILE.json"
  if not without.size then
    parser:option("--size", "For models that leave it open: how large pictures are.", nil, common.size):argname "N|ROWSxCOLUMNS"
  end
  if not without.classes then
    parser:option("--classes", "Names of the classes: one a line, or JSON."):argname "FILE"
  end
  parser:option("--scale", "For models that say nothing: pixels 0-255 are multiplied by this (1/255).", nil, fraction):argname "S"
  parser:option("--mean", "... then this is subtracted: one number, or R,G,B."):argname "M"
  parser:option("--std", "... then divided by this: one number, or R,G,B."):argname "D"
  parser:flag("--bgr", "... and channels go in as B, G, R.")
end

local function numbers(name, text)
  local out = {}
  for word in text:gmatch "[^,]+" do
    out[#out + 1] = tonumber(word) or cli.usage("%s is '%s'; expected a number, or three with commas between", name, text)
  end
  if #out ~= 1 and #out ~= 3 then
    cli.usage("%s is '%s'; expected a number, or three with commas between", name, text)
  end
  return #out == 1 and out[1] or out
end

-- Class names of --classes into the network.
local function name_classes(net, args)
  local names = cli.check(require("convscope.classes").read(args.classes))
  if #names ~= net.classes then
    cli.fail("%s names %d classes, but %s tells %d apart", args.classes, #names, args.model, net.classes)
  end
  net:set_classes(names)
end

-- Remember beside the file what was said of it now, and say so; what stands there already is not said again.
local function remember(net, args, said)
  local before = net.remembered and system.read(net.remembered)
  local where, message = net:remember()
  if where and before == system.read(where) then return end
  if where then
    cli.say("remembered of %s: %s (in %s)", args.model, table.concat(said, ", "), where)
  else
    cli.say("note: what was said of %s holds for this time only: %s", args.model, message)
  end
end

-- The network without its batch normalisations, said in a line.
function common.fold(net)
  local folded, went, stayed = net:fold()
  if not folded then cli.fail("%s", went) end
  if went + stayed == 0 then
    cli.say "note: there is no batch normalisation to fold"
  else
    cli.say("%d batch normalisation%s folded into the layers beside%s", went, went == 1 and "" or "s",
      stayed > 0 and ("; %d cannot be"):format(stayed) or "")
  end
  return folded
end

-- The network of args.model, with what its options say of it; what they say is remembered once the command has done its work (`at_once`: now). `quiet`: no
-- word on pre-processing that nobody knows.
function common.load_model(args, quiet, at_once)
  local net = cli.check(cs.load(args.model, { arch = args.arch, size = args.size }))
  local said = {}
  if args.arch then said[#said + 1] = "its architecture" end
  if args.size then
    if net.input[1] == args.size[1] and net.input[2] == args.size[2] then
      said[#said + 1] = ("pictures of %dx%d"):format(args.size[1], args.size[2])
    else
      cli.say("note: %s says itself that its pictures are %dx%d; --size is not used", args.model, net.input[1], net.input[2] or 1)
      args.size = nil
    end
  end
  local pre = net.preprocess
  local given = args.scale or args.mean or args.std or args.bgr
  if given and pre.known and not pre.remembered then
    cli.say("note: %s says itself how pixels go in; --scale, --mean, --std and --bgr are not used", args.model)
  elseif given then
    if args.scale == 0 then cli.usage "--scale is 0; every picture would be black" end
    net:set_preprocess {
      scale = args.scale or 1 / 255,
      mean = args.mean and numbers("--mean", args.mean) or 0,
      std = args.std and numbers("--std", args.std) or 1,
      bgr = args.bgr or false,
    }
    said[#said + 1] = "how pixels go in"
  elseif not pre.known and not quiet then
    cli.say("note: %s does not say how pixels go in; they are divided by 255 (--scale, --mean, --std, --bgr say otherwise)", args.model)
  end
  if args.classes and type(args.classes) == "string" then
    name_classes(net, args)
    said[#said + 1] = ("the names of %d classes"):format(net.classes)
  end
  if #said > 0 and at_once then remember(net, args, said) end
  if #said > 0 and not at_once then cli.afterwards(function() remember(net, args, said) end) end
  if args.precision then cli.check(net:set_precision(args.precision)) end
  return net
end

function common.data_option(parser, text)
  parser:option("-d --data", text or "Data set (the one the model was trained on)."):argname "DATASET"
  common.data_settings_options(parser)
end

-- How the pictures of a data set are read.
function common.data_settings_options(parser)
  parser:flag("--strict", "Stop at the first corrupt picture instead of skipping it.")
  parser:option("--fit", "Pictures of another shape: crop what stands over (crop), or stretch them."):choices({ "crop", "stretch" }):argname "HOW"
end

function common.data_settings(args, settings)
  settings.strict = args.strict or nil
  settings.fit = args.fit
  return settings
end

-- The data set of -d, else the one that the model was trained on, in the size the network takes.
function common.open_data(args, net)
  local spec, size = args.data, {}
  if not spec then
    spec = net and net.dataset
    if not spec then
      cli.fail "which data set? name one with -d: shapes, a folder of class folders, files of CIFAR or MNIST, an .npz or .h5 file, or tiny-imagenet-200.zip"
    end
    if not spec:find "^shapes" and not system.exists(spec) then
      local where = spec:find "tiny%-imagenet%-200" and " (Tiny ImageNet: http://cs231n.stanford.edu/tiny-imagenet-200.zip)" or ""
      cli.fail("the data set the model was trained on is not here: %s%s; name one with -d", spec, where)
    end
  end
  if net and #net.input == 3 then size = { height = net.input[1], width = net.input[2] } end
  return cli.check(cs.dataset(spec, common.data_settings(args, size))), spec
end

-- Before any work: the name of a file that is written in one format alone ends as such files do, or the end. `endings` begin with a dot.
function common.check_ending(path, option, format, endings)
  if not path or system.is_directory(path) then return end -- what is wrong with a directory is said where it is written
  local given = path:match "[^/]*$":lower()
  for _, ending in ipairs(endings) do
    if #given > #ending and given:sub(-#ending) == ending then return end
  end
  cli.usage("%s is '%s', but it is written as %s: give it a name that ends in %s", option, path, format, table.concat(endings, " or "))
end

function common.picture_name(path, option) common.check_ending(path, option, "PNG", { ".png" }) end
function common.h5_name(path, option) common.check_ending(path, option, "HDF5", { ".h5", ".hdf5" }) end

-- The directories of a path that are not there yet, the deepest first.
local function missing(path)
  local out = {}
  path = path:gsub("/+$", "")
  while path ~= "" and not system.exists(path) do
    out[#out + 1] = path
    path = path:match "^(.*[^/])/+[^/]*$" or ""
  end
  return out
end

-- Before long work: the directory its results go to is there and can be written, or the end. Where the command fails, those that were made go again while
-- nothing lies in them.
function common.ready_directory(path)
  if not path then return end
  local made = missing(path)
  cli.on_failure(function()
    for _, directory in ipairs(made) do
      if system.is_directory(directory) then os.remove(directory) end
    end
  end)
  cli.check(system.make_directories(path))
  cli.check(system.writable(path:gsub("/*$", "/") .. "result"))
end

function common.split_option(parser)
  parser:option("--split", "Which images: train, val, test or all.", "test"):argname "SPLIT"
end

function common.choose_split(args, data)
  if args.split == "all" then return data:images() end
  local images = cli.check(data:split(args.split))
  if images.count == 0 then cli.fail("the %s split of %s is empty; --split names another", args.split, data.spec) end
  if args.images then images = images:sample(args.images, args.seed or 0) end
  return images
end

-- The layer of that name, or the end with the names there are.
function common.layer(net, name)
  return cli.check(net:layer(math.tointeger(tonumber(name)) and common.layer_number(net, math.tointeger(tonumber(name))) or name))
end

function common.layer_number(net, index)
  if index < 0 or index >= #net.layers then
    cli.fail("layer %d is out of range: the network has layers 0 to %d", index, #net.layers - 1)
  end
  return index
end

-- Words "key=value" into a table; numbers, true and false become what they look like.
function common.settings(words)
  local out = {}
  for _, word in ipairs(words or {}) do
    local key, value = word:match "^([%w_.]+)=(.*)$"
    if not key then cli.usage("--set %s: expected key=value", word) end
    out[key] = value_of(value)
  end
  return out
end

function common.set_option(parser, text)
  parser:option("--set", text):argname("KEY=VALUE"):count "*"
end

-- OpenBLAS' kernels by the instructions they use; what is not here is as old as SSE.
local blas_isa = {
  SkylakeX = "avx512", Cooperlake = "avx512", SapphireRapids = "avx512",
  Haswell = "avx2", Zen = "avx2", Excavator = "avx2",
  Sandybridge = "avx", Bulldozer = "avx", Piledriver = "avx", Steamroller = "avx",
}
local blas_advice = { avx512 = "SkylakeX", avx2 = "Haswell" }

-- What is wrong with the kernel that OpenBLAS chose, by its speed; nil where nothing is. Of the peak a good kernel reaches 60 to 90 %.
function common.blas_note(machine, speed)
  local share = speed.gemm_gflops / speed.fma_one_gflops
  if share >= 0.5 or machine.best_isa == "portable" then return nil end
  local uses, advice = blas_isa[machine.blas] or "SSE", blas_advice[machine.best_isa]
  local forced = os.getenv "OPENBLAS_CORETYPE"
  if uses == machine.best_isa then
    return ("OpenBLAS reaches %.0f %% of this processor's peak with its kernel '%s', which is the right one here: the machine is busy, "
      .. "or shares its processors; measure again when it is idle"):format(100 * share, machine.blas)
  end
  local why = ("OpenBLAS reaches %.0f %% of this processor's peak: its kernel '%s' uses %s, and the processor has %s"):format(100 * share, machine.blas,
    uses:upper(), machine.best_isa:upper())
  if forced and forced ~= "" then
    return ("%s; OPENBLAS_CORETYPE=%s asks for it: leave it out, or set it to %s"):format(why, forced, advice)
  end
  return ("%s; set OPENBLAS_CORETYPE=%s, or install a newer OpenBLAS"):format(why, advice)
end

-- The same before a long training of a network that spends its time in OpenBLAS; nil where it does not, or where the training is short.
function common.blas_warning(net, images, epochs)
  local plan, macs, blas = net:plan { kind = "train" }, 0, 0
  if not plan then return nil end
  for i, layer in ipairs(net.layers) do
    macs = macs + layer.macs
    if plan[i].algorithm:find "GEMM" then blas = blas + layer.macs end
  end
  -- a processor does some 1e11 multiply-adds a second, a step three times those of a forward pass
  if blas < 0.1 * macs or 3e-11 * macs * images * epochs < 60 then return nil end
  local machine = cs.machine()
  local speed = machine and cs.speed()
  return speed and common.blas_note(machine, speed)
end

-- f(...), whose arguments a person wrote, on the command line or in a file: true and what it returns; false and why where one is refused, which is a
-- line and no traceback. All else that it raises is raised again.
function common.attempt(f, ...)
  local function judge(err)
    if type(err) ~= "string" then return { raised = err } end
    local line = not err:find("\n", 1, true) and err or ""
    local why = line:match "bad argument #%d+ to '[%w_]+' %((.*)%)$" or line:match "(cs%.%a+: .*)"
    return why and { refused = why } or { raised = line ~= "" and debug.traceback(err, 2) or err }
  end
  local out = table.pack(xpcall(f, judge, ...))
  if out[1] then return table.unpack(out, 1, out.n) end
  if out[2].refused then return false, out[2].refused end
  error(out[2].raised, 0)
end

function common.shape(list)
  return table.concat(list, "x")
end

-- 1234567 as 1,234,567.
function common.grouped(n)
  local text = ("%d"):format(n)
  local sign, digits = text:match "^(%-?)(%d+)$"
  return sign .. digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
end

function common.bytes(n)
  if n >= 1e9 then return ("%.2f GB"):format(n / 1e9) end
  if n >= 1e6 then return ("%.1f MB"):format(n / 1e6) end
  return ("%.0f kB"):format(n / 1e3)
end

-- Rows of texts with aligned columns; those named in `right` flush right.
function common.table(rows, right)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for k, cell in ipairs(row) do
      row[k] = tostring(cell)
      widths[k] = math.max(widths[k] or 0, utf8.len(row[k]) or #row[k])
    end
  end
  for _, row in ipairs(rows) do
    local line = {}
    for k, cell in ipairs(row) do
      local gap = (" "):rep(widths[k] - (utf8.len(cell) or #cell))
      line[k] = right and right[k] and gap .. cell or cell .. gap
    end
    lines[#lines + 1] = (table.concat(line, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

-- "file.h5:/name" into its parts. A name that begins with a slash may hold colons, as Keras' "/dense/kernel:0" does.
function common.h5_place(text, option)
  local path, name = text:match "^(.-):(/.+)$"
  if not path then path, name = text:match "^(.+):([^:]+)$" end
  if not path then cli.usage("%s is '%s'; expected FILE.h5:/NAME", option, text) end
  return path, name
end

-- A confusion matrix as CSV with counts, a true class a row.
function common.confusion_csv(confusion, data)
  local lines, head = {}, { "true" }
  local function quote(name) return '"' .. name:gsub('"', '""') .. '"' end
  for c = 0, data.classes - 1 do head[#head + 1] = quote(data:class_name(c)) end
  lines[1] = table.concat(head, ",")
  for r = 0, data.classes - 1 do
    local line = { quote(data:class_name(r)) }
    for _, n in ipairs(confusion[r]:tolist()) do line[#line + 1] = ("%.0f"):format(n) end
    lines[#lines + 1] = table.concat(line, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

function common.percent(x)
  return ("%.2f %%"):format(100 * x)
end

return common
