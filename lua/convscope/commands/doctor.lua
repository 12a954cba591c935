-- doctor: what convscope finds on this machine.
local cs = require "convscope"
local cli = require "convscope.commandline"
local common = require "convscope.common"
local system = cs.engine.system

return {
  summary = "terminal, processor, BLAS kernel and their measured speed",
  description = "Shows what convscope finds on this machine, measures OpenBLAS against the processor's multiply-add peak, and says what looks wrong.",
  arguments = function(parser)
    parser:flag("--json", "Print one JSON document and nothing else.")
    parser:option("--threads", "Threads to use (all processors).", nil, math.tointeger):argname "N"
  end,
  run = function(args)
    local machine = cli.check(cs.machine())
    local speed = cli.check(cs.speed())
    local share = speed.gemm_gflops / speed.fma_one_gflops
    local terminal, why = system.terminal()
    if args.json then
      machine.threads, machine.terminal = cs.threads(), terminal
      for key, value in pairs(speed) do machine[key] = value end
      machine.gemm_share = share
      machine.note = common.blas_note(machine, speed)
      machine.version = cs.version
      return cli.json(machine)
    end
    cli.print(("convscope      %s, Lua %s"):format(cs.version, _VERSION:match "[%d.]+"))
    cli.print(("library        %s"):format(package.convscope_library or "?"))
    cli.print(("processor      %s, %d processors, %d threads in use"):format(machine.cpu, machine.processors, cs.threads()))
    cli.print(("instructions   %s in use, %s at best%s%s"):format(machine.isa, machine.best_isa, machine.bf16 and ", bf16" or "",
      machine.amx and ", AMX (--precision bf16)" or ""))
    cli.print(("multiply-add   %.0f GFLOP/s on all threads, %.0f on one (in registers)"):format(speed.fma_peak_gflops, speed.fma_one_gflops))
    cli.print(("OpenBLAS       kernel %s; %.0f GFLOP/s on one thread, %.0f %% of the peak"):format(machine.blas, speed.gemm_gflops,
      100 * share))
    cli.print(("               %s"):format(machine.blas_version))
    if machine.isa ~= machine.best_isa then
      cli.print(("note: CONVSCOPE_ISA keeps the engine at %s; this processor has %s"):format(machine.isa, machine.best_isa))
    end
    local note = common.blas_note(machine, speed)
    if note then cli.print("note: " .. note) end
    cli.print ""
    cli.print(terminal and terminal:gsub("\n+$", "") or "terminal: " .. why)
  end,
}
