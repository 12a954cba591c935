-- run: a Lua script with the library at hand.
local cli = require "convscope.commandline"
local system = require("convscope.engine").system

return {
  summary = "run a Lua script with the library at hand",
  raw = true,
  run = function(argv)
    local script = argv[1]
    if not script or script == "-h" or script == "--help" then
      local text = [[
Usage: convscope run SCRIPT.lua [ARGUMENTS...]

Runs a Lua script; `require "convscope"` gives it the library (man convscope-lua). The arguments are in
the table `arg` and in `...`, untouched. An error shows the script's lines and exits with 1; what the
script gives to os.exit() is the exit code.]]
      if not script then cli.usage("which script?\n%s", text) end
      return cli.print(text)
    end
    if not system.exists(script) or system.is_directory(script) then cli.fail("no script '%s'", script) end
    local chunk, message = loadfile(script)
    if not chunk then cli.fail("%s", message) end
    arg = table.move(argv, 2, #argv, 1, { [0] = script })
    return chunk(table.unpack(arg))
  end,
}
