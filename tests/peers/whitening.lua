-- whitening.lua DATASET EPSILON OUT.h5: fits a ZCA whitening to the training images of a data set as `train --augment zca` does, and writes what is needed
-- to check it elsewhere: /train (all of their pixels), /kind, /epsilon, /mean and /std of the pre-processing, /pixels, /whitened and /back of the first few.
local cs = require "convscope"
local spec, epsilon, out = ...

cs.threads(1)
local data = assert(cs.dataset(spec, { seed = 1, val = 0.1, test = 0 }))
local net = assert(cs.network { input = { data.height, data.width, 3 }, seed = 1, cs.conv { 1, 3 }, cs.global_avgpool {},
  cs.dense { data.classes, activation = "softmax" } })
assert(cs.train(net, data, { epochs = 1, batch = 32, zca = tonumber(epsilon), seed = 1, patience = 0 }))
local some = data.train:images(0, 12)
local trace <close> = assert(net:trace(some))
local input, pre = trace:input():copy(), net.preprocess
local function triple(value) return cs.tensor(type(value) == "table" and value or { value, value, value }) end
assert(cs.h5.write(out, { ["/train"] = data.train:pixels(), ["/pixels"] = some:pixels(), ["/whitened"] = input, ["/back"] = net:unwhiten(input),
  ["/mean"] = triple(pre.mean), ["/std"] = triple(pre.std), ["/scale"] = cs.tensor { pre.scale },
  ["/epsilon"] = cs.tensor { pre.whitening.epsilon }, ["/whole"] = cs.tensor { pre.whitening.kind == "whole" and 1 or 0 } }))
