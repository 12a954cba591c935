"""PyTorch (channels_last, oneDNN) as a peer in scripts/bench: reads "train NETWORK", "infer NETWORK" or "project3 seed" and "project2 seed"
lines, answers images (projections) per second."""
import os
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from networks import BATCH, CLASSES, NETWORKS, SIZE

torch.set_num_threads(int(os.environ.get("PEER_THREADS", "2")))
torch.manual_seed(0)


def build(name):
    layers, channels, size, flat = [], 3, SIZE, None
    for kind, *a in NETWORKS[name]():
        if kind == "conv":
            same = a[3] == "same"
            layers.append(nn.Conv2d(channels, a[0], a[1], stride=a[2], padding=a[1] // 2 if same else 0))
            channels, size = a[0], (size + (a[1] // 2 * 2 if same else 0) - a[1]) // a[2] + 1
            if a[4]:
                layers.append(nn.ReLU())
        elif kind == "batchnorm":
            layers.append(nn.BatchNorm2d(channels))
        elif kind == "relu":
            layers.append(nn.ReLU())
        elif kind == "maxpool":
            layers.append(nn.MaxPool2d(a[0]))
            size //= a[0]
        elif kind == "dropout":
            layers.append(nn.Dropout(a[0]))
        elif kind == "flatten":
            layers.append(nn.Flatten())
            flat = channels * size * size
        elif kind == "dense":
            layers.append(nn.Linear(flat, a[0]))
            flat = a[0]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def projector(net, layer):
    """The top unit of each feature of convolution `layer` (1 to 3) of one image, back to pixels, in chunks of 32, the quickest
    dense form we found: explicit transposed convolutions over a batch of features."""
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    image = torch.randn(1, 3, SIZE, SIZE)

    @torch.no_grad()
    def run():
        maps, switches, sizes, a = [], [], [], image
        for i in range(layer):
            a = F.relu(convs[i](a))
            maps.append(a)
            if i < layer - 1:
                sizes.append(a.shape[-2:])
                a, where = F.max_pool2d(a, (3, 2, 2)[i], return_indices=True)
                switches.append(where)
        top = maps[-1][0]
        values, places = top.flatten(1).max(1)
        for start in range(0, top.shape[0], 32):
            n = min(32, top.shape[0] - start)
            index = torch.arange(start, start + n)
            g = torch.zeros(n, *top.shape)
            g.view(n, top.shape[0], -1)[torch.arange(n), index, places[index]] = values[index]
            for i in range(layer - 1, -1, -1):
                g = F.conv_transpose2d(F.relu(g), convs[i].weight)
                if i:
                    g = F.max_unpool2d(F.relu(g), switches[i - 1].expand(n, -1, -1, -1).contiguous(), (3, 2, 2)[i - 1], output_size=sizes[i - 1])
        return top.shape[0]

    return run


x = torch.randn(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
y = torch.randint(0, CLASSES, (BATCH,))
models = {}
for line in sys.stdin:
    work, name = line.split()
    if name not in models:
        models = {name: build(name)}
    net, count = models[name], BATCH
    if work == "train":
        net.train()
        optimizer = torch.optim.SGD(net.parameters(), 0.01)

        def step():
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
    elif work == "infer":
        net.eval()

        def step():
            with torch.no_grad():
                net(x)
    else:
        step = projector(net, int(work[-1]))
        count = step()
    step()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(count / sorted(times)[1], flush=True)
