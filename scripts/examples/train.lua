-- train.lua: a small network learns `shapes`; its curves as text and as a figure, its weights in a Keras file.
-- convscope run scripts/examples/train.lua [DIRECTORY]
local cs = require "convscope"
local out = arg[1] or "example-train"

local data = assert(cs.dataset("shapes:count=3000,cause=colour", { size = 32 }))
local net = assert(cs.network {
  input = { 32, 32, 3 },
  cs.conv { 12, 5, activation = "relu" }, cs.maxpool { 2 },
  cs.conv { 24, 3, activation = "relu" }, cs.maxpool { 2 },
  cs.dropout { 0.2 },
  cs.dense { data.classes, activation = "softmax" },
})

local train, val = {}, {}
local run = assert(cs.train(net, data, {
  epochs = 5, optimizer = cs.adam { rate = 0.002 }, schedule = "cosine", out = out, overwrite = true,
  on_epoch = function(epoch)
    train[#train + 1], val[#val + 1] = epoch.train.loss, epoch.val.loss
    print(("epoch %d: validation accuracy %.1f %%"):format(epoch.number + 1, 100 * epoch.val.accuracy))
  end,
}))

local plot = cs.plot { title = "loss", x_label = "epoch", series = { { name = "train", y = train }, { name = "val", y = val } } }
print(plot:text(70, 14))
assert(plot:save(out .. "/loss.png"))
assert(plot:save(out .. "/loss.svg"))
assert(net:save(out .. "/model.h5"))
print(run.message)
print(("test accuracy %.1f %%"):format(100 * net:accuracy(data.test)))
