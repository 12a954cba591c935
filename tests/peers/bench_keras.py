"""Keras as a peer in scripts/bench: reads "train NETWORK" or "infer NETWORK" lines, answers images per second."""
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


x = np.random.RandomState(0).randn(BATCH, SIZE, SIZE, 3).astype("f")
y = np.eye(CLASSES, dtype="f")[np.random.RandomState(1).randint(0, CLASSES, BATCH)]
models = {}
for line in sys.stdin:
    work, name = line.split()
    if name not in models:
        models = {name: build(name)}
    model = models[name]
    step = (lambda: model.train_on_batch(x, y)) if work == "train" else (lambda: model.predict_on_batch(x))
    step()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(BATCH / sorted(times)[1], flush=True)
