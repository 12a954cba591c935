"""PyTorch (channels_last, oneDNN) as a peer in scripts/bench: reads lines "train NETWORK", "infer NETWORK", "project3 seed", "project2 seed",
and answers images (projections) per second; or "exemplars seed IMAGES SHARE", and answers seconds of the search, seconds of the
projections and how many they were."""
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


def spread(g, pool, mask):
    """Back through a max-pool: every cell of a window gets the value, and the mask of the switches keeps one. Quicker than
    max_unpool2d, which scatters."""
    g = F.interpolate(g, scale_factor=pool, mode="nearest")
    rest = mask.shape[-1] - g.shape[-1], mask.shape[-2] - g.shape[-2]
    return (F.pad(g, (0, rest[0], 0, rest[1])) if any(rest) else g).mul_(mask)


POOLS = (3, 2, 2)


@torch.no_grad()
def look(convs, images, layer):
    """The map of convolution `layer` (1 to 3) and the masks of the switches below it."""
    a, masks = images, []
    for i in range(layer):
        a = F.relu_(convs[i](a))
        if i < layer - 1:
            size = a.shape[-2:]
            a, where = F.max_pool2d(a, POOLS[i], return_indices=True)
            masks.append(F.max_unpool2d(torch.ones_like(a), where, POOLS[i], output_size=size).contiguous(memory_format=torch.channels_last))
    return a, masks


@torch.no_grad()
def back(convs, g, masks, layer):
    """Signals [n,features,rows,columns] of convolution `layer` to pixels; masks of one image for all, or one for each."""
    g = g.contiguous(memory_format=torch.channels_last)
    for i in range(layer - 1, -1, -1):
        g = F.conv_transpose2d(g, convs[i].weight)
        if i:
            g = spread(g.relu_(), POOLS[i - 1], masks[i - 1])
    return g


def projector(net, layer):
    """The top unit of each feature of convolution `layer` of one image, back to pixels, in chunks of 32: explicit transposed
    convolutions over a batch of features, the quickest form we found."""
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    image = torch.randn(1, 3, SIZE, SIZE).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def run():
        top, masks = look(convs, image, layer)
        top = top[0]
        values, places = top.flatten(1).max(1)
        for start in range(0, top.shape[0], 32):
            n = min(32, top.shape[0] - start)
            index = torch.arange(start, start + n)
            g = torch.zeros(n, *top.shape)
            g.view(n, top.shape[0], -1)[torch.arange(n), index, places[index]] = values[index]
            back(convs, g, masks, layer)
        return top.shape[0]

    return run


@torch.no_grad()
def exemplars(net, images, share, top=9):
    """Seconds for: the `top` strongest images of every feature of the three convolutions, and a projection of each. Images are random,
    which costs a dense engine the same as real ones. A first layer's projection is its kernel times a number. With share < 1 that share
    of the features is projected, and the caller multiplies."""
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    pixels = torch.randint(0, 256, (images, SIZE, SIZE, 3), dtype=torch.uint8)

    def read(index):
        return pixels[index].permute(0, 3, 1, 2).float().div_(255).sub_(0.5)  # channels last already

    start = time.perf_counter()
    best = [(torch.full((top, c.out_channels), -1.0), torch.zeros(top, c.out_channels, dtype=torch.long)) for c in convs]
    for first in range(0, images, BATCH):
        index = torch.arange(first, min(images, first + BATCH))
        a = read(index)
        for i, conv in enumerate(convs):
            a = F.relu_(conv(a))
            values = torch.cat((best[i][0], a.amax((2, 3))))
            owners = torch.cat((best[i][1], index[:, None].expand(-1, conv.out_channels)))
            values, order = values.topk(top, 0)
            best[i] = values, owners.gather(0, order)
            if i < len(convs) - 1:
                a = F.max_pool2d(a, POOLS[i])
    searched = time.perf_counter() - start
    start = time.perf_counter()
    made = 0
    for i, conv in enumerate(convs):
        features = round(conv.out_channels * share)
        values, owners = best[i][0][:, :features], best[i][1][:, :features]
        if i == 0:
            patches = values.reshape(-1, 1, 1, 1) * conv.weight[:features].repeat(top, 1, 1, 1)
            made += patches.shape[0]
            continue
        field, step = ((13, 28)[i - 1], (3, 6)[i - 1])
        winners, place = owners.reshape(-1).unique(return_inverse=True)
        feature = torch.arange(features).repeat(top)
        for first in range(0, len(winners), BATCH):
            maps, masks = look(convs, read(winners[first:first + BATCH]), i + 1)
            units = ((place >= first) & (place < first + BATCH)).nonzero()[:, 0]
            for chunk in units.split(32):
                image, n = place[chunk] - first, len(chunk)
                plane = maps[image, feature[chunk]].flatten(1)
                value, where = plane.max(1)
                g = torch.zeros(n, *maps.shape[1:])
                g.view(n, maps.shape[1], -1)[torch.arange(n), feature[chunk], where] = value
                seen = back(convs, g, [m[image] for m in masks], i + 1)
                width = maps.shape[-1]
                for k, at in enumerate(where.tolist()):
                    y, x = at // width * step, at % width * step
                    seen[k, :, y:y + field, x:x + field].clone()
                made += n
    return searched, time.perf_counter() - start, made


x = torch.randn(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
y = torch.randint(0, CLASSES, (BATCH,))
models = {}
for line in sys.stdin:
    work, name, *rest = line.split()
    if name not in models:
        models = {name: build(name)}
    net, count = models[name], BATCH
    if work == "exemplars":
        print(*exemplars(net.eval(), int(rest[0]), float(rest[1])), flush=True)
        continue
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
