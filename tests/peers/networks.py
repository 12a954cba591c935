"""The networks that are measured, once, for every peer: lists of (layer, arguments)."""


def pyramid(sizes, dropout=True, padding="valid", batch_norm=False, strides=None):
    kernels, pools, layers = (5, 3, 3), (3, 2, 2), []
    for i, features in enumerate(sizes):
        if dropout and i == len(sizes) - 1:
            layers.append(("dropout", 0.5))
        layers.append(("conv", features, kernels[i], strides[i] if strides else 1, padding, not batch_norm))
        if batch_norm:
            layers += [("batchnorm",), ("relu",)]
        if not strides:
            layers.append(("maxpool", pools[i]))
    return layers + [("flatten",), ("dense", 200)]


def vgg16():
    layers = []
    for features, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [("conv", features, 3, 1, "same", True)] * count + [("maxpool", 2)]
    layers.append(("flatten",))
    for _ in range(2):
        layers += [("dense", 4096), ("relu",), ("dropout", 0.5)]
    return layers + [("dense", 200)]


NETWORKS = {
    "seed": lambda: pyramid((512, 256, 128)),
    "seed-strided": lambda: pyramid((512, 256, 128), strides=(3, 2, 2)),
    "seed-same": lambda: pyramid((512, 256, 128), padding="same"),
    "seed-bn": lambda: pyramid((512, 256, 128), batch_norm=True),
    "pyramid2-256": lambda: pyramid((256, 128), dropout=False),
    "pyramid2-512": lambda: pyramid((512, 256), dropout=False),
    "pyramid3-1024": lambda: pyramid((1024, 512, 256)),
    "vgg16": vgg16,
}
BATCH, SIZE, CLASSES = 32, 64, 200
