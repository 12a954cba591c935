-- pyramid.lua: the family of networks of the paper: two or three convolutions that get narrower, each followed by a max-pool.
--
-- Kernels 5, 3, 3 and pools 3, 2, 2; the paper's table calls the pools' sizes strides. Convolutions begin from N(0, 1/inputs), the dense layer
-- from N(0, 0.001^2): with wider beginnings every useful rate kills all units within the first steps.
local cs = require "convscope"

local kernels, pools = { 5, 3, 3 }, { 3, 2, 2 }

-- options: classes, and of the family: widths, dropout (before the last convolution; 0: none), activation, padding, batchnorm (between convolution and
-- activation), norms (batch normalisations behind the pools, which training is faster with and net:fold() takes out again), strided (the pools' sizes as
-- strides of the convolutions, no pools).
return function(options)
  local spec = { input = options.input }
  local function add(layer) spec[#spec + 1] = layer end
  for i, features in ipairs(options.widths) do
    if i == #options.widths and options.dropout > 0 then add(cs.dropout { options.dropout }) end
    add(cs.conv {
      features, kernels[i], options.strided and pools[i] or 1,
      padding = options.padding,
      activation = options.batchnorm and "linear" or options.activation or "relu",
      init = "normal",
    })
    if options.batchnorm then
      add(cs.batchnorm {})
      add(cs.activation { options.activation or "relu" })
    end
    if not options.strided then add(cs.maxpool { pools[i] }) end
    if options.norms then add(cs.batchnorm {}) end
  end
  add(cs.flatten {})
  add(cs.dense { options.classes, activation = "softmax", init = "normal", deviation = 0.001 })
  return spec
end
