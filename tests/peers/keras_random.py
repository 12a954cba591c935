"""Models as nobody would draw them, but Keras takes them: stacks of random layers with random options, and what Keras answers. See tests/peers/run.

    keras_random.py DIR [COUNT [SEED]]    NAME.h5, NAME.keras, NAME.weights.h5 with NAME.arch.json, and NAME.ref.h5 (x, y, layers/NAME)

A model follows from its seed, which is in its name, and from the version of Keras. One in five is channels_first.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import keras
import numpy as np

from keras import layers as L
from keras import models
from keras_corpus import every_output, leaky, randomise, save, start, three, twin, version

WORDS = ["relu", "tanh", "sigmoid", "elu", "linear", "softmax", None, "relu", "relu"]


class Stack:
    """Layers, and the shape they leave: (rows, columns, channels), or (numbers,)."""

    def __init__(self, random, shape, first):
        self.random, self.shape, self.first, self.layers, self.count = random, shape, first, [], 0

    def one_of(self, *choices):
        return choices[self.random.randint(len(choices))]

    def chance(self, share):
        return self.random.uniform() < share

    def name(self, kind):
        self.count += 1
        plain = "%s_%d" % (kind, self.count)
        if self.chance(0.6):
            return plain
        # At most 63 bytes: longer names are cut.
        strange = ["Block-%d.%s" % (self.count, kind), "%s__%d_" % (kind, self.count), "0%d%s" % (self.count, kind), plain.upper(),
                   "%s_%d_%s" % (kind, self.count, "very_" * 7)]
        if three:
            strange += ["s p a c e %d" % self.count, "\u00e9t\u00e9 %d" % self.count, "%s:%d" % (kind, self.count)]
        return self.one_of(*strange)

    def layout(self):
        if self.first:
            return {"data_format": "channels_first"}
        return self.one_of({}, {}, {"data_format": "channels_last"})

    def activation(self):
        if self.first or self.chance(0.7):
            return self.one_of(*WORDS) if not self.first else self.one_of("relu", "tanh", "elu", None)
        if three or version >= (2, 13):
            return self.one_of(keras.activations.relu, keras.activations.softmax, leaky(0.2), L.ELU(0.6), L.ReLU(), keras.activations.linear, L.Softmax())
        return self.one_of(keras.activations.relu, keras.activations.softmax, leaky(0.2), keras.activations.linear)

    def weights(self):
        return self.one_of({}, {}, {"kernel_regularizer": "l2"}, {"kernel_initializer": "he_normal", "bias_initializer": "ones"},
                           {"kernel_constraint": "max_norm"}, {"kernel_regularizer": keras.regularizers.L1L2(0.01, 0.02)}, {"activity_regularizer": "l1"})

    def add(self, layer, shape=None):
        self.layers.append(layer)
        self.shape = shape or self.shape

    def sides(self, window, stride, padding):
        return [-(-side // s) if padding == "same" else (side - k) // s + 1 for side, k, s in zip(self.shape, window, stride)]

    def pair(self, least, most):
        """Two numbers, and how they are said."""
        if self.chance(0.5):
            n = self.random.randint(least, most + 1)
            return (n, n), n
        two = tuple(int(n) for n in self.random.randint(least, most + 1, 2))
        return two, self.one_of(two, list(two))

    def conv(self):
        window, said = self.pair(1, min(4, *self.shape[:2]))
        stride, said_stride = self.pair(1, 3)
        padding, features = self.one_of("valid", "same", "SAME" if three else "same"), int(self.random.randint(1, 9))
        self.add(L.Conv2D(features, said, strides=said_stride, padding=padding, activation=self.activation(), use_bias=self.chance(0.7),
                          name=self.name("conv"), **self.layout(), **self.weights()), (*self.sides(window, stride, padding.lower()), features))

    def pool(self):
        window, said = self.pair(1, min(4, *self.shape[:2]))
        kind = self.one_of(L.MaxPooling2D, L.AveragePooling2D)
        stride, said_stride = self.pair(1, 3) if self.chance(0.5) else (window, None)
        padding = self.one_of("valid", "same")
        self.add(kind(said, strides=said_stride, padding=padding, name=self.name("pool"), **self.layout()), (*self.sides(window, stride, padding), self.shape[2]))

    def norm(self):
        axis = 1 if self.first and len(self.shape) == 3 else self.one_of(-1, -1, len(self.shape))
        self.add(L.BatchNormalization(axis=axis, center=self.chance(0.7), scale=self.chance(0.7), epsilon=self.one_of(1e-3, 1e-5, 0.1), momentum=0.9,
                                      name=self.name("norm")))

    def pad(self):
        n = [int(v) for v in self.random.randint(0, 3, 4)]
        said = self.one_of(n[0], (n[0], n[1]), ((n[0], n[1]), (n[2], n[3])))
        top, bottom, left, right = (n[0],) * 4 if isinstance(said, int) else (n[0], n[0], n[1], n[1]) if isinstance(said[0], int) else n
        self.add(L.ZeroPadding2D(said, name=self.name("pad"), **self.layout()),
                 (self.shape[0] + top + bottom, self.shape[1] + left + right, self.shape[2]))

    def act(self):
        kinds = [lambda n: L.ReLU(name=n), lambda n: leaky(0.25, name=n), lambda n: L.ELU(name=n), lambda n: L.ELU(0.4, name=n),
                 lambda n: L.ReLU(negative_slope=0.1, name=n), lambda n: L.Activation("tanh", name=n), lambda n: L.Activation("relu", name=n),
                 lambda n: L.Activation("linear", name=n), lambda n: L.Activation("sigmoid", name=n)]
        if not (self.first and len(self.shape) == 3):
            kinds += [lambda n: L.Softmax(name=n), lambda n: L.Softmax(axis=len(self.shape), name=n), lambda n: L.Activation("softmax", name=n)]
        self.add(self.one_of(*kinds)(self.name("act")))

    def nothing(self):
        kinds = [lambda n: L.Dropout(0.3, name=n), lambda n: L.GaussianNoise(0.1, name=n), lambda n: L.GaussianDropout(0.3, name=n),
                 lambda n: L.ActivityRegularization(0.1, name=n), lambda n: L.AlphaDropout(0.2, name=n)]
        if len(self.shape) == 3:
            kinds += [lambda n: L.SpatialDropout2D(0.2, name=n, **self.layout())]
            if not self.first:
                kinds += [lambda n: L.RandomFlip(name=n), lambda n: L.RandomRotation(0.1, name=n), lambda n: L.RandomContrast(0.1, name=n)]
        self.add(self.one_of(*kinds)(self.name("nothing")))

    def scale(self):
        if self.chance(0.5):
            self.add(L.Rescaling(self.one_of(1.0 / 255, -2, 1), offset=self.one_of(0, -1, 0.5), name=self.name("scale")))
        elif not self.first and len(self.shape) == 3:
            c = self.shape[2]
            self.add(L.Rescaling(self.one_of(0.3, [float(v) for v in self.random.uniform(0.2, 2, c)]), offset=[float(v) for v in self.random.uniform(-1, 1, c)],
                                 name=self.name("scale")))

    def one_by_one(self):
        if not self.first:
            units = int(self.random.randint(1, 7))
            self.add(L.Dense(units, activation=self.activation(), use_bias=self.chance(0.7), name=self.name("dense")), (*self.shape[:2], units))

    def dense(self):
        units = int(self.random.randint(1, 12))
        self.add(L.Dense(units, activation=self.activation() if not self.first else self.one_of(*WORDS), use_bias=self.chance(0.7), name=self.name("dense"),
                         **self.weights()), (units,))

    def flatten(self):
        way = self.random.randint(6)
        numbers = int(np.prod(self.shape))
        if way == 0:
            self.add(L.GlobalAveragePooling2D(name=self.name("global"), **self.layout()), (self.shape[2],))
        elif way == 1:
            self.add(L.GlobalMaxPooling2D(name=self.name("global"), **self.layout()), (self.shape[2],))
        elif way == 2 and not self.first:
            self.add(self.one_of(L.GlobalAveragePooling2D, L.GlobalMaxPooling2D)(keepdims=True, name=self.name("global")), (1, 1, self.shape[2]))
            self.flatten()
        elif way == 3 and not self.first:
            self.add(L.Reshape(self.one_of((-1,), (numbers,)), name=self.name("row")), (numbers,))
        else:
            self.add(L.Flatten(name=self.name("flat"), **self.layout()), (numbers,))

    def map_layer(self):
        self.one_of(self.conv, self.conv, self.conv, self.pool, self.norm, self.pad, self.act, self.nothing, self.scale, self.one_by_one)()


def grown(random, first):
    stack = Stack(random, (int(random.randint(5, 20)), int(random.randint(5, 20)), int(random.randint(1, 5))), first)
    shape = stack.shape
    for _ in range(random.randint(1, 7)):
        stack.map_layer()
    if not first and stack.chance(0.15):
        return shape, stack.layers  # fully convolutional
    stack.flatten()
    for _ in range(random.randint(0, 4)):
        stack.one_of(stack.dense, stack.dense, stack.norm, stack.act, stack.nothing)()
    return shape, stack.layers


def joined(layers, shape, functional, batch=None):
    """As one model; `functional` is how."""
    if not functional:
        return models.Sequential([start(shape, batch)] + layers)
    x = inputs = L.Input(shape, batch_size=batch)
    for layer in layers:
        x = layer(x)
    return models.Model(inputs, x)


def model_of(seed):
    random = np.random.RandomState(seed)
    first = random.uniform() < 0.2
    shape, layers = grown(random, first)
    given = (shape[2], shape[0], shape[1]) if first else shape
    if not first and len(layers) > 3 and random.uniform() < 0.3:
        cut = sorted(int(n) for n in random.choice(np.arange(1, len(layers)), 2, replace=False))
        inner = [layer for layer in layers[cut[0]:cut[1]]]
        x = L.Input(shape)
        for layer in layers[:cut[0]]:
            x = layer(x)
        between = tuple(x.shape[1:])
        nested = joined(inner, between, random.uniform() < 0.5)
        # Layers that have been called once are made anew.
        outer = [type(l).from_config(l.get_config()) for l in layers[:cut[0]]] + [nested] + layers[cut[1]:]
        return joined(outer, given, random.uniform() < 0.5), first, random
    return joined(layers, given, random.uniform() < 0.4, 2 if random.uniform() < 0.1 else None), first, random


def main(directory, count, seed):
    failed = 0
    for i in range(seed, seed + count):
        name = "random_%d" % i
        try:
            model, first, random = model_of(i)
            randomise(model, random)
            shape = tuple(model.input_shape[1:])
            x = random.uniform(-1, 1, (2,) + ((shape[1], shape[2], shape[0]) if first else shape)).astype("float32")
            y, outputs = every_output(twin(model) if first else model, x)
            if random.uniform() < 0.1 and not first:
                model.compile(optimizer="adam", loss="mse", metrics=["mae"])
            save(model, os.path.join(directory, name))
            with h5py.File(os.path.join(directory, name + ".ref.h5"), "w") as f:
                f["x"], f["y"] = x, np.asarray(y, "float32")
                for layer, value in outputs.items():
                    f["layers/" + layer.replace("/", "_")] = np.asarray(value, "float32")
        except Exception as error:
            print("not ok - Keras %s writes %s: %s" % (keras.__version__, name, repr(error)[:300]), flush=True)
            if os.environ.get("KERAS_TRACE"):
                raise
            failed += 1
        keras.backend.clear_session()
    return failed


if __name__ == "__main__":
    numbers = [int(n) for n in sys.argv[2:]] + [60, 1][len(sys.argv) - 2:]
    sys.exit(1 if main(sys.argv[1], numbers[0], numbers[1]) else 0)
