"""Real Keras' half of the exchange of files with convscope. See tests/peers/run.

    keras_files.py check DIR   open the models that convscope wrote into DIR, compare their answers with NAME.ref.h5
    keras_files.py make DIR    write models of every dialect this Keras has into DIR, with their answers in NAME.ref.h5

Prints one line "ok - what" or "not ok - what: why" for each, and exits with 1 when one failed.
"""
import glob
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import keras
import numpy as np

from keras import layers, models

failed = 0
version = "Keras " + keras.__version__


def report(what, why=None):
    global failed
    print(("not ok - %s: %s" % (what, why)) if why else "ok - " + what, flush=True)
    failed += why is not None


def distance(ours, theirs):
    ours, theirs = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.max(np.abs(ours - theirs)) / max(1e-3, np.max(np.abs(theirs))))


def every_output(model, x):
    """Each layer's answer, by hand: nested models too, whatever the version of Keras."""
    outputs = {}
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        if hasattr(layer, "layers"):
            x, inner = every_output(layer, x)
            outputs.update(inner)
        else:
            x = np.asarray(layer(x, training=False) if takes_training(layer) else layer(x))
            outputs[layer.name] = x
    return x, outputs


def takes_training(layer):
    return type(layer).__name__ in ("BatchNormalization", "Dropout")


def opened(path):
    if not path.endswith(".weights.h5"):
        return models.load_model(path, compile=False)
    with open(path[: -len(".weights.h5")] + ".arch.json") as f:
        model = models.model_from_json(f.read())
    model.load_weights(path)
    return model


def check_one(path, reference):
    what = "%s opens %s" % (version, os.path.basename(path))
    try:
        model = opened(path)
        with h5py.File(reference, "r") as f:
            x, y = f["x"][()], f["y"][()]
            expected = {name: f["layers"][name][()] for name in f["layers"]}
        worst = distance(model.predict(x, verbose=0), y)
        if not worst <= 1e-5:
            return report(what, "answers differ by %g" % worst)
        _, outputs = every_output(model, x)
        compared = 0
        for name, values in outputs.items():
            if name not in expected:
                continue
            # An activation of a layer of its own (a leaky ReLU behind a convolution) belongs to the layer before it.
            if name + "_activation" in outputs:
                values = outputs[name + "_activation"]
            compared += 1
            worst = distance(values, expected[name])
            if not worst <= 1e-5:
                return report(what, "layer %s differs by %g" % (name, worst))
        if compared != len(expected):
            return report(what, "only %d of %d layers were found" % (compared, len(expected)))
        report(what)
    except Exception as error:  # whatever real Keras says is the finding
        report(what, repr(error)[:300])


def check(directory):
    for reference in sorted(glob.glob(directory + "/*.ref.h5") + glob.glob(directory + "/run/*.ref.h5")):
        path = reference[: -len(".ref.h5")]
        for ending in ".h5", ".hdf5", ".keras", ".weights.h5":
            if os.path.exists(path + ending):
                check_one(path + ending, reference)


def randomise(model, random):
    model.set_weights([random.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else random.uniform(-0.3, 0.3, w.shape)
                       for w in model.get_weights()])


def architectures():
    L = layers

    yield "sequential", models.Sequential([
        L.InputLayer(batch_input_shape=(None, 17, 14, 3)) if version < "Keras 3" else L.Input((17, 14, 3)),
        L.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        L.BatchNormalization(scale=False, epsilon=0.01),
        L.LeakyReLU(0.2),
        L.MaxPooling2D((3, 2), strides=2, padding="same"),
        L.ZeroPadding2D(((1, 0), (2, 1))),
        L.Conv2D(4, 2, use_bias=False, activation="elu"),
        L.AveragePooling2D(2, strides=1, padding="same"),
        L.Flatten(),
        L.Dropout(0.3),
        L.Dense(6, activation="tanh"),
        L.GaussianNoise(0.5),
        L.Dense(3),
        L.Softmax(),
    ])

    x = inputs = L.Input((12, 12, 2), name="pictures")
    x = L.Conv2D(4, 3, name="zebra")(x)
    x = L.BatchNormalization(name="apple")(x)
    x = L.ReLU(name="mango")(x)
    x = L.GlobalAveragePooling2D(name="cherry")(x)
    x = L.Dense(5, activation="sigmoid", name="banana")(x)
    yield "functional", models.Model(inputs, x, name="chain")

    base = models.Sequential([L.Input((12, 12, 2)), L.Conv2D(4, 3, name="inner_conv"), L.BatchNormalization(name="inner_norm"),
                              L.Conv2D(3, 3, activation="relu", name="inner_second"), L.BatchNormalization(name="inner_last")],
                             name="base")
    head = models.Sequential([L.Input((8, 8, 3)), L.Flatten(name="flat"), L.Dense(4, activation="softmax", name="scores")],
                             name="head")
    yield "nested", models.Sequential([L.Input((12, 12, 2)), base, head], name="nested")

    base = models.Sequential([L.Input((12, 12, 2)), L.Conv2D(4, 3, name="cold"), L.BatchNormalization(name="cold_norm"),
                              L.Conv2D(3, 3, name="cold_too"), L.BatchNormalization(name="warm_norm")], name="frozen")
    base.trainable = False
    x = inputs = L.Input((12, 12, 2))
    x = L.GlobalMaxPooling2D(name="strongest")(base(x))
    x = L.Dense(4, name="classes")(x)
    yield "frozen_base", models.Model(inputs, x)

    # Weights of half width, as mixed-precision training leaves them.
    yield "sixteen_bit", models.Sequential([L.Input((9, 9, 3)), L.Conv2D(3, 3, name="half", dtype="float16"),
                                            L.Flatten(dtype="float32"), L.Dense(2, dtype="float32")])


def make(directory):
    random = np.random.RandomState(3)
    for name, model in architectures():
        what = "%s writes %s" % (version, name)
        try:
            randomise(model, random)
            x = random.uniform(-1, 1, (2,) + tuple(model.input_shape[1:])).astype("float32")
            y, outputs = every_output(model, x)
            model.save(os.path.join(directory, name + ".h5"))
            if name == "sixteen_bit":
                # The arithmetic is Keras' own business there: only that the weights arrive is compared.
                w = [np.asarray(v, "float32") for v in model.get_weights()]
                patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
                conv = np.einsum("nhwcij,ijco->nhwo", patches, w[0]) + w[1]
                y, outputs = conv.reshape(len(x), -1) @ w[2] + w[3], {}
            model.save(os.path.join(directory, name + "_zip.keras"))
            for form in name, name + "_zip":
                with h5py.File(os.path.join(directory, form + ".ref.h5"), "w") as f:
                    f["x"], f["y"] = x, np.asarray(y, "float32")
                    for layer, value in outputs.items():
                        f["layers/" + layer] = np.asarray(value, "float32")
        except Exception as error:
            report(what, repr(error)[:300])


if __name__ == "__main__":
    {"check": check, "make": make}[sys.argv[1]](sys.argv[2])
    sys.exit(1 if failed else 0)
