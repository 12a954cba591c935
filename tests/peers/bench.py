"""Alternate convscope with Keras and PyTorch on the same work and print a table of medians and ratios. Called by scripts/bench."""
import argparse
import json
import os
import statistics
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--program", required=True)
parser.add_argument("--keras", required=True)
parser.add_argument("--torch", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
parser.add_argument("networks", nargs="+")
options = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))


class Peer:
    def __init__(self, python, script):
        environment = dict(os.environ, PEER_THREADS=str(options.threads))
        self.process = subprocess.Popen([python, os.path.join(here, script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=environment, cwd=here)

    def ask(self, work, network):
        self.process.stdin.write("%s %s\n" % (work, network))
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("a peer died on '%s %s'" % (work, network))
        return float(answer)


def convscope(network):
    out = subprocess.run([options.program, "bench", network, "--json", "--rounds", "3", "--threads", str(options.threads)],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


keras, torch = Peer(options.keras, "bench_keras.py"), Peer(options.torch, "bench_torch.py")
print("| network | work | convscope | Keras | PyTorch | × Keras | × PyTorch |\n|---|---|---|---|---|---|---|")
for network in options.networks:
    rows = {}
    for _ in range(options.rounds):
        ours = convscope(network)
        works = ["train", "infer"]
        rates = {"train": ours["train_images_per_s"], "infer": ours["infer_images_per_s"]}
        if network == "seed":
            for layer in (2, 3):
                works.append("project%d" % layer)
                rates["project%d" % layer] = ours["projections_per_s"]["conv%d" % layer]
        for work in works:
            peer_keras = keras.ask(work, network) if work in ("train", "infer") else None
            rows.setdefault(work, []).append((rates[work], peer_keras, torch.ask(work, network)))
    for work, rounds in rows.items():
        ours = statistics.median(r[0] for r in rounds)
        cells = ["%.0f" % ours]
        ratios = []
        for column in (1, 2):
            if rounds[0][column] is None:
                cells.append("")
                ratios.append("")
            else:
                cells.append("%.0f" % statistics.median(r[column] for r in rounds))
                ratios.append("%.2f" % statistics.median(r[0] / r[column] for r in rounds))
        print("| %s | %s | %s |" % (network, work, " | ".join(cells + ratios)), flush=True)
