-- eval: how well a model does on the images of a split.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"

local few = 12 -- classes whose matrix is printed

local function matrix_text(confusion, data)
  local rows = { { "true \\ predicted" } }
  for c = 0, data.classes - 1 do rows[1][c + 2] = ("%d"):format(c) end
  rows[1][data.classes + 2] = "of"
  for r = 0, data.classes - 1 do
    local row, sum = { ("%d %s"):format(r, data:class_name(r)) }, 0
    for c = 0, data.classes - 1 do
      local n = confusion[{ r, c }]
      sum = sum + n
      row[c + 2] = n == 0 and "." or ("%.0f"):format(n)
    end
    row[data.classes + 2] = ("%.0f"):format(sum)
    rows[#rows + 1] = row
  end
  local right = {}
  for k = 2, data.classes + 2 do right[k] = true end
  return common.table(rows, right)
end

-- The cells off the diagonal with the most images.
local function worst(confusion, data, most)
  local pairs_found = {}
  for r = 0, data.classes - 1 do
    local row = confusion[r]:tolist()
    for c = 0, data.classes - 1 do
      if r ~= c and row[c + 1] > 0 then pairs_found[#pairs_found + 1] = { r, c, row[c + 1] } end
    end
  end
  table.sort(pairs_found, function(a, b)
    if a[3] ~= b[3] then return a[3] > b[3] end
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return table.move(pairs_found, 1, math.min(most, #pairs_found), 1, {})
end

-- The matrix as a heat map with rows as shares, and as CSV with counts.
local function write_matrix(directory, confusion, data)
  cli.check(cs.engine.system.make_directories(directory))
  cli.check(cs.write_file(directory .. "/confusion.csv", common.confusion_csv(confusion, data)))
  local shares = confusion:copy()
  for r = 0, data.classes - 1 do
    local sum = shares[r]:sum()
    if sum > 0 then shares[r] = shares[r] / sum end
  end
  local plot = cs.plot {
    title = "confusion, each true class as shares", y_label = "true class", x_label = "predicted class", cells = shares, map = "heat",
  }
  cli.check(plot:save(directory .. "/confusion.png", { width = 900, height = 860 }))
  return directory .. "/confusion.csv", directory .. "/confusion.png"
end

return {
  summary = "top-1 and top-5 accuracy, loss and confusion matrix",
  description = "Evaluates a model on the images of one split. In the confusion matrix rows are true classes and columns what was "
    .. "predicted; it is printed for up to 12 classes, and written as CSV (counts) and PNG (shares) into the directory of -o.",
  arguments = function(parser)
    common.model_arguments(parser)
    common.data_option(parser)
    common.split_option(parser)
    parser:option("--images", "At most so many of them, chosen at random by --seed.", nil, common.integer(1)):argname "N"
    parser:option("--seed", "For --images.", "0", common.integer(0)):argname "S"
    parser:option("--batch", "Images at a time.", "32", common.integer(1, 65536)):argname "N"
    parser:flag("--confusion", "Print the confusion matrix, however many classes there are.")
    parser:option("-o --output", "Write confusion.csv and confusion.png there."):argname "DIR"
    common.json(parser)
    common.precision(parser)
    common.threads(parser)
  end,
  run = function(args)
    local net = common.load_model(args)
    local data, spec = common.open_data(args, net)
    local images = common.choose_split(args, data)
    common.ready_directory(args.output)
    local result = cli.check(net:evaluate(images, { batch = args.batch }))
    local written = args.output and { write_matrix(args.output, result.confusion, data) }
    if args.json then
      local document = {
        model = args.model, dataset = spec, split = args.split, accuracy = result.accuracy,
        top5_accuracy = result.top5_accuracy, loss = result.loss, images = result.images,
      }
      if args.confusion then
        document.confusion = {}
        for r, row in ipairs(result.confusion:tolist()) do
          document.confusion[r] = {}
          for c, n in ipairs(row) do document.confusion[r][c] = math.tointeger(n) end
        end
        document.class_names = data.class_names
      end
      return cli.json(document, { "model", "dataset", "split", "images", "accuracy", "top5_accuracy", "loss" })
    end
    cli.print(("%s on %s, %s: %d images of %d classes"):format(args.model, spec, args.split, result.images, data.classes))
    cli.print(("accuracy        %s  (%d of %d)"):format(common.percent(result.accuracy), result.correct, result.images))
    cli.print(("top-5 accuracy  %s"):format(common.percent(result.top5_accuracy)))
    cli.print(("loss            %.4f"):format(result.loss))
    if args.confusion or data.classes <= few then
      cli.print ""
      cli.print(matrix_text(result.confusion, data))
    else
      cli.print ""
      cli.print "most confused:"
      local rows = {}
      for _, cell in ipairs(worst(result.confusion, data, 10)) do
        rows[#rows + 1] = { ("  %.0f"):format(cell[3]), data:class_name(cell[1]), "taken for " .. data:class_name(cell[2]) }
      end
      cli.print(common.table(rows, { true }))
      if not written then cli.print "-o DIR writes the whole matrix, --confusion prints it" end
    end
    for _, path in ipairs(written or {}) do cli.print("wrote " .. path) end
  end,
}
