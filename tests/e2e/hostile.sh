#!/bin/sh
# hostile.sh: no file that means harm gets further than one line. Every broken model at hand goes through `info`, every odd picture through
# `predict` and `project`: a status other than a crash, one clear line where it is refused, within 5 seconds and 256 MB (the
# largest resident set of the program or its helper).
#
# CONVSCOPE names the program (default ./convscope), CS_SHARED_DIR the folder above data/malformed and data/images.
convscope=${CONVSCOPE:-./convscope}
if [ -z "$CS_SHARED_DIR" ]; then
	echo "skip - CS_SHARED_DIR is not set: no hostile files at hand"
	exit 0
fi
command -v python3 >/dev/null || { echo "skip - there is no python3 to measure memory with"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
SANITIZED=${SANITIZED:-0} # a sanitizer's build takes more memory and time: then only crashes and findings count
export SANITIZED

# Runs a command; prints its status, its seconds and the most megabytes that it or its children held.
cat >"$work/measure.py" <<'END'
import resource, subprocess, sys, time
before = time.monotonic()
try:
    status = subprocess.run(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=open(sys.argv[1], "wb"),
                            stderr=open(sys.argv[2], "wb"), timeout=60).returncode
except subprocess.TimeoutExpired:
    status = 124
print(status, round(time.monotonic() - before, 2), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
END

fail() {
	echo "not ok - $1"
	sed 's/^/# /' "$work/err" | head -n 5
	failed=1
}

# what the file may get: refuse (status 1, one line), any (that or success)
try() {
	what=$1 wanted=$2
	shift 2
	set -- $(python3 "$work/measure.py" "$work/out" "$work/err" "$convscope" "$@")
	status=$1 seconds=$2 megabytes=$3
	# predict goes on with its other pictures, and says at the end that one was missing
	lines=$(grep -cv '^convscope: warning: \|^convscope: not every picture could be read$' "$work/err")
	if grep -q 'runtime error:\|Sanitizer' "$work/err"; then
		fail "$what: a sanitizer's finding"
	elif [ "$status" -ne 0 ] && [ "$status" -ne 1 ]; then
		fail "$what: status $status after $seconds s"
	elif [ "$wanted" = refuse ] && [ "$status" -eq 0 ]; then
		fail "$what: was taken"
	elif [ "$status" -eq 1 ] && { [ "$lines" -ne 1 ] || ! grep -q '^convscope: ' "$work/err"; }; then
		fail "$what: $lines lines, one was expected"
	elif [ "$SANITIZED" = 0 ] && [ "${seconds%.*}" -ge 5 ]; then
		fail "$what: took $seconds s"
	elif [ "$SANITIZED" = 0 ] && [ "$megabytes" -gt 256 ]; then
		fail "$what: held $megabytes MB"
	else
		echo "ok - $what: status $status, $seconds s, $megabytes MB"
	fi
}

for file in "$CS_SHARED_DIR"/data/malformed/*; do
	name=$(basename "$file")
	case $name in
	*.md) continue ;;
	14_* | 15_* | 17_* | 27_* | 92_* | 137_*) expected=any ;; # may load, says the index
	*) expected=refuse ;;
	esac
	try "$name" $expected info "$file"
done

# A file that keeps its data in /etc/passwd: nobody opens it for the model's sake.
if command -v strace >/dev/null; then
	for name in 102_external_raw_passwd.h5 108_virtual_dataset.h5; do
		strace -f -e trace=open,openat -o "$work/trace" "$convscope" info "$CS_SHARED_DIR/data/malformed/$name" \
			>/dev/null 2>&1
		if grep -q '/etc/passwd' "$work/trace"; then
			echo "not ok - $name: /etc/passwd was opened"
			failed=1
		else
			echo "ok - $name: /etc/passwd was not opened"
		fi
	done
else
	echo "skip - there is no strace to see what is opened"
fi

model="$CS_SHARED_DIR/data/keras/paper_net.h5"
layer=$("$convscope" info --json "$model" 2>/dev/null | python3 -c '
import json, sys
print([l["name"] for l in json.load(sys.stdin)["layers"] if l["type"].startswith("conv")][0])')
[ -n "$layer" ] || { echo "not ok - paper_net.h5 has a convolution"; failed=1; }
for file in "$CS_SHARED_DIR"/data/images/*; do
	name=$(basename "$file")
	expected=any
	case $name in
	*.md | *.npz | *.json) continue ;;
	# what can be no picture, or is larger than any
	j22_* | j24_* | j26_* | p30_* | p32_* | p34_* | p42_* | x02_* | x10_* | x12_*) expected=refuse ;;
	esac
	try "predict $name" $expected predict "$model" "$file" --scale 0.00392
	try "project $name" $expected project "$model" "$file" -l "$layer" -f 0 --scale 0.00392 -o "$work/out.png"
done
exit $failed
