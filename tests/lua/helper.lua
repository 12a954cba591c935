-- helper.lua: what the specifications share: temporary directories, the real program, a small trained network.
local helper = {}

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

-- A directory that is gone when the specification ends (helper.clean()).
local directories = {}
function helper.directory()
  local path = shell("mktemp -d"):match "%S+"
  directories[#directories + 1] = path
  return path
end

function helper.clean()
  for _, path in ipairs(directories) do os.execute(("rm -rf '%s'"):format(path)) end
  directories = {}
end

local build = os.getenv "CS_BUILD_DIR"
helper.source = os.getenv "CS_SOURCE_DIR" or "."
helper.program = os.getenv "CONVSCOPE" or (build and build .. "/convscope") or "./convscope"

local function quote(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end
helper.quote = quote

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end
helper.read = read

function helper.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

function helper.exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Run the program: exit code, standard output, standard error. `before` goes in front ("cd x &&", "VAR=1").
function helper.run_with(before, ...)
  local directory, words = helper.directory(), {}
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  local command = ("%s %s %s >%s/out 2>%s/err </dev/null"):format(before, quote(helper.program), table.concat(words, " "), directory,
    directory)
  local _, _, code = os.execute(command)
  return code, read(directory .. "/out"), read(directory .. "/err")
end

function helper.run(...) return helper.run_with("", ...) end

-- The program, expected to succeed: its output.
function helper.ok(...)
  local code, out, err = helper.run(...)
  if code ~= 0 then error(("convscope %s: exit code %d\n%s%s"):format(table.concat({ ... }, " "), code, out, err), 2) end
  return out, err
end

function helper.json(...)
  local out = helper.ok(...)
  local document, _, problem = require("dkjson").decode(out)
  if not document then error(("no JSON (%s): %s"):format(problem, out), 2) end
  return document
end

-- A data set and a network that learn in a second.
helper.spec = "shapes:count=400,cause=colour"

function helper.data(cs) return assert(cs.dataset(helper.spec, { size = 24 })) end

function helper.network(cs, seed)
  return assert(cs.network {
    input = { 24, 24, 3 }, seed = seed or 1, name = "small",
    cs.conv { 6, 3, activation = "relu" }, cs.maxpool { 2 },
    cs.conv { 10, 3, activation = "relu" }, cs.maxpool { 2 },
    cs.dense { 8, activation = "softmax" },
  })
end

return helper
