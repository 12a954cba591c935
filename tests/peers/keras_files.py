"""Real Keras' half of the exchange of files with convscope. See tests/peers/run.

    keras_files.py check DIR   open the models that convscope wrote into DIR, compare their answers with NAME.ref.h5

What this Keras writes itself, keras_corpus.py makes.

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

from keras import models

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


if __name__ == "__main__":
    check(sys.argv[2])
    sys.exit(1 if failed else 0)
