-- bench: how fast the engine is on this machine: medians, after a round to warm up.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local engine = cs.engine

local everything = { "seed", "seed-strided", "pyramid2-256", "pyramid2-512", "pyramid3-1024", "seed-same", "seed-bn", "vgg16" }

local function median(values)
  table.sort(values)
  return values[#values // 2 + 1]
end

-- Projections a second of each convolution: every feature's strongest unit of one image, as `project -f all` does. By name, and the names in the
-- network's order.
local function projections(net, rounds)
  local out, names, picture = {}, {}, cs.random(1):uniform(-1, 1, net.input)
  local trace <close> = cli.check(net:trace(picture))
  for _, layer in ipairs(net.layers) do
    if layer.type == "conv" then
      local seconds = {}
      for round = 0, rounds do
        local start = engine.system.clock()
        cli.check(cs.project(trace, layer.index, { feature = "all", at = "max" }))
        if round > 0 then seconds[round] = engine.system.clock() - start end
      end
      out[layer.name] = layer.features / median(seconds)
      names[#names + 1] = layer.name
    end
  end
  return out, names
end

-- A part of an epoch of a data set, loading and augmentation included, beside the bare step on the same images.
local function epoch(net, data, args, found)
  local copy <close> = cli.check(net:copy())
  local seconds, bare = cli.check(engine.bench_epoch(copy, data, args.batch, args.rounds))
  found.epoch_images_per_s, found.epoch_bare_images_per_s, found.epoch_share = args.batch / seconds, args.batch / bare, bare / seconds
end

-- What is found out about a network, and the names of its convolutions.
local function measure(name, args, speed, data)
  local net = cli.check(cs.preset(name, { classes = data and data.classes or args.classes or 200, size = data and data.width or args.size, seed = 1 }))
  if args.precision then cli.check(net:set_precision(args.precision)) end
  local infer = args.batch / cli.check(engine.bench_steps(net, args.batch, args.rounds, false))
  local copy <close> = cli.check(net:copy())
  local train = args.batch / cli.check(engine.bench_steps(copy, args.batch, args.rounds, true))
  local machine = cs.machine()
  local rates, names = projections(net, math.min(args.rounds, 3))
  local found = {
    network = name, batch = args.batch, threads = cs.threads(), train_images_per_s = train, infer_images_per_s = infer,
    projections_per_s = rates, fma_peak_gflops = speed.fma_peak_gflops,
    precision = net.precision ~= "fp32" and net.precision or nil,
    isa = machine.isa, blas = machine.blas, train_gflops = train * net.macs * 6e-9, infer_gflops = infer * net.macs * 2e-9,
  }
  if data then epoch(net, data, args, found) end
  return found, names
end

-- What JSON begins with; the convolutions follow as the networks have them.
local order = { "network", "batch", "threads", "train_images_per_s", "infer_images_per_s", "projections_per_s", "fma_peak_gflops",
  "isa", "blas" }

local function row(found, names)
  local rates = {}
  for i, name in ipairs(names) do rates[i] = ("%.0f"):format(found.projections_per_s[name]) end
  return { found.network, ("%.1f"):format(found.train_images_per_s), ("%.1f"):format(found.infer_images_per_s),
    ("%.0f %%"):format(100 * found.train_gflops / found.fma_peak_gflops), ("%.0f %%"):format(100 * found.infer_gflops / found.fma_peak_gflops),
    table.concat(rates, " ") }
end

return {
  summary = "how fast the engine trains, infers and projects here",
  description = "Measures training steps and inference in images a second and projections a second by convolution layer, on random images: medians after a round to "
    .. "warm up. `of peak` counts multiply-adds as a dense computation needs them.",
  arguments = function(parser)
    parser:argument("preset", "The network (seed)."):argname("PRESET"):args "?"
    parser:flag("--all", "The table of networks.")
    parser:flag("--epoch", "Also train on the images of -d, loaded, flipped and shifted as in a run, beside the bare step on the same images.")
    parser:option("-d --data", "Data set for --epoch."):argname "DATASET"
    parser:option("--batch", "Images at a time.", "32", common.integer(1, 4096)):argname "N"
    parser:option("--rounds", "Passes measured.", "5", common.integer(1, 1000)):argname "N"
    parser:option("--classes", "Classes (200).", nil, common.integer(1)):argname "N"
    parser:option("--size", "Input size (64).", nil, common.integer(8, 4096)):argname "N"
    common.precision(parser)
    common.json(parser)
    common.threads(parser)
  end,
  run = function(args)
    if args.all and args.preset then cli.usage "either a preset or --all" end
    if args.epoch ~= nil and not args.data then cli.usage "--epoch trains on a data set: name one with -d" end
    if args.data and not args.epoch then cli.usage "-d goes with --epoch" end
    if args.data and args.classes then cli.usage "--classes is the data set's own with -d" end
    local data = args.data and cli.check(cs.dataset(args.data, { size = args.size or 64 }))
    local names = args.all and everything or { args.preset or "seed" }
    local speed, all, keys = cli.check(cs.speed()), {}, table.move(order, 1, #order, 1, {})
    local rows = { { "network", "train img/s", "infer img/s", "of peak", "of peak", "projections/s by layer" } }
    for _, name in ipairs(names) do
      cs.progress(nil, "measuring " .. name)
      local found, convolutions = measure(name, args, speed, data)
      all[#all + 1] = found
      rows[#rows + 1] = row(found, convolutions)
      for _, convolution in ipairs(convolutions) do
        if not keys[convolution] then keys[#keys + 1], keys[convolution] = convolution, true end
      end
    end
    cs.progress()
    if args.json then return cli.json(args.all and setmetatable(all, { __jsontype = "array" }) or all[1], keys) end
    cli.print(common.table(rows, { false, true, true, true, true }))
    for _, found in ipairs(data and all or {}) do
      cli.print(("%s on %s, loaded, flipped and shifted: %.1f img/s, %.1f %% of the bare step's %.1f"):format(found.network, data.spec,
        found.epoch_images_per_s, 100 * found.epoch_share, found.epoch_bare_images_per_s))
    end
    cli.print(("batch %d, %d threads, %s%s, OpenBLAS %s, multiply-add peak %.0f GFLOP/s"):format(args.batch, cs.threads(), all[1].isa,
      all[1].precision and ", " .. all[1].precision or "", all[1].blas, speed.fma_peak_gflops))
  end,
}
