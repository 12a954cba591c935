"""Models in every dialect that this Keras (2.12 and later, 3) writes, with its own answers. See tests/peers/run.

    keras_corpus.py DIR    NAME.h5, NAME.keras, NAME.weights.h5 with NAME.arch.json, and NAME.ref.h5 (x, y, layers/NAME) for each model
                           that must answer alike; NAME.refused (the words an error must have) for each that must be refused

A model is a matrix cell: one layer or layout with options that its file must carry. Answers are computed layer by layer.
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

version = tuple(int(n) for n in keras.__version__.split(".")[:2])
three = version[0] >= 3


def start(shape, batch=None, **more):
    """The first entry of a Sequential model."""
    if three:
        return L.Input(shape, batch_size=batch, **more)
    return L.InputLayer(input_shape=shape, batch_size=batch, **more)


def sequential(shape, *stack, **more):
    return models.Sequential([start(shape)] + list(stack), **more)


def functional(shape, *stack, **more):
    x = inputs = L.Input(shape)
    for layer in stack:
        x = layer(x)
    return models.Model(inputs, x, **more)


def leaky(slope, **more):
    return L.LeakyReLU(negative_slope=slope, **more) if three else L.LeakyReLU(alpha=slope, **more)


def plain():
    """Sequential and functional, options of the layers with weights."""
    yield "conv_options", sequential(
        (17, 14, 3), L.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        L.Conv2D(4, (1, 3), use_bias=False, activation="tanh"), L.Conv2D(6, 2, strides=2, activation="elu"),
        L.Conv2D(3, (2, 2), padding="same", activation="sigmoid", kernel_regularizer="l2"), L.Flatten(), L.Dense(4, use_bias=False))
    yield "conv_linear_softmax", functional((9, 8, 2), L.Conv2D(3, 3, activation="softmax"), L.Conv2D(4, 1), L.Softmax())
    yield "single_channel", sequential((11, 7, 1), L.Conv2D(2, 3, dilation_rate=1, groups=1), L.GlobalMaxPooling2D(), L.Dense(1, activation="sigmoid"))
    yield "pools", sequential((23, 19, 3), L.MaxPooling2D((3, 2), strides=(2, 3), padding="same"), L.Conv2D(4, 3),
                              L.AveragePooling2D((2, 3), strides=1, padding="same"), L.AveragePooling2D(2), L.MaxPooling2D(2, 1))
    yield "global_keepdims", sequential((8, 9, 3), L.Conv2D(4, 3), L.GlobalAveragePooling2D(keepdims=True), L.Conv2D(5, 1), L.Flatten(), L.Dense(3))
    yield "global_max_keepdims", functional((8, 9, 3), L.Conv2D(4, 3), L.GlobalMaxPooling2D(keepdims=True), L.Flatten(), L.Dense(3))
    yield "norms", sequential((10, 10, 3), L.Conv2D(4, 3), L.BatchNormalization(), L.Conv2D(4, 1), L.BatchNormalization(scale=False, epsilon=0.01),
                              L.Conv2D(4, 1), L.BatchNormalization(center=False), L.Conv2D(4, 1), L.BatchNormalization(center=False, scale=False),
                              L.Flatten(), L.BatchNormalization(), L.Dense(5), L.BatchNormalization(momentum=0.5), L.Activation("softmax"))
    yield "norm_first", sequential((6, 6, 3), L.BatchNormalization(), L.Conv2D(2, 3), L.GlobalAveragePooling2D())
    yield "padding", sequential((6, 7, 2), L.ZeroPadding2D(1), L.Conv2D(3, 3), L.ZeroPadding2D((2, 1)), L.MaxPooling2D(3, 2),
                                L.ZeroPadding2D(((0, 1), (2, 0))), L.Conv2D(2, 2))
    yield "rescaling", sequential((8, 8, 3), L.Rescaling(1.0 / 127.5, offset=-1), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3))
    yield "rescaling_channels", sequential((8, 8, 3), L.Rescaling([0.5, 0.25, 2.0], offset=[0.1, -0.2, 0.3]), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    yield "normalization", sequential((8, 8, 3), L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.25, 2.0]), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    adapted = L.Normalization()
    adapted.adapt(np.random.RandomState(1).uniform(-2, 3, (50, 8, 8, 3)).astype("float32"))
    yield "normalization_adapted", sequential((8, 8, 3), adapted, L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3))
    yield "normalization_scalar", functional((8, 8, 3), L.Normalization(axis=None, mean=0.4, variance=0.3), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))


def activations():
    yield "activation_layers", functional((8, 8, 3), L.Conv2D(4, 3), leaky(0.1), L.Conv2D(4, 1), L.ReLU(), L.Conv2D(4, 1), L.ELU(0.7), L.Conv2D(4, 1),
                                          L.ReLU(negative_slope=0.05), L.Conv2D(4, 1), L.Activation("tanh"), L.Flatten(), L.Dense(4), L.Softmax())
    yield "activation_objects", sequential((8, 8, 3), L.Conv2D(4, 3, activation=leaky(0.15)), L.Conv2D(4, 1, activation=L.ELU(0.3)),
                                           L.Conv2D(4, 1, activation=L.ReLU()), L.Flatten(), L.Dense(4, activation=L.Softmax()))
    yield "activation_functions", sequential((8, 8, 3), L.Conv2D(4, 3, activation=keras.activations.relu), L.Conv2D(4, 1, activation=keras.activations.elu),
                                             L.Activation(keras.activations.sigmoid), L.Flatten(), L.Dense(4, activation=keras.activations.softmax))
    if version >= (2, 14):
        yield "leaky_word", sequential((8, 8, 3), L.Conv2D(4, 3, activation="leaky_relu"), L.Flatten(), L.Dense(4, activation="linear"))
    yield "pool_then_activation", sequential((8, 8, 3), L.Conv2D(4, 3), L.MaxPooling2D(), L.Activation("relu"), L.Flatten(), L.Dropout(0.5), L.Dense(4, activation="softmax"))


def training_only():
    stack = [L.GaussianNoise(0.1), L.Conv2D(4, 3), L.SpatialDropout2D(0.2), L.GaussianDropout(0.3), L.AlphaDropout(0.1),
             L.ActivityRegularization(l2=0.1), L.Flatten(), L.Dropout(0.25, seed=3), L.Dense(3)]
    yield "training_only", sequential((8, 8, 3), *stack)
    stack = [L.RandomFlip("horizontal"), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomContrast(0.2), L.RandomTranslation(0.1, 0.1),
             L.RandomBrightness(0.2), L.Rescaling(1.0 / 255), L.Conv2D(4, 3), L.Flatten(), L.Dense(3)]
    yield "augmented", sequential((8, 8, 3), *stack)
    inner = models.Sequential([L.RandomFlip("horizontal"), L.RandomRotation(0.1)], name="data_augmentation")
    yield "augmented_nested", sequential((8, 8, 3), inner, L.Rescaling(1.0 / 255), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    if version >= (2, 13):
        yield "identity", sequential((8, 8, 3), L.Identity(), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))


def shapes():
    yield "reshape_flat", sequential((8, 6, 3), L.Conv2D(4, 3), L.Reshape((-1,)), L.Dense(3))
    yield "reshape_first", sequential((48,), L.Reshape((6, 8, 1)), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    yield "reshape_first_rank2", sequential((6, 8), L.Reshape((6, 8, 1)), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    yield "reshape_same", sequential((6, 8, 2), L.Reshape((6, 8, 2)), L.Conv2D(4, 3), L.GlobalAveragePooling2D(), L.Reshape((4,)), L.Dense(3))
    yield "flat_twice", sequential((6, 8, 2), L.Flatten(), L.Dense(8), L.Flatten(), L.Dense(3))
    yield "dense_only", sequential((20,), L.Dense(8, activation="relu"), L.Dense(3, activation="softmax"))
    yield "dense_rank2", sequential((7, 5), L.Flatten(), L.Dense(8, activation="relu"), L.Dense(3))
    yield "dense_on_map", sequential((7, 5, 3), L.Dense(8, activation="relu"), L.Conv2D(2, 3), L.Dense(4), L.Flatten(), L.Dense(3))
    yield "fixed_batch", models.Sequential([start((8, 8, 3), batch=4), L.Conv2D(4, 3), L.Flatten(), L.Dense(3)])
    yield "resizing_same", sequential((8, 8, 3), L.Resizing(8, 8), L.Conv2D(4, 3), L.Flatten(), L.Dense(3))
    yield "flatten_first", sequential((5, 6, 2), L.Conv2D(4, 3), L.Flatten(data_format="channels_last"), L.Dense(3))


def nested():
    base = models.Sequential([start((12, 12, 2)), L.Conv2D(4, 3, name="inner_conv"), L.BatchNormalization(name="inner_norm"),
                              L.Conv2D(3, 3, activation="relu", name="inner_second"), L.BatchNormalization(name="inner_last")], name="base")
    head = models.Sequential([start((8, 8, 3)), L.Flatten(name="flat"), L.Dense(4, activation="softmax", name="scores")], name="head")
    yield "nested", sequential((12, 12, 2), base, head, name="nested")

    base = functional((12, 12, 2), L.Conv2D(4, 3, name="conv"), L.Conv2D(3, 3, name="preconv"), L.BatchNormalization(name="norm"), name="body")
    yield "nested_functional", functional((12, 12, 2), base, L.GlobalMaxPooling2D(), L.Dense(4), name="whole")

    base = models.Sequential([start((12, 12, 2)), L.Conv2D(4, 3, name="cold"), L.BatchNormalization(name="cold_norm"),
                              L.Conv2D(3, 3, name="cold_too"), L.BatchNormalization(name="warm_norm")], name="frozen")
    base.trainable = False
    yield "frozen_base", functional((12, 12, 2), base, L.GlobalMaxPooling2D(name="strongest"), L.Dense(4, name="classes"))

    base = models.Sequential([start((12, 12, 2)), L.Conv2D(4, 3, name="a"), L.BatchNormalization(name="b"),
                              L.Conv2D(4, 3, name="c"), L.BatchNormalization(name="d"), L.Conv2D(4, 3, name="e")], name="half_frozen")
    base.layers[0].trainable = False
    base.layers[1].trainable = False
    yield "half_frozen", functional((12, 12, 2), base, L.GlobalMaxPooling2D(), L.Dense(4))

    inner = models.Sequential([start((10, 10, 4)), L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm")], name="inner")
    outer = models.Sequential([start((12, 12, 2)), L.Conv2D(4, 3, name="conv"), inner, L.Conv2D(2, 3, name="last")], name="outer")
    yield "nested_twice_same_names", sequential((12, 12, 2), outer, L.Conv2D(3, 1, name="conv"), L.Flatten(), L.Dense(2))

    blocks = [models.Sequential([start((12 - 2 * i, 12 - 2 * i, 2 if i == 0 else 3)), L.Conv2D(3, 3), L.BatchNormalization(), L.ReLU()])
              for i in range(3)]
    yield "nested_blocks", sequential((12, 12, 2), *(blocks + [L.GlobalAveragePooling2D(), L.Dense(4)]))
    yield "nested_no_shape", sequential((12, 12, 2), models.Sequential([L.Conv2D(3, 3), L.Conv2D(3, 3)]), L.GlobalAveragePooling2D(), L.Dense(4))


def names():
    """Names, orders and lists."""
    if three:  # Keras 2 takes no such names
        yield "unicode_names", sequential((8, 8, 3), L.Conv2D(4, 3, name="caf\u00e9"), L.Flatten(name="\u5e73\u3089"), L.Dense(3, name="\u00fc" * 25))
    yield "numbered", sequential((8, 8, 3), L.Conv2D(4, 3, name="conv2d_20"), L.Conv2D(4, 1, name="conv2d_3"), L.Conv2D(4, 1, name="conv2d"),
                                 L.Flatten(), L.Dense(3, name="dense_10"), L.Dense(3, name="dense"))
    yield "unsorted_names", functional((12, 12, 2), L.Conv2D(4, 3, name="zebra"), L.BatchNormalization(name="apple"), L.ReLU(name="mango"),
                                       L.GlobalAveragePooling2D(name="cherry"), L.Dense(5, activation="sigmoid", name="banana"), name="chain")
    if not three:
        yield "slashed_names", sequential((8, 8, 3), L.Conv2D(4, 3, name="block1/conv"), L.Conv2D(4, 3, name="block2/conv"), L.Flatten(), L.Dense(3))
    many = [L.Conv2D(2, 1, name="a_convolution_with_a_very_long_name_" + "x" * 180 + "_%d" % i) for i in range(320)]
    yield "split_names", sequential((3, 3, 2), *(many + [L.Flatten(), L.Dense(2)]))


def first():
    """channels_first: convolutions run here as channels-last twins, for this machine's kernels have no others."""
    cf = "channels_first"
    yield "first_flatten", sequential((3, 9, 8), L.Conv2D(4, 3, data_format=cf), L.BatchNormalization(axis=1), L.ReLU(), L.MaxPooling2D(2, data_format=cf),
                                      L.Conv2D(5, 2, data_format=cf), L.Flatten(data_format=cf), L.Dense(4, activation="tanh"), L.Dense(3, activation="softmax"))
    yield "first_raw_flatten", sequential((3, 9, 8), L.Conv2D(4, 3, data_format=cf), L.ZeroPadding2D(((1, 0), (2, 0)), data_format=cf),
                                          L.AveragePooling2D(2, data_format=cf), L.Flatten(data_format="channels_last"), L.BatchNormalization(), L.Dense(4))
    yield "first_global", functional((3, 9, 8), L.Conv2D(4, 3, data_format=cf), L.GlobalAveragePooling2D(data_format=cf), L.Dense(4))


def precision():
    """Weights of other widths; the arithmetic is compared by hand."""
    yield "half", sequential((9, 9, 3), L.Conv2D(3, 3, dtype="float16"), L.Flatten(dtype="float32"), L.Dense(2, dtype="float32"))
    yield "double", sequential((9, 9, 3), L.Conv2D(3, 3, dtype="float64"), L.Flatten(dtype="float64"), L.Dense(2, dtype="float64"))
    yield "mixed_half", sequential((9, 9, 3), L.Conv2D(3, 3, dtype="mixed_float16"), L.Flatten(dtype="mixed_float16"), L.Dense(2, dtype="float32"))
    yield "mixed_brain", sequential((9, 9, 3), L.Conv2D(3, 3, dtype="mixed_bfloat16"), L.Flatten(), L.Dense(2, dtype="float32"))
    if three:
        yield "brain", sequential((9, 9, 3), L.Conv2D(3, 3, dtype="bfloat16"), L.Flatten(dtype="float32"), L.Dense(2, dtype="float32"))


def compiled():
    model = sequential((8, 8, 3), L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.Flatten(), L.Dense(3, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.random.rand(8, 8, 8, 3), np.eye(3)[np.arange(8) % 3], verbose=0)
    yield "compiled", model
    if three:
        wild = lambda a, b: keras.ops.mean((a - b) ** 2)
    else:
        import tensorflow as tf
        wild = lambda a, b: tf.reduce_mean((a - b) ** 2)
    model = functional((8, 8, 3), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3))
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss=wild)
    model.fit(np.random.rand(8, 8, 8, 3), np.random.rand(8, 3), verbose=0)
    yield "custom_loss", model


def refused():
    """name, model, words that the error must have."""
    def one(layer, shape=(8, 8, 3)):
        return sequential(shape, layer, L.Flatten(), L.Dense(2))

    yield "no_dilation", one(L.Conv2D(4, 3, dilation_rate=2, name="wide")), ["wide", "Conv2D", "dilation"]
    yield "no_groups", one(L.Conv2D(6, 3, groups=3, name="split")), ["split", "Conv2D", "groups"]
    yield "no_depthwise", one(L.DepthwiseConv2D(3, name="dw")), ["dw", "DepthwiseConv2D", "supported"]
    yield "no_separable", one(L.SeparableConv2D(4, 3, name="sep")), ["sep", "SeparableConv2D", "supported"]
    yield "no_transpose", one(L.Conv2DTranspose(4, 3, name="up")), ["up", "Conv2DTranspose", "supported"]
    yield "no_upsampling", one(L.UpSampling2D(2, name="up")), ["up", "UpSampling2D", "supported"]
    yield "no_cropping", one(L.Cropping2D(1, name="cut")), ["cut", "Cropping2D", "supported"]
    yield "no_permute", one(L.Permute((3, 1, 2), name="turn")), ["turn", "Permute", "supported"]
    yield "no_lambda", one(L.Lambda(lambda x: x * 2, name="fun")), ["fun", "Lambda", "supported"]
    yield "no_prelu", one(L.PReLU(name="learned")), ["learned", "PReLU", "supported"]
    yield "no_lstm", sequential((10, 2), L.LSTM(3, name="memory"), L.Dense(2)), ["memory", "LSTM", "supported"]
    yield "no_conv1d", sequential((10, 2), L.Conv1D(3, 3, name="line"), L.Flatten(), L.Dense(2)), ["line", "Conv1D", "supported"]
    yield "no_conv3d", sequential((5, 5, 5, 1), L.Conv3D(3, 3, name="solid"), L.Flatten(), L.Dense(2)), ["solid", "Conv3D", "supported"]
    yield "no_embedding", sequential((10,), L.Embedding(20, 4, name="words"), L.Flatten(), L.Dense(2)), ["words", "Embedding", "supported"]
    yield "no_layernorm", one(L.LayerNormalization(name="ln")), ["ln", "LayerNormalization", "supported"]
    yield "no_swish", one(L.Conv2D(3, 3, activation="swish", name="smooth")), ["smooth", "Conv2D", "expected"]
    yield "no_gelu", one(L.Activation("gelu", name="smooth")), ["smooth", "Activation", "expected"]
    yield "no_relu6", one(L.ReLU(6.0, name="capped")), ["capped", "ReLU", "max_value"]
    yield "no_threshold", one(L.ReLU(threshold=0.5, name="late")), ["late", "ReLU", "threshold"]
    yield "no_center_crop", one(L.CenterCrop(6, 6, name="crop")), ["crop", "CenterCrop"]
    yield "no_resizing", one(L.Resizing(16, 16, name="grow")), ["grow", "Resizing"]
    yield "no_reshape", sequential((8, 8, 3), L.Flatten(), L.Dense(48), L.Reshape((4, 4, 3), name="unflat"), L.Conv2D(2, 3)), ["unflat", "Reshape"]

    x = inputs = L.Input((8, 8, 3))
    x = L.Conv2D(3, 3, padding="same", name="path")(x)
    yield "no_add", models.Model(inputs, L.Dense(2)(L.Flatten()(L.Add(name="sum")([x, inputs])))), ["sum", "Add"]
    x = inputs = L.Input((8, 8, 3))
    a, b = L.Conv2D(3, 3, name="left")(x), L.Conv2D(3, 3, name="right")(x)
    yield "no_concatenate", models.Model(inputs, L.Concatenate(name="both")([a, b])), ["both", "Concatenate"]
    x = inputs = L.Input((8, 8, 3))
    x = L.Conv2D(3, 3, name="trunk")(x)
    yield "no_two_outputs", models.Model(inputs, [L.Flatten()(x), L.GlobalAveragePooling2D()(x)]), ["trunk"]
    shared = L.Conv2D(3, 3, padding="same", name="again")
    x = inputs = L.Input((8, 8, 3))
    yield "no_shared", models.Model(inputs, L.Flatten()(shared(shared(x)))), ["again", "Conv2D"]
    left, right = L.Input((8, 8, 3), name="left"), L.Input((8, 8, 3), name="right")
    yield "no_two_inputs", models.Model([left, right], L.Flatten()(L.Add(name="sum")([left, right]))), ["sum", "Add"]
    yield "no_size", sequential((None, None, 3), L.Conv2D(3, 3), L.GlobalAveragePooling2D(), L.Dense(2)), ["--size"]
    yield "no_first_axis", sequential((6, 8, 3), L.Conv2D(3, 3), L.BatchNormalization(axis=1, name="rows"), L.Flatten(), L.Dense(2)), ["rows", "axis"]


def every_output(model, x):
    """Each layer's answer, by hand: nested models too, whatever the version of Keras."""
    outputs = {}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        if hasattr(layer, "layers"):
            x, inner = every_output(layer, x)
            outputs.update(inner)
        else:
            x = np.asarray(layer(x, training=False) if takes_training(layer) else layer(x))
            outputs[layer.name] = x
    return x, outputs


def takes_training(layer):
    kind = type(layer).__name__
    return kind == "BatchNormalization" or "Dropout" in kind or "Noise" in kind or kind.startswith("Random")


def twin(model):
    """The channels-last twin of a channels_first model, with its weights; rows after a flatten as they must be."""
    stack, raw = [], False
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        config = layer.get_config()
        for key in ("batch_input_shape", "batch_shape", "build_config"):
            config.pop(key, None)
        if type(layer).__name__ == "Flatten":
            raw = config["data_format"] != "channels_first"
        if "data_format" in config:
            config["data_format"] = "channels_last"
        if type(layer).__name__ == "BatchNormalization" and config["axis"] in (1, [1]) and len(layer.input_shape if not three else layer.input.shape) == 4:
            config["axis"] = -1
        stack.append(type(layer).from_config(config))
    shape = tuple(model.input_shape[1:])
    made = sequential((shape[1], shape[2], shape[0]), *stack)
    order = None
    for theirs, ours in zip([l for l in model.layers if type(l).__name__ != "InputLayer"], stack):
        weights = theirs.get_weights()
        if type(theirs).__name__ == "Flatten" and raw:
            h, w, c = ours.input.shape[1:] if three else ours.input_shape[1:]
            order = np.arange(h * w * c).reshape(c, h, w).transpose(1, 2, 0).ravel()
        elif order is not None and weights:
            weights = [v[order] if v.shape[0] == len(order) and (v.ndim == 2 or type(theirs).__name__ == "BatchNormalization") else v for v in weights]
            if type(theirs).__name__ == "Dense":
                order = None
        ours.set_weights(weights)
    return made


def randomise(model, random):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            randomise(layer, random)
        elif type(layer).__name__ not in ("Normalization",) and layer.get_weights() and not type(layer).__name__.startswith("Random") \
                and "Dropout" not in type(layer).__name__:
            layer.set_weights([random.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else random.uniform(-0.3, 0.3, w.shape)
                               for w in layer.get_weights()])


def by_hand(model, x):
    """Of a convolution, a flatten and a dense layer, in float64."""
    w = [np.asarray(v, "float64") for v in (np.asarray(keras.ops.cast(v, "float32")) if three else v for v in model.weights)]
    patches = np.lib.stride_tricks.sliding_window_view(x.astype("float64"), (3, 3), axis=(1, 2))
    conv = np.einsum("nhwcij,ijco->nhwo", patches, w[0]) + w[1]
    return conv.reshape(len(x), -1) @ w[2] + w[3], {}


def save(model, path):
    """In every format this Keras has; it cannot write each model in each."""
    def architecture():
        with open(path + ".arch.json", "w") as f:
            f.write(model.to_json())

    ways = {".h5": model.save, ".keras": model.save, ".weights.h5": model.save_weights, ".arch.json": lambda _: architecture()}
    if not three:
        ways["_weights.hdf5"] = lambda to: model.save_weights(to, save_format="h5")
    problems = []
    for ending, way in ways.items():
        try:
            way(path + ending)
        except Exception as error:
            problems.append(repr(error)[:200])
            if os.path.exists(path + ending):
                os.remove(path + ending)
    if problems:
        print("# Keras %s cannot write %s everywhere: %s" % (keras.__version__, os.path.basename(path), "; ".join(problems)), flush=True)


def main(directory):
    failed = 0
    random = np.random.RandomState(3)
    for group in (plain, activations, training_only, shapes, nested, names, first, precision, compiled):
        made = group()
        while True:
            name = group.__name__
            try:
                name, model = next(made)
                path = os.path.join(directory, name)
                if group is not compiled:
                    randomise(model, random)
                n = 4 if name == "fixed_batch" else 2
                if group is first:
                    c, h, w = model.input_shape[1:]
                    x = random.uniform(-1, 1, (n, h, w, c)).astype("float32")
                    y, outputs = every_output(twin(model), x)
                else:
                    shape = tuple(model.input_shape[1:])
                    x = random.uniform(-1, 1, (n,) + shape).astype("float32")
                    y, outputs = by_hand(model, x) if group is precision else every_output(model, x)
                    if name in ("split_names", "nested_twice_same_names"):  # too many, or not told apart by name
                        outputs = {}
                save(model, path)
                with h5py.File(path + ".ref.h5", "w") as f:
                    f["x"], f["y"] = x, np.asarray(y, "float32")
                    for layer, value in outputs.items():
                        f.create_dataset("layers/" + layer.replace("/", "_"), data=np.asarray(value, "float32"))
            except StopIteration:
                break
            except Exception as error:
                print("not ok - Keras %s writes %s: %s" % (keras.__version__, name, repr(error)[:300]), flush=True)
                failed += 1
                if name == group.__name__:
                    break
    for name, model, words in refused():
        path = os.path.join(directory, name)
        try:
            model.save(path + ".h5")
            model.save(path + ".keras")
            with open(path + ".refused", "w") as f:
                f.write("\n".join(words) + "\n")
        except Exception as error:
            print("not ok - Keras %s writes %s: %s" % (keras.__version__, name, repr(error)[:300]), flush=True)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
