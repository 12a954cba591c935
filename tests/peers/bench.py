"""Alternate convscope with Keras and PyTorch on the same work and print a table of medians and ratios for the README. Called by scripts/bench."""
import argparse
import json
import os
import statistics
import subprocess
import sys

NAMES = {
    "seed": "seed (512-256-128)",
    "pyramid2-256": "pyramid2-256 (256-128)",
    "pyramid2-512": "pyramid2-512 (512-256)",
    "pyramid3-1024": "pyramid3-1024 (1024-512-256)",
    "seed-same": "seed, 'same' padding",
    "seed-bn": "seed, batch norm",
    "seed-strided": "seed-strided (no pools)",
    "vgg16": "VGG-16 at 64×64",
}
EXEMPLARS, PART = 10000, 5  # PyTorch does a fifth of the images and of the features, and counts five times: it would take minutes

parser = argparse.ArgumentParser()
parser.add_argument("--program", required=True)
parser.add_argument("--keras", required=True)
parser.add_argument("--torch", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
parser.add_argument("--data", default="shapes:count=10000", help="10,000 images or more, for exemplars")
parser.add_argument("works", nargs="*", metavar="NETWORK|exemplars")
options = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
for work in options.works:
    if work not in NAMES and work != "exemplars":
        sys.exit("bench: no network '%s': expected exemplars, %s" % (work, ", ".join(NAMES)))


class Peer:
    def __init__(self, python, script):
        environment = dict(os.environ, PEER_THREADS=str(options.threads))
        self.process = subprocess.Popen([python, os.path.join(here, script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=environment, cwd=here)
        self.name = script

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit("bench: %s died on '%s'" % (self.name, " ".join(map(str, words))))
        return [float(number) for number in answer]


def convscope(*words):
    done = subprocess.run([options.program, *words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("bench: '%s %s' ended with %d" % (options.program, " ".join(words), done.returncode))
    return done.stdout


def number(x):
    return "{:,.0f}".format(x)


def ratio(x):
    return "%.0f" % x if x >= 20 else "%.1f" % x


def rows_of(network):
    """One round: what each does of each work, or None."""
    ours = json.loads(convscope("bench", network, "--json", "--rounds", "3", "--threads", str(options.threads)))
    works = [("train", "train", ours["train_images_per_s"]), ("infer", "infer", ours["infer_images_per_s"])]
    if network == "seed":
        for layer in (3, 2):
            works.append(("projections/s, layer %d" % layer, "project%d" % layer, ours["projections_per_s"]["conv%d" % layer]))
    return [(name, rate, keras.ask(work, network)[0], torch.ask(work, network)[0]) for name, work, rate in works]


def exemplars():
    search, view, made = map(float, convscope("run", os.path.join(here, "exemplars.lua"), options.data, str(EXEMPLARS),
        str(options.threads)).split())
    peer_search, peer_view, peer_made = torch.ask("exemplars", "seed", EXEMPLARS // PART, 1 / PART)
    return [("exemplars of %s images, seconds" % number(EXEMPLARS), search + view, None, PART * (peer_search + peer_view)),
        ("... the search", search, None, PART * peer_search), ("... its %s projections" % number(made), view, None, PART * peer_view)]


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "an unknown processor"


keras, torch = Peer(options.keras, "bench_keras.py"), Peer(options.torch, "bench_torch.py")
machine = json.loads(convscope("doctor", "--json", "--threads", str(options.threads)))
print("%s, %s, %d threads, batch 32, medians of %d rounds in turn" % (processor(), machine["isa"], options.threads, options.rounds))
print("\n| network | work | convscope | Keras | PyTorch | × Keras | × PyTorch |\n|---|---|---|---|---|---|---|", flush=True)
for work in options.works or list(NAMES):
    rounds = [exemplars() if work == "exemplars" else rows_of(work) for _ in range(options.rounds)]
    for i, (name, _, *peers) in enumerate(rounds[0]):
        taken = [r[i] for r in rounds]
        cells, ratios = [number(statistics.median(t[1] for t in taken))], []
        for column, peer in enumerate(peers, 2):
            if peer is None:
                cells.append("")
                ratios.append("")
                continue
            cells.append(number(statistics.median(t[column] for t in taken)))
            faster = (t[column] / t[1] if work == "exemplars" else t[1] / t[column] for t in taken)
            ratios.append(ratio(statistics.median(faster)))
        print("| %s | %s | %s |" % (NAMES.get(work, "seed") if i == 0 else "", name, " | ".join(cells + ratios)), flush=True)
