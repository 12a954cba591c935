"""Keras as a peer in scripts/bench: reads lines "train NETWORK", "infer NETWORK", "project3 seed" and "project2 seed", and answers images
(projections) per second."""
import os
import sys
import time

THREADS = int(os.environ.get("PEER_THREADS", "2"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
import keras
from keras import layers as L

from networks import BATCH, CLASSES, NETWORKS, SIZE


def build(name):
    out = [L.Input((SIZE, SIZE, 3))]
    for kind, *a in NETWORKS[name]():
        if kind == "conv":
            out.append(L.Conv2D(a[0], a[1], strides=a[2], padding=a[3], activation="relu" if a[4] else None))
        elif kind == "batchnorm":
            out.append(L.BatchNormalization())
        elif kind == "relu":
            out.append(L.Activation("relu"))
        elif kind == "maxpool":
            out.append(L.MaxPooling2D(a[0]))
        elif kind == "dropout":
            out.append(L.Dropout(a[0]))
        elif kind == "flatten":
            out.append(L.Flatten())
        elif kind == "dense":
            out.append(L.Dense(a[0]))
    out.append(L.Activation("softmax"))
    model = keras.Sequential(out)
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


POOLS, CHUNK = (3, 2, 2), 32


def projector(model, layer):
    """The top unit of each feature of convolution `layer` of one image, back to pixels, in chunks of 32: explicit transposed
    convolutions and masks of the switches, the quickest form we found in TensorFlow."""
    kernels = [tf.constant(l.kernel) for l in model.layers if isinstance(l, L.Conv2D)]
    image = tf.constant(np.random.RandomState(2).randn(1, SIZE, SIZE, 3).astype("f"))

    def mask(a, pool):
        rows, columns = a.shape[1] // pool * pool, a.shape[2] // pool * pool
        b = a[:, :rows, :columns].numpy().reshape(rows // pool, pool, columns // pool, pool, -1).transpose(0, 2, 1, 3, 4)
        b = b.reshape(rows // pool, columns // pool, pool * pool, -1)
        hot = (np.arange(pool * pool)[None, None, :, None] == b.argmax(2)[:, :, None]).astype("f")
        hot = hot.reshape(rows // pool, columns // pool, pool, pool, -1).transpose(0, 2, 1, 3, 4).reshape(1, rows, columns, -1)
        return tf.constant(np.pad(hot, ((0, 0), (0, a.shape[1] - rows), (0, a.shape[2] - columns), (0, 0))))

    @tf.function
    def forward(i, a):
        return tf.nn.relu(tf.nn.conv2d(a, kernels[i], 1, "VALID"))

    def run():
        a, masks = image, []
        for i in range(layer):
            a = forward(i, a)
            if i < layer - 1:
                masks.append(mask(a, POOLS[i]))
                a = tf.nn.max_pool2d(a, POOLS[i], POOLS[i], "VALID")
        plane = a[0].numpy()
        flat = plane.reshape(-1, plane.shape[-1])
        places, values = flat.argmax(0), flat.max(0)
        for first in range(0, plane.shape[-1], CHUNK):
            g = np.zeros((CHUNK,) + flat.shape, "f")
            f = np.arange(first, first + CHUNK)
            g[np.arange(CHUNK), places[f], f] = values[f]
            back(tf.constant(g.reshape((CHUNK,) + plane.shape)), *masks)
        return plane.shape[-1]

    @tf.function
    def back(g, *masks):
        for i in range(layer - 1, -1, -1):
            rows, columns = g.shape[1] + kernels[i].shape[0] - 1, g.shape[2] + kernels[i].shape[1] - 1
            g = tf.nn.conv2d_transpose(g, kernels[i], [CHUNK, rows, columns, kernels[i].shape[2]], 1, "VALID")
            if i:
                pool = POOLS[i - 1]
                g = tf.repeat(tf.repeat(tf.nn.relu(g), pool, 1), pool, 2)
                rest = masks[i - 1].shape[1] - g.shape[1], masks[i - 1].shape[2] - g.shape[2]
                g = tf.pad(g, ((0, 0), (0, rest[0]), (0, rest[1]), (0, 0))) * masks[i - 1]
        return g

    return run


x = np.random.RandomState(0).randn(BATCH, SIZE, SIZE, 3).astype("f")
y = np.eye(CLASSES, dtype="f")[np.random.RandomState(1).randint(0, CLASSES, BATCH)]
models = {}
for line in sys.stdin:
    work, name = line.split()
    if name not in models:
        models = {name: build(name)}
    model = models[name]
    count = BATCH
    if work == "train":
        step = lambda: model.train_on_batch(x, y)
    elif work == "infer":
        step = lambda: model.predict_on_batch(x)
    else:
        step = projector(model, int(work[-1]))
        count = step()
    step()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(count / sorted(times)[1], flush=True)
