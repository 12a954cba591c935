-- cli.lua: the command line: find the command, read its arguments, run it, and turn what went wrong into one line and an exit code.
--
-- A command is a file of the commands directories that returns a table: `summary` (one line), `description`, `arguments(parser)`
-- (an argparse parser), `run(arguments)`, or `raw = true` when it takes the arguments as they are. It says what the user can mend through
-- cli.fail(); any other error is a mistake in a script and shows its traceback. Exit codes: 0, 1 (it could not be done), 2 (wrong usage).
local engine = require "convscope.engine"
local system = engine.system

local cli = {}
package.loaded["convscope.commandline"] = cli

-- Errors that a user can mend: one line.
local failure = {}
failure.__index = failure
failure.__tostring = function(self) return self.message end

function cli.fail(format, ...)
  error(setmetatable({ message = select("#", ...) > 0 and format:format(...) or format, exit = 1 }, failure), 0)
end

function cli.usage(format, ...)
  error(setmetatable({ message = format:format(...), exit = 2 }, failure), 0)
end

-- A value that engine calls return, or the end with their message.
function cli.check(value, message, ...)
  if value == nil then cli.fail("%s", message) end
  return value, message, ...
end

-- Messages repeat what files say, and a terminal obeys control characters.
function cli.plain(text)
  return (text:gsub("\xC2[\x80-\x9F]", "?"):gsub("[\0-\8\11-\31\127]", "?"))
end

-- A line for people, on standard error: what goes to standard output may be read by programs.
function cli.say(format, ...)
  cli.clear()
  io.stderr:write("convscope: ", cli.plain(format:format(...)), "\n")
end

-- A command that takes what standard output cannot: the reader has gone.
function cli.print(text)
  if not io.stdout:write(text, "\n") then cli.stop_quietly() end
end

function cli.stop_quietly()
  local done, why, pipe = system.flush()
  if done or pipe then error(setmetatable({ exit = 0 }, failure), 0) end
  cli.fail("cannot write to standard output: %s", why)
end

function cli.json(value, order)
  cli.print((require("dkjson").encode(value, { indent = true, keyorder = order })))
end

-- What is left to do when the command has done its work; nothing where it failed.
local left_to_do = {}
function cli.afterwards(f) left_to_do[#left_to_do + 1] = f end

-- What is to be undone where the command fails.
local to_undo = {}
function cli.on_failure(f) to_undo[#to_undo + 1] = f end

-- The live line, where standard error is a terminal.
cli.live = system.isatty(2) and os.getenv "TERM" ~= "dumb"
local line_shown = false

function cli.clear()
  if line_shown then
    io.stderr:write "\r\27[K"
    line_shown = false
  end
end

function cli.show_line(text)
  local width = system.columns() - 1
  if utf8.len(text) and utf8.len(text) > width then text = text:sub(1, utf8.offset(text, width + 1) - 1) end
  io.stderr:write("\r", text, "\27[K")
  io.stderr:flush()
  line_shown = true
end

function cli.duration(seconds)
  seconds = math.floor(seconds + 0.5)
  if seconds >= 3600 then return ("%dh%02d"):format(seconds // 3600, seconds % 3600 // 60) end
  if seconds >= 60 then return ("%dm%02ds"):format(seconds // 60, seconds % 60) end
  return ("%ds"):format(seconds)
end

function cli.bar(fraction, width)
  local full = math.floor(fraction * width + 0.5)
  return "[" .. ("#"):rep(full) .. (" "):rep(width - full) .. "]"
end

-- How far long calls are: a bar on a terminal, else a line a minute.
local function progress_reporter()
  local start, told
  return function(fraction, text)
    local now = system.clock()
    if not fraction and not text then
      cli.clear()
      start = nil
      return
    end
    if not start then start, told = now, now end
    if not fraction and text == "" then return end -- at work, with nothing to say yet
    local spent = now - start
    local eta = fraction and fraction > 0.01 and spent > 1 and ("  ETA " .. cli.duration(spent / fraction * (1 - fraction))) or ""
    if cli.live then
      cli.show_line(fraction and ("%s %3.0f %%  %s%s"):format(cli.bar(fraction, 20), 100 * fraction, text, eta) or text)
    elseif now - told >= 60 then
      told = now
      cli.say("%s%s%s", fraction and ("%.0f %%  "):format(100 * fraction) or "", text, eta)
    end
  end
end

local function find_command(name)
  return require("convscope.files").find("commands", name)
end

local function command_list()
  local files = require "convscope.files"
  local lines = {}
  for _, found in ipairs(files.all "commands") do
    local ok, command = pcall(dofile, found.path)
    if ok and type(command) == "table" then
      lines[#lines + 1] = ("  %-10s %s"):format(found.name, command.summary or "")
    else
      lines[#lines + 1] = ("  %-10s (cannot be loaded: %s)"):format(found.name, tostring(command))
    end
  end
  return table.concat(lines, "\n")
end

local function help()
  cli.print([[
Usage: convscope [COMMAND] [ARGUMENTS]

Trains convolutional networks and looks inside them from a terminal. Without a command it browses the
newest run here.

Commands:
]] .. command_list() .. [[


convscope COMMAND --help explains a command; man convscope tells the rest, man convscope-lua the Lua library.
Options: --help, --version]])
end

-- Let what cannot be read as an option's value be said with the option's name.
local function name_options(parser)
  for _, option in ipairs(parser._options) do
    local convert = option._convert
    if type(convert) == "function" then
      option._convert = function(text)
        local value, message = convert(text)
        if value == nil then return nil, ("%s: %s"):format(option._aliases[#option._aliases], message) end
        return value
      end
    end
  end
end

-- A parser that reports instead of leaving, wide enough for our help texts.
local function make_parser(name, command)
  local argparse = require "argparse"
  local parser = argparse("convscope " .. name, command.description or command.summary)
  parser:help_max_width(100):usage_max_width(100)
  if command.arguments then command.arguments(parser) end
  name_options(parser)
  return parser
end

local function parse(name, command, argv)
  local parser = make_parser(name, command)
  for _, word in ipairs(argv) do
    if word == "--" then break end
    if word == "-h" or word == "--help" then
      cli.print(parser:get_help())
      return nil
    end
  end
  local ok, result = parser:pparse(argv)
  if not ok then
    local message = tostring(result):gsub("^%u%l", string.lower):gsub("%s*\n%s*(%a)", function(first) return "; " .. first:lower() end)
    cli.usage("%s; convscope %s --help explains", message, name)
  end
  return result
end

local function run_command(name, argv)
  local path = find_command(name)
  if not path then
    local names = {}
    for _, found in ipairs(require("convscope.files").all "commands") do names[#names + 1] = found.name end
    cli.fail("no command '%s': there are %s", name, table.concat(names, ", "))
  end
  local command = dofile(path)
  local reporter = progress_reporter()
  system.progress(reporter)
  if command.raw then
    command.run(argv)
  else
    local arguments = parse(name, command, argv)
    if not arguments then return end
    if arguments.threads then engine.threads(arguments.threads) end
    command.run(arguments)
  end
  for _, f in ipairs(left_to_do) do f() end
end

local function main(argv)
  local name = argv[1]
  if name == "--version" or name == "-V" then
    cli.print("convscope " .. engine.version)
  elseif name == "--help" or name == "-h" then
    help()
  elseif name == "help" then
    if argv[2] then
      run_command(argv[2], { "--help" })
    else
      help()
    end
  elseif name == nil then
    run_command("browse", {})
  elseif name:sub(1, 1) == "-" then
    cli.usage("no option '%s' without a command; convscope --help lists the commands", name)
  else
    run_command(name, table.move(argv, 2, #argv, 1, {}))
  end
end

local function on_error(err)
  if getmetatable(err) == failure then return err end
  if type(err) == "string" and not err:find("\nstack traceback:", 1, true) then return debug.traceback(err, 2) end
  return err
end

-- An interrupted script is no mistake in it: its traceback would only hide the word.
local function interruption(text)
  return type(text) == "string" and (text:match "interrupted by SIG%a+" or text:match "stopped by SIG%a+[^\n]*")
end

return function(argv)
  local ok, err = xpcall(main, on_error, argv)
  local code = 0
  cli.clear()
  if not ok then
    code = 1
    for _, f in ipairs(to_undo) do f() end
    if getmetatable(err) == failure then
      code = err.exit
      if err.message then io.stderr:write("convscope: ", cli.plain(err.message), "\n") end
    elseif interruption(err) then
      io.stderr:write("convscope: ", interruption(err), "\n")
    else
      local spoken = type(err) == "string" or (getmetatable(err) or {}).__tostring
      io.stderr:write("convscope: ", spoken and cli.plain(tostring(err)) or ("it failed with a %s for an error, which says nothing"):format(type(err)), "\n")
    end
  end
  local flushed, why, pipe = system.flush()
  if not flushed and not pipe and code == 0 then
    io.stderr:write("convscope: cannot write to standard output: ", why, "\n")
    code = 1
  end
  return code
end
