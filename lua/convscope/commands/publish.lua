-- publish: a run as a model with a name: its best network with the record of its training, where `convscope browse NAME` finds it.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local system = cs.engine.system

-- What goes along, as far as it is there; of the runs that it went on from, these two and the curves. Texts lose the paths of the machine that
-- trained; best.hdf5 and the test are made anew.
local before = { "config.json", "log.txt", "history.csv" }
local texts = { "config.json", "summary.json", "log.txt" }
local copies = { "history.csv", "history.hdf5", "points.csv" }

local function user_directory()
  if (os.getenv "CONVSCOPE_MODELS" or "") ~= "" then return os.getenv "CONVSCOPE_MODELS" end
  local data = os.getenv "XDG_DATA_HOME"
  if not data or data:sub(1, 1) ~= "/" then data = (os.getenv "HOME" or cli.fail "no HOME: name a directory with -o") .. "/.local/share" end
  return data .. "/convscope/models"
end

local function last_part(path) return path:gsub("/+$", ""):match "[^/]+$" or path end

-- "/data/tiny-imagenet-200.zip:seed=2" as "tiny-imagenet-200.zip:seed=2".
local function without_directory(spec)
  return spec:find "^shapes" and spec or last_part(spec)
end

-- Plain replacement of every `from`, the longest first, so that a path goes before its parts. What has no directory in it is no path of a machine, and
-- could be any word of the text ("seed").
local function replaced(text, pairs_of)
  table.sort(pairs_of, function(a, b) return #a[1] > #b[1] end)
  for _, pair in ipairs(pairs_of) do
    if pair[1]:find "/" and pair[1] ~= pair[2] then
      text = text:gsub(pair[1]:gsub("%p", "%%%0"), (pair[2]:gsub("%%", "%%%%")))
    end
  end
  return text
end

-- Accuracy and confusion of the test images: test.json and confusion.csv; what they say.
local function test(net, args, directory)
  local data = common.open_data(args, net)
  local result = cli.check(net:evaluate(common.choose_split({ split = "test" }, data)))
  cli.check(cs.write_file(directory .. "/confusion.csv", common.confusion_csv(result.confusion, data)))
  cli.check(cs.write_file(directory .. "/test.json", require("dkjson").encode({ split = "test", images = result.images, accuracy = result.accuracy,
    top5_accuracy = result.top5_accuracy, loss = result.loss }, { indent = true, keyorder = { "split", "images", "accuracy", "top5_accuracy", "loss" } }) .. "\n"))
  return ("%s of %d test images, top 5 %s"):format(common.percent(result.accuracy), result.images, common.percent(result.top5_accuracy))
end

-- A file of the run itself. What a link leads to may be anybody's, and is not published.
local function own(directory, name)
  local path = directory .. "/" .. name
  if not system.exists(path) then return nil end
  if system.absolute(path) ~= (system.absolute(directory) or directory):gsub("/$", "") .. "/" .. name then
    cli.fail("'%s' is a link: a run is published with the files in its own directory alone; put a file there, or remove it", path)
  end
  return (system.read(path))
end

-- An entry of a part of config.json: of "about", what the run began with: "from" (`train --from`), "average_with" or "preset"; of "dataset", its "spec"; of
-- "train", the "teacher"; or nil.
local function entry(directory, part, key)
  local config = require("convscope.json").decode(own(directory, "config.json") or "")
  local found = type(config) == "table" and config[part]
  return type(found) == "table" and found[key] or nil
end

-- The same, where it is a word.
local function configured(directory, part, key)
  local value = entry(directory, part, key)
  return type(value) == "string" and value or nil
end

-- The preset, the teacher and the models averaged with, as a run's config.json names them.
local function others_of(directory)
  local averaged = entry(directory, "about", "average_with")
  local out = {}
  for _, name in ipairs { configured(directory, "about", "preset") or false, configured(directory, "train", "teacher") or false,
    table.unpack(type(averaged) == "table" and averaged or {}) } do
    if type(name) == "string" then out[#out + 1] = name end
  end
  return out
end

local function origin(directory) return configured(directory, "about", "from") end

-- The runs whose weights it went on from, the last one first, as far as they are still there; installed models too.
local function ancestors(directory)
  local out, seen = {}, { [system.absolute(directory) or directory] = true }
  local from = origin(directory)
  from = from and cs.find_run(from)
  while from and not seen[system.absolute(from)] do
    seen[system.absolute(from)] = true
    out[#out + 1] = from
    from = origin(from)
    from = from and cs.find_run(from)
  end
  return out
end

-- How many runs before it a published model has the record of, as before-1-config.json and so on.
local function recorded(directory)
  local n = 0
  while directory and system.exists(("%s/before-%d-config.json"):format(directory, n + 1)) do n = n + 1 end
  return n
end

-- The files of a publication, by name; those of the runs before it have a prefix. What stands of an earlier one goes where the new one has no such file.
local published = { ["best.hdf5"] = true, ["test.json"] = true, ["confusion.csv"] = true }
for _, list in ipairs { texts, copies } do
  for _, name in ipairs(list) do published[name] = true end
end

local function of_publication(name) return published[name:gsub("^before%-%d+%-", "")] end

local function empty(directory)
  for _, name in ipairs(system.list(directory) or {}) do os.remove(directory .. "/" .. name) end
end

-- A directory beside `directory` in which it is made, so that what stands there stays until the new one is whole; gone again where that fails.
local function beside(directory)
  local path = directory:gsub("[^/]+$", ".%0.part")
  cli.on_failure(function() empty(path) end)
  common.ready_directory(path)
  empty(path)
  return path
end

-- The files of `part` go into `directory`, in the place of an earlier publication's.
local function into_place(part, directory)
  cli.check(system.make_directories(directory))
  local new = {}
  for _, name in ipairs(cli.check(system.list(part))) do
    new[name] = true
    cli.check(os.rename(part .. "/" .. name, directory .. "/" .. name))
  end
  for _, name in ipairs(cli.check(system.list(directory))) do
    if of_publication(name) and not new[name] then cli.check(os.remove(directory .. "/" .. name)) end
  end
  os.remove(part)
end

return {
  summary = "keep a run's best network under a name, with the record of its training",
  description = "Writes the best network of a run, float32 and without the state of its optimiser, and beside it configuration, curves, log, summary, and accuracy and confusion "
    .. "of the test images (and of the runs it went on from with train --from, as before-1-config.json and so on), into a directory NAME of the installed models of this user: every command that takes a MODEL then takes NAME. Paths of this machine are left out.",
  arguments = function(parser)
    parser:argument("model", "A run directory."):argname "RUN"
    parser:argument("name", "The name: letters, digits, - and _."):argname "NAME"
    common.data_option(parser, "For the test images: the data set (the one it was trained on).")
    parser:option("-o --output", "Where the directory NAME is made (the user's installed models)."):argname "DIR"
    parser:flag("--no-test", "Do not run the test images.")
    parser:flag("--force", "Replace a model of that name.")
    common.threads(parser)
  end,
  run = function(args)
    if not args.name:find "^[%w_-]+$" then cli.usage("the name is '%s'; expected letters, digits, - and _", args.name) end
    local state = cli.check(cs.run_state(args.model))
    if state.alive then cli.fail("'%s' is being trained right now: publish it when it is finished", args.model) end
    local directory = (args.output or user_directory()) .. "/" .. args.name
    if system.exists(directory) and not args.force then cli.fail("there is a model '%s' already: %s; --force replaces it", args.name, directory) end
    local net = common.load_model(args, true)
    local part = beside(directory)
    local said = not args.no_test and test(net, args, part)
    local spec = net.dataset
    local away = { { system.absolute(args.model) or args.model, args.name }, { args.model:gsub("/+$", ""), args.name } }
    if spec then
      table.insert(away, { spec, without_directory(spec) })
      net:set_dataset(without_directory(spec))
    end
    local line = ancestors(args.model)
    local named = { table.unpack(line) }
    named[#named + 1] = origin(line[#line] or args.model) -- a model file, or a run that is gone
    for _, from in ipairs(named) do
      table.insert(away, { system.absolute(from) or from, last_part(from) })
      table.insert(away, { from, last_part(from) })
    end
    for _, run in ipairs { args.model, table.unpack(line) } do
      local images = configured(run, "dataset", "spec")
      for _, name in ipairs(others_of(run)) do table.insert(away, { name, last_part(name) }) end
      if images then table.insert(away, { images, without_directory(images) }) end
    end
    local function keep(from, name, as)
      local text = own(from, name)
      if text then cli.check(cs.write_file(part .. "/" .. as, replaced(replaced(text, { { "\\/", "/" } }), away))) end
    end
    for _, name in ipairs(texts) do keep(args.model, name, name) end
    local older = recorded(line[#line])
    for i = 1, older do
      for _, name in ipairs(before) do keep(line[#line], ("before-%d-%s"):format(i, name), ("before-%d-%s"):format(i, name)) end
    end
    for i, from in ipairs(line) do
      for _, name in ipairs(before) do keep(from, name, ("before-%d-%s"):format(older + #line + 1 - i, name)) end
    end
    for _, name in ipairs(copies) do
      local bytes = own(args.model, name)
      if bytes then cli.check(cs.write_file(part .. "/" .. name, bytes)) end
    end
    cli.check(net:save(part .. "/best.hdf5"))
    into_place(part, directory)
    if said then cli.print(said) end
    cli.print(("published %s: %s; look into it with convscope browse %s"):format(args.name, directory, args.output and directory or args.name))
  end,
}
