"""PyTorch's and ONNX Runtime's half of the exchange of ONNX files with convscope. See tests/peers/run.

    onnx_files.py check DIR   run the DIR/NAME.onnx that convscope wrote in ONNX Runtime, compare with NAME.ref.h5 (x, y)
    onnx_files.py make DIR    export networks from PyTorch into DIR, by both of its exporters, with their answers in NAME.ref.h5

Images are stored as convscope has them, rows x columns x channels. Prints one line "ok - what" or "not ok - what: why" for each, and
exits with 1 when one failed.
"""
import glob
import os
import sys
import warnings

import h5py
import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from networks import NETWORKS

warnings.filterwarnings("ignore")
failed = 0


def report(what, why=None):
    global failed
    print(("not ok - %s: %s" % (what, why)) if why else "ok - " + what, flush=True)
    failed += why is not None


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a


def channels_first(a):
    return np.ascontiguousarray(a.transpose(0, 3, 1, 2)) if a.ndim == 4 else a


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def distance(ours, theirs):
    ours, theirs = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.max(np.abs(ours - theirs)) / max(1e-3, np.max(np.abs(theirs))))


def check(directory):
    for reference in sorted(glob.glob(directory + "/*.ref.h5")):
        path = reference[: -len(".ref.h5")] + ".onnx"
        if not os.path.exists(path):
            continue
        what = "ONNX Runtime runs %s" % os.path.basename(path)
        try:
            onnx.checker.check_model(onnx.load(path), full_check=True)
            with h5py.File(reference, "r") as f:
                x, y = f["x"][()], f["y"][()]
            worst = distance(channels_last(run(path, channels_first(x))), y)
            report(what, None if worst <= 1e-5 else "answers differ by %g" % worst)
        except Exception as error:  # whatever they say is the finding
            report(what, repr(error)[:300])


class Torch(nn.Sequential):
    """A network of networks.py, as somebody would write it in PyTorch."""

    def __init__(self, layers, size):
        modules, channels, fed = [], 3, None
        for kind, *rest in layers:
            if kind == "conv":
                features, kernel, stride, padding, bias = rest
                modules.append(nn.Conv2d(channels, features, kernel, stride, kernel // 2 if padding == "same" else 0, bias=bias))
                if bias:
                    modules.append(nn.ReLU())
                channels = features
            elif kind == "batchnorm":
                modules.append(nn.BatchNorm2d(channels))
            elif kind == "dense":
                if fed is None:
                    with torch.no_grad():
                        fed = nn.Sequential(*modules).eval()(torch.zeros(1, 3, size, size)).shape[1]
                modules.append(nn.Linear(fed, rest[0]))
                fed = rest[0]
            else:
                modules.append({"relu": nn.ReLU, "flatten": nn.Flatten, "maxpool": nn.MaxPool2d, "dropout": nn.Dropout}[kind](*rest))
        super().__init__(*modules)


class Viewing(nn.Module):
    """What people write by hand: functions, view(), pooling twice by one module, a softmax at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 5, padding=2)
        self.bn1 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.fc1 = nn.Linear(12 * 4 * 3, 20)
        self.fc2 = nn.Linear(20, 5)

    def forward(self, x):
        f = nn.functional
        x = self.pool(f.leaky_relu(self.bn1(self.conv1((x - 0.5) / 0.25)), 0.1))
        x = self.pool(torch.tanh(self.conv2(x)) + 1)
        x = x.view(x.size(0), -1)
        x = f.elu(self.fc1(x))
        return f.softmax(self.fc2(f.dropout(x, 0.5, self.training)), dim=1)


class Viewed(Viewing):
    def forward(self, x):
        n, c, h, w = x.size()
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.sigmoid(self.conv2(x)))
        x = x.view(-1, x.size(1) * x.size(2) * x.size(3))
        return self.fc2(nn.functional.hardtanh(self.fc1(x), 0, float("inf")))


def small():
    yield "pads", (3, 15, 17), nn.Sequential(
        nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(3, 6, (3, 2), padding=(2, 0), stride=(2, 1)), nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(6, 5, 3, padding="same"), nn.ELU(0.5),
        nn.AvgPool2d(3, 2, padding=1), nn.Flatten(), nn.Linear(5 * 3 * 5, 4))
    yield "ceiling", (2, 14, 15), nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 4, 1), nn.LeakyReLU(0.2),
        nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(4 * 3 * 3, 3), nn.Sigmoid())
    yield "global", (3, 20, 20), nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 10, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(10, 6, 1), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(6), nn.Linear(6, 4), nn.Softmax(-1))
    yield "strongest", (1, 12, 12), nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AdaptiveMaxPool2d(1), nn.Flatten(1), nn.Linear(4, 2))
    yield "headless", (3, 10, 9), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Softmax(dim=1))
    yield "vector", (7,), nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 3, bias=False))
    yield "normed_flat", (2, 6, 5), nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.BatchNorm1d(36), nn.ReLU(), nn.Linear(36, 4))
    yield "viewing", (3, 32, 24), Viewing()
    yield "viewed", (3, 32, 24), Viewed()


def randomise(model):
    """Statistics and parameters that begin at 0 or 1 hide mistakes."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for value in (module.running_mean, module.running_var, module.weight.data, module.bias.data):
                value.uniform_(0.3, 1.2)


def export(model, shape, directory, name, ways):
    model.eval()
    randomise(model)
    x = torch.rand((2,) + tuple(shape))
    with torch.no_grad():
        y = model(x)
    for way, options in ways:
        path = os.path.join(directory, "%s_%s" % (name, way))
        what = "PyTorch %s exports %s (%s)" % (torch.__version__, name, way)
        try:
            torch.onnx.export(model, (x,), path + ".onnx", input_names=["images"], output_names=["scores"], verbose=False, **options)
            with h5py.File(path + ".ref.h5", "w") as f:
                f["x"], f["y"] = channels_last(x.numpy()), channels_last(y.numpy())
        except Exception as error:
            report(what, repr(error)[:300])


def make(directory):
    torch.manual_seed(5)
    legacy = {"dynamo": False, "dynamic_axes": {"images": {0: "N"}, "scores": {0: "N"}}}
    dynamo = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("N")},)}
    ways = [("legacy", {**legacy, "opset_version": 17}), ("old", {**legacy, "opset_version": 9}),
            ("fixed", {"dynamo": False, "opset_version": 13, "do_constant_folding": False}),
            ("dynamo", dynamo), ("inside", {**dynamo, "external_data": False})]
    for name, shape, model in small():
        export(model, shape, directory, name, ways)
    # Exporters fold batch norms into the convolutions before them unless they are told not to.
    kept = [("kept", {**legacy, "do_constant_folding": False}), ("unoptimised", {**dynamo, "optimize": False})]
    for name in "seed", "seed-bn", "vgg16":
        export(Torch(NETWORKS[name](), 64), (3, 64, 64), directory, name, [ways[0], ways[3]] + (kept if name == "seed-bn" else []))


if __name__ == "__main__":
    {"check": check, "make": make}[sys.argv[1]](sys.argv[2])
    sys.exit(1 if failed else 0)
