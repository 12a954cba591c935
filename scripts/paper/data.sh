# scripts/paper/data.sh: what the scripts here share: $program, built where it is not, $runs, and $data, the data set: $CONVSCOPE_TINY_IMAGENET, else
# tiny-imagenet-200.zip or its folder in the checkout. Leaves the shell in the checkout.
case ${CONVSCOPE_TINY_IMAGENET:-/} in
/*) ;;
*) CONVSCOPE_TINY_IMAGENET=$PWD/$CONVSCOPE_TINY_IMAGENET ;;
esac
cd "$(dirname "$0")/../.."
program=${CONVSCOPE:-$PWD/build/convscope}
[ -x "$program" ] || ./scripts/build build
runs=${CONVSCOPE_PAPER:-runs/paper}
data=${CONVSCOPE_TINY_IMAGENET:-}
for place in tiny-imagenet-200.zip tiny-imagenet-200; do
	[ -n "$data" ] || { [ -e "$place" ] && data=$place; } || true
done
if [ -z "$data" ]; then
	echo "convscope: the paper's claims are about Tiny ImageNet: set CONVSCOPE_TINY_IMAGENET to tiny-imagenet-200.zip or its folder" >&2
	exit 1
fi
