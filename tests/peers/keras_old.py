"""Models as Keras 0.3 to 2.3 wrote them under Theano, made by those versions, with their own answers. See tests/peers/run.

    keras_old.py PACKAGES DIR    PACKAGES: where pip installed one old Keras, and Theano; DIR as keras_corpus.py fills it

Their Python is long gone: what newer Python and NumPy dropped is put back here, just far enough for them to run. Theano works in its slow
mode, without a C compiler.
"""
import collections
import collections.abc
import inspect
import os
import sys
import types

import numpy as np


def restore():
    for name, value in dict(bool=bool, int=int, float=float, object=object, str=str, complex=complex).items():
        if name not in np.__dict__:
            setattr(np, name, value)
    for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "Sequence", "MutableSet", "Set", "Hashable", "Sized", "Container"):
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(inspect, "getargspec"):
        spec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")

        def getargspec(function):
            full = inspect.getfullargspec(function)
            return spec(full.args, full.varargs, full.varkw, full.defaults)

        inspect.getargspec = getargspec
    import scipy.signal
    import scipy.signal._signaltools as tools
    import scipy.signal._sigtools as fast
    import scipy.signal.signaltools as public

    public._valfrommode, public._bvalfromboundary = tools._valfrommode, tools._bvalfromboundary
    module = types.ModuleType("scipy.signal.sigtools")
    module._convolve2d = fast._convolve2d
    sys.modules["scipy.signal.sigtools"] = scipy.signal.sigtools = public.sigtools = module


restore()
sys.path[:0] = sys.argv[1].split(":")
os.environ["THEANO_FLAGS"] = "cxx=,device=cpu,floatX=float32,optimizer=None,blas.ldflags="
os.environ["KERAS_BACKEND"] = "theano"

import theano.ifelse  # which Keras takes for granted

import h5py
import keras
from keras import backend as K
from keras.models import Sequential
from keras.layers import core

version = tuple(int(n) for n in keras.__version__.split(".")[:2])
if version[0] == 0:
    from keras.layers.convolutional import AveragePooling2D, Convolution2D, MaxPooling2D, ZeroPadding2D
    from keras.layers.core import Activation, Dense, Dropout, Flatten
    from keras.layers.normalization import BatchNormalization
    from keras.layers.advanced_activations import ELU, LeakyReLU
else:
    from keras.layers import (Activation, AveragePooling2D, BatchNormalization, Dense, Dropout, ELU, Flatten, GaussianNoise, LeakyReLU,
                              MaxPooling2D, ZeroPadding2D)


def conv(features, rows, columns, order, **more):
    if version[0] >= 2:
        from keras.layers import Conv2D
        more = {{"subsample": "strides", "border_mode": "padding", "bias": "use_bias"}.get(k, k): v for k, v in more.items()}
        return Conv2D(features, (rows, columns), data_format={"th": "channels_first", "tf": "channels_last"}[order], **more)
    if version[0] == 1:
        from keras.layers import Convolution2D as Made
    else:
        Made = Convolution2D
    return Made(features, rows, columns, dim_ordering=order, **more)


def ordered(order):
    return {"data_format": {"th": "channels_first", "tf": "channels_last"}[order]} if version[0] >= 2 else {"dim_ordering": order}


def same(word="same"):
    return {"padding": word} if version[0] >= 2 else {"border_mode": word}


def dense(units, **more):
    return Dense(units, **more)


def shape(h, w, c, order):
    return (c, h, w) if order == "th" else (h, w, c)


def norm(order, **more):
    if version[0] == 0:
        return BatchNormalization(**more)
    return BatchNormalization(axis=1 if order == "th" else -1, **more)


def models():
    # Of Keras 0.3 nobody can tell what computed; kernels in Theano's order are taken for Theano's, others for TensorFlow's.
    for order in ("th", "tf") if version[0] else ("th",):
        if version[0] >= 2:
            K.set_image_data_format("channels_first" if order == "th" else "channels_last")
        elif version >= (1, 1):
            K.set_image_dim_ordering(order)
        yield "lenet_" + order, order, lambda: [
            conv(6, 5, 5, order, input_shape=shape(20, 18, 2, order), activation="relu"), MaxPooling2D((2, 2), **ordered(order)),
            conv(5, 3, 3, order, subsample=(1, 1), border_mode="same"), Activation("tanh"), Dropout(0.25), Flatten(), dense(7, activation="sigmoid"),
            Dropout(0.5), dense(4), Activation("softmax")]
        yield "options_" + order, order, lambda: [
            ZeroPadding2D((1, 2), input_shape=shape(14, 13, 3, order), **ordered(order)), conv(4, 3, 3, order, subsample=(2, 2)), LeakyReLU(0.1),
            AveragePooling2D((2, 2), strides=(1, 1), **ordered(order)), conv(4, 1, 1, order, bias=False) if version[0] else conv(4, 1, 1, order),
            ELU(0.7), Flatten(), dense(3)]
        if version[0] >= 1:
            yield "norm_" + order, order, lambda: [
                conv(4, 3, 3, order, input_shape=shape(9, 8, 3, order)), norm(order), Activation("relu"), GaussianNoise(0.2), conv(3, 2, 2, order), norm(order, epsilon=0.01),
                Flatten(), BatchNormalization(), dense(5, activation="relu"), BatchNormalization(), dense(3, activation="softmax")]

            def nested(order=order):
                inner = Sequential([conv(4, 3, 3, order, input_shape=shape(9, 8, 3, order), name="inner_conv"), Activation("relu"), conv(3, 2, 2, order, name="inner_too")])
                return [inner, Flatten(), dense(3)]

            yield "nested_" + order, order, nested


def functional(order):
    from keras.layers import GlobalAveragePooling2D, Input
    from keras.models import Model
    x = inputs = Input(shape(10, 9, 3, order))
    for layer in (conv(4, 3, 3, order, name="zebra"), norm(order, name="apple"), Activation("relu", name="mango"),
                  GlobalAveragePooling2D(name="cherry", **ordered(order)), dense(3, name="banana")):
        x = layer(x)
    return Model(inputs, x)


def run(tensor_in, tensor_out, x):
    phase = [] if version[0] == 0 or isinstance(K.learning_phase(), int) else [K.learning_phase()]
    return np.asarray(K.function([tensor_in] + phase, [tensor_out])([x] + [0.0] * len(phase))[0])


def answer(model, x, order, outputs, flat=None):
    """Each layer's answer into outputs, in our own order: maps as h,w,c; rows that a channels_first flatten left as c,h,w too."""
    if version[0] == 0:
        return run(model.layers[0].get_input(False), model.layers[-1].get_output(False), x), None
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        if hasattr(layer, "layers"):
            x, flat = answer(layer, x, order, outputs, flat)
            continue
        if kind == "Flatten" and order == "th" and getattr(layer, "data_format", None) != "channels_first":
            flat = np.arange(x[0].size).reshape(x[0].shape).transpose(1, 2, 0).ravel()
        x = run(layer.get_input_at(0), layer.get_output_at(0), x)
        if kind == "Dense":
            flat = None
        outputs[layer.name] = last(x, order) if flat is None else x[:, flat]
    return x, flat


def last(values, order):
    return values.transpose(0, 2, 3, 1) if order == "th" and values.ndim == 4 else values


def main(directory):
    failed = 0
    random = np.random.RandomState(5)

    def write(name, order, model):
        path = os.path.join(directory, name)
        if version[0] == 0:
            model.compile(loss="mse", optimizer="sgd")
        model.set_weights([random.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else random.uniform(-0.3, 0.3, w.shape) for w in model.get_weights()])
        given = model.input_shape[1:] if version[0] else model.layers[0].input_shape[1:]
        x = random.uniform(-1, 1, (2,) + tuple(given)).astype("float32")
        outputs = {}
        y, _ = answer(model, x, order, outputs)
        if version[0]:
            model.save(path + ".h5")
        model.save_weights(path + "_weights.hdf5", overwrite=True)
        with open(path + ".arch.json", "w") as f:
            f.write(model.to_json())
        with h5py.File(path + ".ref.h5", "w") as f:
            f["x"], f["y"] = last(x, order), last(np.asarray(y, "float32"), order)
            for layer, value in outputs.items():
                f.create_dataset("layers/" + layer, data=value.astype("float32"))

    for name, order, layers in models():
        try:
            model = Sequential()
            for layer in layers():
                model.add(layer)
            write(name, order, model)
        except Exception as error:
            print("not ok - Keras %s writes %s: %s" % (keras.__version__, name, repr(error)[:300]), flush=True)
            if os.environ.get("KERAS_OLD_TRACE"):
                raise
            failed += 1
    for order in ("th", "tf") if version >= (1, 1) else ():
        try:
            write("functional_" + order, order, functional(order))
        except Exception as error:
            print("not ok - Keras %s writes functional_%s: %s" % (keras.__version__, order, repr(error)[:300]), flush=True)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[2]) else 0)
