-- table1.lua: a network in the form of the paper's Table 1 ("Hyperparameters chosen for our CNN"), beside what that table says.
--
-- The paper calls "stride" what only a max-pool's can be: strided convolutions do not give its output sizes. And its outputs are those before the
-- pool in the first row, behind it in the others. So both are computed, and each row says which of them the paper's is.
local table1 = {}

-- The table as it was printed: kernel, stride, layer size, output.
table1.paper = {
  { layer = "Conv. 1", kernel = { 5, 5 }, stride = 3, size = 512, output = { 60, 60 } },
  { layer = "Conv. 2", kernel = { 3, 3 }, stride = 2, size = 256, output = { 9, 9 } },
  { layer = "Conv. 3", kernel = { 3, 3 }, stride = 2, size = 128, output = { 3, 3 } },
  { layer = "Dense 4", size = 200, output = { 1, 200 } },
}

local function same(a, b) return a[1] == b[1] and a[2] == b[2] end

-- What is computed: a row a convolution or dense layer with `layer`, `name`, `kernel`, `stride`, `size`, `output`, and where a pool follows `pool` and
-- `behind`, the output behind it. With `paper`, the printed row in `paper` and in `meets` which of ours its output is: "output", "behind" or "none".
function table1.rows(net, paper)
  local rows = {}
  for _, layer in ipairs(net.layers) do
    local last, spec = rows[#rows], layer.spec
    if layer.type == "conv" then
      rows[#rows + 1] = { layer = "Conv. " .. #rows + 1, name = layer.name, kernel = spec.kernel, stride = spec.stride[1], size = layer.features,
        output = { layer.output[1], layer.output[2] } }
    elseif layer.type == "dense" then
      rows[#rows + 1] = { layer = "Dense " .. #rows + 1, name = layer.name, size = layer.features, output = { 1, layer.features } }
    elseif last and last.kernel and not last.pool and (layer.type == "maxpool" or layer.type == "avgpool") then
      last.pool, last.behind = spec.stride[1], { layer.output[1], layer.output[2] }
    end
  end
  for k, row in ipairs(paper and rows or {}) do
    local printed = table1.paper[k]
    if printed and printed.layer == row.layer then
      row.paper = printed
      row.meets = same(printed.output, row.output) and "output" or row.behind and same(printed.output, row.behind) and "behind" or "none"
    end
  end
  return rows
end

local function by(pair) return pair and ("%d x %d"):format(pair[1], pair[2]) or "-" end
local meets = { output = "this output", behind = "behind the pool", none = "neither" }

-- The rows as lines of text for common.table, the head first.
function table1.lines(rows)
  local printed, pooled = false, false
  for _, row in ipairs(rows) do
    printed, pooled = printed or row.paper ~= nil, pooled or row.pool ~= nil
  end
  local head = { "layer", "kernel", "stride", "layer size", "output" }
  if pooled then table.move({ "pool", "behind it" }, 1, 2, #head + 1, head) end
  if printed then table.move({ "| paper: kernel", "stride", "size", "output", "which is" }, 1, 5, #head + 1, head) end
  local lines = { head }
  for _, row in ipairs(rows) do
    local line = { row.layer, by(row.kernel), row.stride or "-", row.size, by(row.output) }
    if pooled then table.move({ row.pool or "-", by(row.behind) }, 1, 2, #line + 1, line) end
    if printed then
      local paper = row.paper or {}
      table.move({ "| " .. by(paper.kernel), paper.stride or "-", paper.size or "-", by(paper.output), row.paper and meets[row.meets] or "-" }, 1, 5, #line + 1, line)
    end
    lines[#lines + 1] = line
  end
  return lines
end

return table1
