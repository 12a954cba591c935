#!/bin/sh
# isa.sh: the numeric tests again under each instruction set of this machine that is not its best, which every other test runs with.
#
# CONVSCOPE names the program, CS_NUMERIC_TESTS the test programs, by their paths in CS_BUILD_DIR.
if [ -z "$CS_NUMERIC_TESTS" ]; then
	echo "skip - CS_NUMERIC_TESTS is not set: no numeric tests at hand"
	exit 0
fi
others=$("${CONVSCOPE:-./convscope}" doctor --json 2>/dev/null | lua5.4 -e '
	local best = assert(require("dkjson").decode(io.read("a"))).isa
	for _, isa in ipairs { "portable", "avx2", "avx512" } do
		if isa == best then os.exit(true) end
		print(isa)
	end
	error("convscope doctor says no instruction set that is known here: " .. tostring(best))') || exit 1
[ -n "$others" ] || echo "skip - this machine has one instruction set"
failed=0
for isa in $others; do
	for program in $CS_NUMERIC_TESTS; do
		echo "# $isa: $program"
		CONVSCOPE_ISA=$isa "$CS_BUILD_DIR/$program" || { echo "not ok - $isa: $program"; failed=1; }
	done
done
exit $failed
