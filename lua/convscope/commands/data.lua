-- data: what a data set holds; write it as one HDF5 file, or some of it as pictures.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"

local function info(args)
  local data = cli.check(cs.dataset(args.dataset, common.data_settings(args, { size = args.size })))
  local per_class = {}
  for _, split in ipairs { "train", "val", "test" } do
    local counts = {}
    for _, label in ipairs(data[split]:labels()) do counts[label] = (counts[label] or 0) + 1 end
    per_class[split] = counts
  end
  if args.json then
    local document = { spec = data.spec, kind = data.kind, width = data.width, height = data.height, images = data.count,
      skipped = data.skipped, splits = {}, classes = {} }
    for _, split in ipairs { "train", "val", "test" } do document.splits[split] = data[split].count end
    for c = 0, data.classes - 1 do
      document.classes[c + 1] = { class = c, id = data.class_ids[c + 1], name = data:class_name(c),
        train = per_class.train[c] or 0, val = per_class.val[c] or 0, test = per_class.test[c] or 0 }
    end
    return cli.json(document, { "spec", "kind", "width", "height", "images", "class", "id", "name", "train", "val", "test" })
  end
  cli.print(("%s (%s): %d images of %dx%d, %d classes"):format(data.spec, data.kind, data.count, data.width, data.height, data.classes))
  cli.print(("train %d, val %d, test %d%s"):format(data.train.count, data.val.count, data.test.count,
    data.skipped > 0 and (", %d corrupt pictures skipped"):format(data.skipped) or ""))
  local rows = { { "class", "name", "train", "val", "test" } }
  local most = args.all and data.classes or math.min(data.classes, 20)
  for c = 0, most - 1 do
    rows[#rows + 1] = { c, data:class_name(c), per_class.train[c] or 0, per_class.val[c] or 0, per_class.test[c] or 0 }
  end
  cli.print ""
  cli.print(common.table(rows, { true, false, true, true, true }))
  if most < data.classes then cli.print(("... and %d more (--all)"):format(data.classes - most)) end
end

local function export(args)
  if args.count == 1 then common.picture_name(args.png, "--png") end
  common.h5_name(args.out, "OUT")
  local data = cli.check(cs.dataset(args.dataset, common.data_settings(args, { size = args.size })))
  if not args.out and not args.png then cli.usage "export needs OUT.h5, or --png for pictures" end
  if args.png then
    local count = math.min(args.count or 9, data.count)
    if count == 1 then
      cli.check(data:picture(0):save(args.png, { name = data:sample(0).name, class = data:sample(0).class }))
      cli.print("wrote " .. args.png)
    else
      cli.check(cs.engine.system.make_directories(args.png))
      for i = 0, count - 1 do
        local sample = data:sample(i)
        cli.check(data:picture(i):save(("%s/%06d.png"):format(args.png, i), { name = sample.name, class = sample.class }))
      end
      cli.print(("wrote %d pictures into %s"):format(count, args.png))
    end
  end
  if args.out then
    cli.check(data:export(args.out))
    cli.print(("wrote %s: %d images of %dx%d"):format(args.out, data.count, data.width, data.height))
  end
end

return {
  summary = "what a data set holds; write it as one HDF5 file",
  description = "info: classes, splits and sizes. export: the whole data set as one HDF5 file (which -d takes everywhere), or its first images as PNG.",
  arguments = function(parser)
    parser:require_command(true)
    parser:command_target "action"
    local function common_arguments(command)
      command:argument("dataset", "shapes, shapes:key=value,..., a folder, zip or tar, files of CIFAR or MNIST, an .npz or .h5 file."):argname "DATASET"
      command:option("--size", "Fit the images to so many pixels (their own size).", nil, common.integer(1, 4096)):argname "N"
      common.data_settings_options(command)
    end
    local i = parser:command("info", "Classes, splits, sizes.")
    common_arguments(i)
    i:flag("--all", "All classes, however many.")
    common.json(i)
    local e = parser:command("export", "Write it as HDF5 or its first images as PNG.")
    common_arguments(e)
    e:argument("out", "The file to write."):argname("OUT.h5"):args "?"
    e:option("--png", "Write pictures: a file for one, a directory for more."):argname "PATH"
    e:option("--count", "How many pictures (9).", nil, common.integer(1)):argname "N"
  end,
  run = function(args);
    (args.action == "info" and info or export)(args)
  end,
}
