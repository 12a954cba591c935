#!/bin/sh
# arrows.sh: the rooms include each other only along the arrows of the architecture (CONTRIBUTING.md), and each foreign
# header has one door. A new arrow needs a line here and a reason there.
cd "${CS_SOURCE_DIR:-.}" || exit 1

allowed() { # the rooms that room $1 may include
	case $1 in
	core) echo "core" ;;
	io) echo "io core" ;;
	figure) echo "figure io core" ;;
	data) echo "data io core" ;;
	nn) echo "nn core" ;;
	deconv) echo "deconv nn core" ;;
	measure) echo "measure io core" ;;
	model) echo "model nn io core" ;;
	run) echo "run data nn model io core" ;;
	script) echo "script core io figure data nn deconv measure model run" ;;
	term) echo "term figure io core" ;;
	work) echo "work core io figure data nn deconv measure model run" ;;
	ui) echo "ui term work core io figure nn measure run" ;;
	esac
}

failed=0
seen=0
for directory in src/*/; do
	room=$(basename "$directory")
	may=" $(allowed "$room") "
	if [ "$may" = "  " ]; then
		echo "not ok - room $room has no arrows in tests/e2e/arrows.sh"
		failed=1
		continue
	fi
	wrong=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$directory" --include='*.[ch]' |
		sed -E 's|^([^:]+:[0-9]+):.*"([^"]+)".*|\1 \2|' |
		while read -r where what; do
			case $may in
			*" ${what%%/*} "*) ;;
			*) echo "$where includes $what" ;;
			esac
		done)
	seen=$((seen + 1))
	if [ -n "$wrong" ]; then
		echo "not ok - $room includes only along its arrows"
		echo "$wrong"
		failed=1
	else
		echo "ok - $room includes only along its arrows"
	fi
done
[ "$seen" -ge 13 ] || { echo "not ok - only $seen rooms found"; failed=1; }

door() { # header pattern, files that may include it
	wrong=$(grep -rlE "^[[:space:]]*#[[:space:]]*include[[:space:]]+<($1)" src --include='*.[ch]' | grep -vE "$2")
	if [ -n "$wrong" ]; then
		echo "not ok - <$1> has one door"
		echo "$wrong"
		failed=1
	else
		echo "ok - <$1> has one door"
	fi
}
door 'cblas\.h' '^src/core/gemm\.c$'
door 'hdf5' '^src/io/h5'
door 'lua|lauxlib|lualib' '^src/script/'
door 'ncurses|curses|term\.h' '^src/(term|ui)/'
door 'sixel|chafa' '^src/term/'
door 'cairo' '^src/figure/'
door 'png\.h|jpeglib|jerror' '^src/io/'
door 'zip\.h' '^src/io/'
door 'protobuf-c' '^src/io/onnx'
door 'pthread\.h|threads\.h' '^src/(core|io|figure|data|nn|model|run|script)/'
door 'immintrin\.h|x86intrin\.h' '^src/nn/kernels/|^src/core/'

# the same for what is generated from src/io/onnx.proto
if grep -rlE '"io/onnx\.pb-c\.h"' src --include='*.[ch]' | grep -vE '^src/io/onnx'; then
	echo "not ok - the messages of ONNX have one door"
	failed=1
else
	echo "ok - the messages of ONNX have one door"
fi

unlisted=$(find src -name '*.[ch]' | sort | while read -r file; do grep -q "$file" Makefile.am || echo "$file"; done)
if [ -n "$unlisted" ]; then
	echo "not ok - every source is listed in Makefile.am"
	echo "$unlisted"
	failed=1
else
	echo "ok - every source is listed in Makefile.am"
fi
exit $failed
