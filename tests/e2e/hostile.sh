#!/bin/sh
# hostile.sh: no file that means harm gets further than one line. Every broken model at hand goes through each command that a user would give it
# to, every odd picture through `predict`, `project` and a data set of them: a status other than a crash, one clear line where it is refused,
# within 5 seconds and 256 MB (the largest resident set of the program or its helper). And nothing in a run directory is executed, or
# reaches a terminal.
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
	lines=$(grep -cv '^convscope: warning: ' "$work/err")
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

# A picture that is nothing out of the ordinary.
photo=$CS_SHARED_DIR/data/images/p01_rgb8.png

for file in "$CS_SHARED_DIR"/data/malformed/*; do
	name=$(basename "$file")
	case $name in
	*.md) continue ;;
	14_* | 15_* | 17_* | 27_* | 92_* | 137_*) expected=any ;; # may load, says the index
	*) expected=refuse ;;
	esac
	try "info $name" $expected info "$file"
	try "predict $name" $expected predict "$file" "$photo"
	try "project $name" $expected project "$file" "$photo" -l c1 -f 0 -o "$work/out.png"
	rm -f "$work/out.h5"
	try "convert $name" $expected convert "$file" "$work/out.h5"
	if [ $expected = refuse ] && [ -e "$work/out.h5" ]; then
		fail "convert $name: left a file"
	fi
	case $name in
	*.h5) try "data $name" refuse data info "$file" ;;
	esac
done

# In the browser the line stands on the screen, and q still leaves it.
cat >"$work/browse.py" <<'END'
import os, pty, select, signal, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execv(sys.argv[1], [sys.argv[1], "browse", sys.argv[2]])
seen, begin, asked = b"", time.monotonic(), 0
while time.monotonic() - begin < 30:
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    # the name is drawn when the file has been read or given up
    if os.path.basename(sys.argv[2]).encode() in seen and time.monotonic() - begin > asked + 1:
        asked = time.monotonic() - begin
        os.write(terminal, b"q")
else:
    os.kill(pid, signal.SIGKILL)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
for name in 00_empty.h5 03_trunc_half.h5 14_heap_size_max.h5 17_bitflips_1.h5 42_weight_name_1mb.h5 53_gzip_bomb.h5 \
	102_external_raw_passwd.h5 120_zip_trunc.keras 134_zip_deep_json.keras; do
	status=$(python3 "$work/browse.py" "$convscope" "$CS_SHARED_DIR/data/malformed/$name" 2>"$work/err")
	case $status in
	0 | 1) echo "ok - browse $name: status $status" ;;
	*) fail "browse $name: status $status" ;;
	esac
done

# Tensors from a file that is none, or keeps them elsewhere.
cp "$CS_SHARED_DIR/data/keras/paper_net.h5" "$work/good.h5" # what is said of a model is remembered beside it
for name in 00_empty.h5 03_trunc_half.h5 09_btree_self_child.h5 102_external_raw_passwd.h5 105_soft_link_cycle.h5 152_pickle.h5; do
	try "--input $name" refuse predict "$work/good.h5" \
		--input "$CS_SHARED_DIR/data/malformed/$name:/model_weights/c1/c1/kernel:0" --output "$work/out.h5:/y" --scale 1
done

# What is no file, where one is expected.
mkfifo "$work/pipe.h5"
ln -s circle "$work/circle"
for path in "$work/pipe.h5" "$work" /dev/null /dev/zero "$work/circle"; do
	try "info of $(basename "$path")" refuse info "$path"
	try "predict with $(basename "$path")" refuse predict "$work/good.h5" "$path" --scale 1
	try "a data set of $(basename "$path")" refuse data info "$path"
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

model=$work/good.h5
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

# All of them as the classes of one data set: what can be read is taken, what cannot is named.
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
mkdir -p "$work/set/odd" "$work/set/plain"
cp "$CS_SHARED_DIR"/data/images/*.[jpgtsb]* "$work/set/odd"
rm -f "$work"/set/odd/*.npz "$work"/set/odd/*.json
for i in 1 2 3; do cp "$photo" "$work/set/plain/$i.png"; done
try "a data set of odd pictures" any data info "$work/set"
grep -q 'corrupt pictures skipped' "$work/out" || fail "a data set of odd pictures: nothing was skipped"

# A run directory from elsewhere: what it says is shown, and neither run nor sent to the terminal as it is.
run=$work/run
mkdir -p "$run"
escape=$(printf '\033]0;owned\007\033[2J')
touch_this=$work/executed
cat >"$run/evil.lua" <<END
os.execute("touch $touch_this")
return {}
END
cp "$run/evil.lua" "$run/init.lua"
cp "$run/evil.lua" "$run/config.lua"
cp "$run/evil.lua" "$run/seed.lua"
cp "$CS_SHARED_DIR/data/keras/rescaling.h5" "$run/best.hdf5"
cp "$CS_SHARED_DIR/data/malformed/03_trunc_half.h5" "$run/last.hdf5"
cp "$CS_SHARED_DIR/data/malformed/09_btree_self_child.h5" "$run/history.hdf5"
cat >"$run/config.json" <<END
{"run": {"network": "$run/evil.lua", "dataset": "\$(touch $touch_this); \`touch $touch_this\`", "epochs": 3, "batch": 2, "seed": 1},
 "options": {"preset": "$run/evil.lua", "model": "./evil.lua", "on_epoch": "os.execute('touch $touch_this')", "data": "|touch $touch_this"},
 "preset": "$run/evil.lua", "command": ["convscope", "run", "$run/evil.lua"], "name": "\\u001b]0;owned\\u0007\\u001b[2J"}
END
printf '{"finished": true, "best_epoch": 1, "message": "%s"}\n' "os.execute([[touch $touch_this]])" >"$run/summary.json"
printf 'epoch,train_loss,train_accuracy,val_loss,val_accuracy\n0,1,0.5,1,0.5\n%s,1,1,1,1\n' "$escape" >"$run/history.csv"
mv "$run/best.hdf5" "$run/$escape.hdf5" && cp "$run/$escape.hdf5" "$run/best.hdf5"
cd "$run" || exit 1
case $convscope in
/*) ;;
*) convscope=$OLDPWD/$convscope ;;
esac
try "info of a run with a program in it" any info "$run"
try "eval of it" any eval "$run" -d shapes:count=64 --scale 1
try "predict with it" any predict "$run" "$photo" --scale 1
try "resuming it" refuse train --resume -o "$run"
try "training on from it" refuse train --from "$run" -d "\$(touch $touch_this)" -o "$work/next"
try "a model with escapes in its name" any info "$run/$escape.hdf5"
try "no model with escapes in its name" refuse info "$run/$escape"
if LC_ALL=C grep -q "$(printf '\033')" "$work/err"; then
	fail "an escape reached the terminal"
else
	echo "ok - no escape reaches the terminal"
fi
status=$(python3 "$work/browse.py" "$convscope" "$run" 2>"$work/err")
echo "ok - browsing it ended with status $status"
# What a run was begun with, said wrongly: --resume tells so in one line, at once and without an escape.
again=$work/again
mkdir -p "$again"
cp "$run/best.hdf5" "$again/last.hdf5"
resumed() {
	try "resuming a run of $1" refuse train --resume -o "$again"
	if LC_ALL=C grep -q "$(printf '\033')" "$work/err"; then
		fail "resuming a run of $1: an escape reached the terminal"
	fi
	rm -rf "$again/config.json"
}
while IFS= read -r config; do
	printf '%s\n' "$config" >"$again/config.json"
	resumed "$config"
done <<'END'
{"dataset": {"spec": "\u001b]0;owned\u0007"}, "train": {}}
{"dataset": {"spec": "shapes:count=64,classes=5", "options": 7}, "train": {}}
{"dataset": {"spec": "shapes:count=64,classes=5", "options": {"\u001b]0;owned\u0007": 1}}, "train": {}}
{"dataset": {"spec": "shapes:count=64,classes=5"}, "train": {"epochs": "x"}}
{"dataset": {"spec": "shapes:count=64,classes=5"}, "train": {"epochs": -1}}
{"dataset": {"spec": "shapes:count=64,classes=5"}, "train": {"optimizer": "\u001b]0;owned\u0007"}}
{"dataset": {"spec": "shapes:count=64,classes=5"}, "train": {"augment": [1]}}
{"dataset": {"spec": "shapes:count=64,classes=5"}, "train": {"\u001b]0;owned\u0007": 1}}
{"dataset": NaN, "train": 1e999}
["no", "object"]
END
head -c 100000 /dev/zero | tr '\0' '[' >"$again/config.json"
resumed "a hundred thousand brackets"
mkfifo "$again/config.json"
resumed "a pipe"
mkdir "$again/config.json"
resumed "a directory"
ln -s /dev/zero "$again/config.json"
resumed "a device"
truncate -s 300M "$again/config.json"
resumed "300 megabytes of nothing"
if [ -e "$touch_this" ]; then
	echo "not ok - something in a run directory was executed"
	failed=1
else
	echo "ok - nothing in a run directory was executed"
fi
exit $failed
