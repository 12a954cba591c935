-- sheet.lua: pictures of what a network sees on one sheet, drawn and cut as the browser shows and exports them.
local cs = require "convscope"

local methods = {}
methods.__index = methods

--- cs.sheet(net[, options])
-- A sheet of pictures of what a network sees, as the browser exports its screens. Options: `columns` (near square), `shared` (one scale
-- for all numbers; unless said each picture has its own), `rule` ("deconvnet") and `signal` ("value") of its projections. Each of the
-- following adds a picture, row by row, and returns the sheet.
local function new(net, options)
  local sheet = { net = net, items = {}, rule = "deconvnet", signal = "value", shared = false }
  for key, value in pairs(options or {}) do
    if key ~= "columns" and key ~= "shared" and key ~= "rule" and key ~= "signal" then
      error(("cs.sheet: no option '%s'; there are columns, rule, shared, signal"):format(tostring(key)), 2)
    end
    sheet[key] = value
  end
  return setmetatable(sheet, methods)
end

local function add(sheet, item)
  sheet.items[#sheet.items + 1] = item
  return sheet
end

-- The pixels of one image as a tensor [height,width,3]: of images (the first), or of a picture, fitted as the network sees it.
local function pixels_of(sheet, image)
  if getmetatable(image).__name == "picture" then
    return image:fit(sheet.net.input[2], sheet.net.input[1]):pixels()
  end
  return image:images(0, 1):pixels()[0]
end

-- The part of the input that the unit at (row, column) of a layer sees, clipped to it: top, left, height, width.
local function field(net, layer, row, column)
  local at, out = assert(net:layer(layer)), {}
  for axis, place in ipairs { row, column } do
    local first = at.receptive_start[axis] + math.max(place, 0) * at.receptive_step[axis]
    local last = first + at.receptive_field[axis]
    first = math.min(math.max(first, 0), net.input[axis] - 1)
    last = math.min(last, net.input[axis])
    out[axis], out[axis + 2] = first, math.max(last - first, 1)
  end
  return table.unpack(out)
end

--- sheet:image(name, image)
-- The image itself: images (their first), or a picture.
function methods:image(name, image)
  return add(self, { name = name, picture = cs.picture(pixels_of(self, image), { photo = true }) })
end

--- sheet:patch(name, image, layer, row, column)
-- The part of the image that the unit of a layer sees.
function methods:patch(name, image, layer, row, column)
  local top, left, height, width = field(self.net, layer, row, column)
  local part = pixels_of(self, image):slice(top, height):slice(left, width, 1)
  return add(self, { name = name, picture = cs.picture(part, { photo = true }) })
end

-- The trace of the image asked for last is kept: sheets ask for many features of one image.
local function trace_of(sheet, image)
  local key = getmetatable(image).__name == "images" and image.data and { image.data, image:number(0) } or { image }
  local kept = sheet.kept
  if kept and kept.key[1] == key[1] and kept.key[2] == key[2] then return kept.trace end
  if kept then kept.trace:close() end
  if getmetatable(image).__name == "images" then image = image:images(0, 1) end
  sheet.kept = { key = key, trace = assert(sheet.net:trace(image)) }
  return sheet.kept.trace
end

--- sheet:projection(name, image, layer[, options])
-- A projection of that image. Options as for cs.project (`feature`, `at`, `rule`, `signal`), and `crop` (false): cut to what the unit
-- sees. A feature that is silent there leaves its place empty.
function methods:projection(name, image, layer, options)
  local given = { rule = self.rule, signal = self.signal }
  for key, value in pairs(options or {}) do given[key] = value end
  local crop = given.crop
  given.crop = nil
  local numbers, found = cs.project(trace_of(self, image), layer, given)
  if not numbers then error(found, 2) end
  if found.silent then return self:skip(name) end
  if crop and found.row then
    local top, left, height, width = field(self.net, layer, found.row, found.column)
    numbers = numbers:slice(top, height):slice(left, width, 1)
  end
  if numbers.shape[3] == 3 and self.net.preprocess.bgr then
    numbers = cs.perturb.reorder(numbers:reshape { 1, table.unpack(numbers.shape) }, { 2, 1, 0 })[0]:copy()
  end
  return add(self, { name = name, numbers = numbers, value = found.value })
end

--- sheet:filter(name, layer, feature)
-- The kernel of one feature of a first layer.
function methods:filter(name, layer, feature)
  local kernel = assert(self.net:weights(layer))
  local rows, columns, channels = table.unpack(kernel.shape)
  local numbers = kernel:slice(feature, 1, 3):reshape { rows, columns, channels }
  if channels == 3 and self.net.preprocess.bgr then
    numbers = cs.perturb.reorder(numbers:reshape { 1, rows, columns, channels }, { 2, 1, 0 })[0]:copy()
  end
  return add(self, { name = name, numbers = numbers })
end

--- sheet:of(net)
-- What is added from here on is of this network.
function methods:of(net)
  if self.kept then
    self.kept.trace:close()
    self.kept = nil
  end
  self.net = net
  return self
end

--- sheet:numbers(name, tensor[, value])
-- Any numbers [height,width,channels], drawn as projections are; `value` stands beside them in the file.
function methods:numbers(name, tensor, value)
  return add(self, { name = name, numbers = tensor, value = value })
end

--- sheet:skip([name])
-- Leave a place empty.
function methods:skip(name)
  return add(self, { name = name })
end

--- sheet:save(stem)
-- Write stem.png (160 pixels a picture, the scales as text) and stem.hdf5 (the numbers, with the attributes `activation` and `limit`);
-- both or neither. Returns the sheet, or nil, message, code.
function methods:save(stem)
  local columns = self.columns or math.ceil(math.sqrt(#self.items))
  local directory = stem:match "^(.*)/[^/]*$"
  local done, message, code = true, nil, nil
  if directory and directory ~= "" then done, message, code = cs.engine.system.make_directories(directory) end
  if done then done, message, code = cs.engine.sheet_export(self.items, columns, self.shared, stem) end
  if self.kept then
    self.kept.trace:close()
    self.kept = nil
  end
  if not done then return nil, message, code end
  return self
end

return new
