"""Graphs in every dialect that exporters have written, made node by node, and what ONNX Runtime makes of them. See tests/peers/run.

    onnx_dialects.py DIR    NAME.onnx, and NAME.ref.h5 (x, y) for each that must answer alike, NAME.refused (words of the error) for others

Pictures are stored as convscope has them, rows x columns x channels.
"""
import os
import sys

import h5py
import numpy as np
import onnx
import onnxruntime

from onnx import TensorProto, helper, numpy_helper

random = np.random.RandomState(9)


def weights(*shape):
    return random.uniform(-0.4, 0.4, shape).astype("float32")


def positive(*shape):
    return random.uniform(0.3, 1.2, shape).astype("float32")


class Graph:
    """Nodes in a chain. `at` is the name of the last value."""

    def __init__(self, shape=(3, 12, 10), opset=17, batch="N", ir=8, **how):
        self.shape, self.opset, self.batch, self.ir, self.how = shape, opset, batch, ir, how
        self.nodes, self.initialisers, self.inputs, self.count, self.at = [], [], [], 0, "images"
        self.functions, self.more_outputs, self.opsets = [], [], []

    def constant(self, value, name=None, way=None):
        """A name for these numbers, in the way of this dialect."""
        self.count += 1
        name = name or "c%d" % self.count
        value = np.asarray(value)
        way = way or self.how.get("constants", "raw") if value.dtype.kind == "f" else way or self.how.get("integers", "raw")
        if way == "typed":
            kind = TensorProto.FLOAT if value.dtype.kind == "f" else TensorProto.INT64
            self.initialisers.append(helper.make_tensor(name, kind, value.shape, value.ravel().tolist()))
        elif way == "node":
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name + "_value")))
        elif way == "list" and value.ndim == 1:
            key = {"value_floats": value.tolist()} if value.dtype.kind == "f" else {"value_ints": value.tolist()}
            self.nodes.append(helper.make_node("Constant", [], [name], **key))
        elif way == "identity":
            self.initialisers.append(numpy_helper.from_array(value, name + "_stored"))
            self.nodes.append(helper.make_node("Identity", [name + "_stored"], [name]))
        elif way == "half" and value.dtype.kind == "f":
            self.initialisers.append(numpy_helper.from_array(value.astype("float16"), name + "_half"))
            self.nodes.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        elif way == "double" and value.dtype.kind == "f":
            self.initialisers.append(numpy_helper.from_array(value.astype("float64"), name + "_double"))
            self.nodes.append(helper.make_node("Cast", [name + "_double"], [name], to=TensorProto.FLOAT))
        else:
            self.initialisers.append(numpy_helper.from_array(value, name))
        if self.how.get("listed"):
            kind = TensorProto.FLOAT if value.dtype.kind == "f" else TensorProto.INT64
            self.inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
        return name

    def node(self, op, *extra, swap=False, name=True, **attributes):
        self.count += 1
        out = "v%d" % self.count
        given = list(extra) + [self.at] if swap else [self.at] + list(extra)
        self.nodes.append(helper.make_node(op, given, [out], name="%s_%d" % (op, self.count) if name else "", **attributes))
        self.at = out
        return self

    # what is said differently from version to version

    def conv(self, channels, features, kernel=3, bias=True, **attributes):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        extra = [self.constant(weights(features, channels, *kernel))] + ([self.constant(weights(features))] if bias else [])
        return self.node("Conv", *extra, **attributes)

    def norm(self, channels, **attributes):
        return self.node("BatchNormalization", *[self.constant(v) for v in (positive(channels), weights(channels), weights(channels), positive(channels))],
                         **attributes)

    def gemm(self, numbers, units, **attributes):
        turned = attributes.get("transB", 0)
        return self.node("Gemm", self.constant(weights(units, numbers) if turned else weights(numbers, units)), self.constant(weights(units)), **attributes)

    def pad(self, pads, value=None, **attributes):
        if self.opset < 11:
            return self.node("Pad", pads=pads, **({} if value is None else {"value": value}), **attributes)
        return self.node("Pad", self.constant(np.array(pads, "int64")), *([] if value is None else [self.constant(np.float32(value))]), **attributes)

    def reshape(self, shape, **attributes):
        return self.node("Reshape", self.constant(np.array(shape, "int64")), **attributes)

    def axes(self, op, axes, **attributes):
        """Squeeze, Unsqueeze and sums, whose axes became an input."""
        since = 13 if op in ("Squeeze", "Unsqueeze", "ReduceSum") else 18
        if self.opset < since:
            return self.node(op, axes=axes, **attributes)
        return self.node(op, self.constant(np.array(axes, "int64")), **attributes)

    def model(self):
        where = helper.make_tensor_value_info("images", TensorProto.FLOAT, [self.batch, *self.shape] if self.batch != "none" else None)
        self.nodes.append(helper.make_node("Identity", [self.at], ["scores"])) if self.how.get("named_end") else None
        end = "scores" if self.how.get("named_end") else self.at
        outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in [end] + self.more_outputs]
        graph = helper.make_graph(self.nodes, "graph", [where] + self.inputs, outs, self.initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)] + self.opsets, ir_version=self.ir, functions=self.functions)
        model.producer_name = self.how.get("producer", "pytorch")
        return model


def usual(**how):
    """The chain of most exports: 12x10 pictures, 2 convolutions, a pool, a norm, two dense layers."""
    g = Graph(**how)
    g.conv(3, 6).node("Relu").node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).conv(6, 5, 3, bias=False, pads=[1, 1, 1, 1]).norm(5).node("Relu")
    return g.node("Flatten").gemm(5 * 5 * 4, 7, transB=1).node("Tanh").gemm(7, 4, transB=1).node("Softmax", axis=1 if g.opset < 13 else -1)


def body(**how):
    """A convolution, on which the head to be tried is put: 5 maps of 10x8."""
    return Graph(**how).conv(3, 5)


def versions():
    for opset in range(7, 24):
        yield "opset_%d" % opset, usual(opset=opset, ir=3 if opset < 9 else 8)
    for way in "typed", "node", "identity", "half", "double", "list":
        yield "constants_" + way, usual(constants=way)
    yield "listed", usual(opset=9, ir=3, listed=True)
    yield "integers_typed", body(integers="typed").reshape([0, -1]).gemm(400, 3)
    yield "integers_node", body(integers="node").reshape([0, -1]).gemm(400, 3)
    yield "integers_list", body(integers="list").reshape([0, -1]).gemm(400, 3)
    yield "batch_one", usual(batch=1)
    yield "batch_three", usual(batch=3)
    yield "batch_unnamed", usual(batch=None)
    yield "named_end", usual(named_end=True)
    yield "producer_tf2onnx", usual(producer="tf2onnx")
    yield "producer_none", usual(producer="")
    g = usual()
    for i, node in enumerate(g.nodes):
        node.name, node.doc_string = "", "line\n" * 5
    yield "nameless", g


def heads():
    yield "gemm_plain", body().node("Flatten", axis=1).gemm(400, 3, transB=0)
    yield "gemm_factors", body().node("Flatten").gemm(400, 3, alpha=0.5, beta=2.0)
    yield "gemm_no_bias", no_bias()
    g = body().node("Flatten")
    yield "gemm_row_bias", g.node("Gemm", g.constant(weights(400, 3)), g.constant(weights(1, 3)))
    g = body().node("Flatten")
    yield "matmul_add", g.node("MatMul", g.constant(weights(400, 3))).node("Add", g.constant(weights(3)))
    g = body().node("Flatten")
    yield "matmul_add_swapped", g.node("MatMul", g.constant(weights(400, 3))).node("Add", g.constant(weights(1, 3)), swap=True)
    g = body().node("Flatten")
    yield "matmul_alone", g.node("MatMul", g.constant(weights(400, 3)))
    g = body().node("Flatten")
    turned = g.constant(weights(3, 400))
    g.nodes.append(helper.make_node("Transpose", [turned], ["turned"], perm=[1, 0]))
    yield "matmul_transposed", g.node("MatMul", "turned").node("Add", g.constant(weights(3)))
    yield "flatten_negative", body().node("Flatten", axis=-3).gemm(400, 3)
    yield "reshape_zero", body().reshape([0, -1]).gemm(400, 3)
    yield "reshape_minus", body().reshape([-1, 400]).gemm(400, 3)
    yield "reshape_both", body().reshape([0, 400]).gemm(400, 3)
    yield "reshape_one", body(batch=1).reshape([1, -1]).gemm(400, 3)
    yield "reshape_fixed", body(batch=2).reshape([2, 400]).gemm(400, 3)
    yield "reshape_old", body(opset=7, ir=3).reshape([-1, 400]).gemm(400, 3)
    yield "reshape_twice", body().reshape([-1, 400, 1, 1]).reshape([0, 400]).gemm(400, 3)
    for op in "GlobalAveragePool", "GlobalMaxPool":
        yield op + "_flatten", body().node(op).node("Flatten").gemm(5, 3)
        yield op + "_squeeze", body().node(op).axes("Squeeze", [2, 3]).gemm(5, 3)
        yield op + "_squeeze_negative", body().node(op).axes("Squeeze", [-1, -2]).gemm(5, 3)
        yield op + "_squeeze_old", body(opset=9).node(op).axes("Squeeze", [2, 3]).gemm(5, 3)
        yield op + "_reshape", body().node(op).reshape([-1, 5]).gemm(5, 3)
    yield "squeeze_twice", body().node("GlobalAveragePool").axes("Squeeze", [3]).axes("Squeeze", [2]).gemm(5, 3)
    yield "global_end", body().node("GlobalAveragePool")
    for opset in 11, 13, 18:
        for op in "ReduceMean", "ReduceMax":
            yield "%s_%d" % (op, opset), body(opset=opset).axes(op, [2, 3], keepdims=0).gemm(5, 3)
            yield "%s_kept_%d" % (op, opset), body(opset=opset).axes(op, [-1, -2], keepdims=1).node("Flatten").gemm(5, 3)
    yield "softmax_default_old", body(opset=11).node("Flatten").gemm(400, 3).node("Softmax")
    yield "softmax_default", body().node("Flatten").gemm(400, 3).node("Softmax")
    yield "softmax_channels", body().node("Softmax", axis=1)
    yield "one_by_one_head", body().node("GlobalAveragePool").conv(5, 3, 1).node("Flatten")
    yield "dropped", body().node("Flatten").node("Dropout", name=False).gemm(400, 3)
    yield "dropped_old", body(opset=9).node("Flatten").node("Dropout", ratio=0.4).gemm(400, 3)
    g = body().node("Flatten")
    yield "dropped_inputs", g.node("Dropout", g.constant(np.float32(0.4)), g.constant(np.array(False))).gemm(400, 3)
    yield "identities", body().node("Identity").node("Flatten").node("Identity").gemm(400, 3).node("Identity")
    yield "vector", Graph(shape=(11,)).gemm(11, 5, transB=1).node("Relu").gemm(5, 3)
    g = Graph(shape=(11,))
    yield "vector_matmul", g.node("MatMul", g.constant(weights(11, 5))).node("Add", g.constant(weights(5))).node("Sigmoid")
    g = body()
    g.nodes.append(helper.make_node("Shape", [g.at], ["shape"]))
    g.nodes.append(helper.make_node("Gather", ["shape", g.constant(np.array(0, "int64"))], ["batch"], axis=0))
    g.nodes.append(helper.make_node("Unsqueeze", ["batch", g.constant(np.array([0], "int64"))], ["batches"]))
    g.nodes.append(helper.make_node("Concat", ["batches", g.constant(np.array([-1], "int64"))], ["row"], axis=0))
    yield "shape_of_batch", g.node("Reshape", "row").gemm(400, 3)
    g = body(opset=15)
    g.nodes.append(helper.make_node("Shape", [g.at], ["batch"], start=0, end=1))
    g.nodes.append(helper.make_node("Concat", ["batch", g.constant(np.array([400], "int64"))], ["row"], axis=0))
    yield "shape_cut", g.node("Reshape", "row").gemm(400, 3)
    g = body()
    g.nodes.append(helper.make_node("Shape", [g.at], ["shape"]))
    g.nodes.append(helper.make_node("Slice", ["shape", g.constant(np.array([0], "int64")), g.constant(np.array([1], "int64"))], ["batch"]))
    g.nodes.append(helper.make_node("Cast", ["batch"], ["cast"], to=TensorProto.INT64))
    g.nodes.append(helper.make_node("Concat", ["cast", g.constant(np.array([-1], "int64"))], ["row"], axis=0))
    yield "shape_sliced", g.node("Reshape", "row").gemm(400, 3)


def no_bias():
    g = body().node("Flatten")
    return g.node("Gemm", g.constant(weights(400, 3)))


def windows():
    def ended(g):
        return g.node("GlobalAveragePool").node("Flatten").gemm(5, 3)

    for word in "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET":
        yield "auto_pad_" + word, ended(Graph().conv(3, 5, (4, 3), auto_pad=word, strides=[2, 1]))
        if word != "SAME_LOWER":
            yield "auto_pad_pool_" + word, ended(body().node("MaxPool", kernel_shape=[3, 2], strides=[2, 2], auto_pad=word))
            yield "auto_pad_mean_" + word, ended(body().node("AveragePool", kernel_shape=[3, 2], strides=[2, 2], auto_pad=word))
    yield "pads_uneven", ended(Graph().conv(3, 5, 3, pads=[0, 1, 2, 0]))
    yield "pads_large", ended(Graph().conv(3, 5, 3, pads=[3, 3, 3, 3], strides=[3, 3]))
    yield "kernel_said", ended(Graph().conv(3, 5, 3, kernel_shape=[3, 3], dilations=[1, 1], group=1))
    yield "pool_pads_after_relu", ended(body().node("Relu").node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]))
    yield "pool_pads_uneven", ended(body().node("Relu").node("MaxPool", kernel_shape=[3, 2], strides=[1, 1], pads=[1, 0, 0, 1]))
    yield "pool_ceiling", ended(body().node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))
    yield "pool_no_strides", ended(body().node("MaxPool", kernel_shape=[2, 2]))
    yield "pool_storage", ended(body().node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], storage_order=0, dilations=[1, 1]))
    yield "mean_pads_counted", ended(body().node("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1))
    yield "mean_pads", ended(body().node("AveragePool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]))
    yield "mean_plain", ended(body().node("AveragePool", kernel_shape=[2, 3], strides=[2, 3]))
    yield "mean_ceiling", ended(body(opset=19).node("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1))
    for opset in 9, 11, 13, 18:
        yield "pad_%d" % opset, ended(Graph(opset=opset).pad([0, 0, 1, 2, 0, 0, 0, 1]).conv(3, 5))
        yield "pad_value_%d" % opset, ended(Graph(opset=opset).pad([0, 0, 1, 2, 0, 0, 0, 1], 0.0, mode="constant").conv(3, 5))
    g = Graph(opset=18)
    yield "pad_axes", ended(g.node("Pad", g.constant(np.array([1, 2, 0, 1], "int64")), "", g.constant(np.array([2, 3], "int64"))).conv(3, 5))
    yield "pad_nothing", ended(Graph().pad([0] * 8).conv(3, 5))


def arithmetic():
    def ended(g, n=5):
        return g.node("Relu").node("GlobalMaxPool").node("Flatten").gemm(n, 3)

    for op in "Add", "Sub", "Mul", "Div":
        g = Graph()
        yield op + "_one", ended(g.node(op, g.constant(np.float32(0.7))).conv(3, 5))
        g = Graph()
        yield op + "_list_of_one", ended(g.node(op, g.constant(np.array([0.7], "float32"))).conv(3, 5))
        g = Graph()
        yield op + "_channels", ended(g.node(op, g.constant(positive(1, 3, 1, 1))).conv(3, 5))
        g = Graph()
        yield op + "_channels_short", ended(g.node(op, g.constant(positive(3, 1, 1))).conv(3, 5))
    g = Graph()
    yield "normalised", ended(g.node("Div", g.constant(np.float32(255))).node("Sub", g.constant(positive(1, 3, 1, 1))).node("Div", g.constant(positive(1, 3, 1, 1))).conv(3, 5))
    g = Graph()
    yield "bias_apart", ended(g.conv(3, 5, bias=False).node("Add", g.constant(weights(1, 5, 1, 1))))
    g = body()
    yield "scaled_scores", g.node("Flatten").gemm(400, 3).node("Mul", g.constant(np.float32(0.1))).node("Softmax", axis=-1)
    yield "norm_first", ended(Graph().norm(3).conv(3, 5))
    yield "norm_epsilon", ended(body().norm(5, epsilon=0.01, momentum=0.9))
    yield "norm_old", ended(body(opset=7, ir=3).norm(5))
    yield "norm_test_mode", ended(body(opset=14).norm(5, training_mode=0))
    yield "norm_row", body().node("Flatten").norm(400).gemm(400, 3)
    for name, attributes in {"LeakyRelu": {}, "LeakyRelu_slope": {"alpha": 0.2}, "Elu": {}, "Elu_alpha": {"alpha": 0.4}, "Sigmoid": {}, "Tanh": {}, "Relu": {}}.items():
        yield name, body().node(name.split("_")[0], **attributes).node("Flatten").gemm(400, 3)
    g = body()
    yield "clip_relu", g.node("Clip", g.constant(np.float32(0))).node("Flatten").gemm(400, 3)
    yield "clip_relu_old", body(opset=9).node("Clip", min=0.0).node("Flatten").gemm(400, 3)
    g = body()
    yield "max_relu", g.node("Max", g.constant(np.float32(0))).node("Flatten").gemm(400, 3)
    g = body()
    yield "slope_one", g.node("PRelu", g.constant(np.full((1, 1, 1), 0.2, "float32"))).node("Flatten").gemm(400, 3)
    g = Graph(shape=(12, 10, 3))
    yield "channels_last", g.node("Transpose", perm=[0, 3, 1, 2]).conv(3, 5).node("Relu").node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node(
        "Transpose", perm=[0, 2, 3, 1]).reshape([-1, 100]).gemm(100, 3)
    yield "transposed_flat", body().node("Transpose", perm=[0, 2, 3, 1]).node("Flatten").gemm(400, 3)


def refused():
    """name, graph, words of the line."""
    def one(op, *extra, **attributes):
        return body().node(op, *extra, **attributes)

    g = body()
    yield "no_relu6", g.node("Clip", g.constant(np.float32(0)), g.constant(np.float32(6))), ["Clip"]
    yield "no_relu6_old", body(opset=9).node("Clip", min=0.0, max=6.0), ["Clip"]
    yield "no_group", Graph(shape=(4, 9, 9)).node("Conv", "w", group=2), ["Conv", "group"]
    yield "no_dilation", Graph().conv(3, 5, dilations=[2, 2]), ["Conv", "dilat"]
    g = body()
    yield "no_transpose_conv", g.node("ConvTranspose", g.constant(weights(5, 3, 2, 2))), ["ConvTranspose", "supported"]
    for op in "HardSigmoid", "Selu", "Softplus", "Softsign", "HardSwish", "LogSoftmax", "Abs", "Exp", "Sqrt", "Neg", "Erf":
        yield "no_" + op, one(op), [op]
    g = body()
    yield "no_slopes", g.node("PRelu", g.constant(weights(5, 1, 1))), ["PRelu"]
    yield "no_norm_training", body(opset=14).norm(5, training_mode=1), ["BatchNormalization"]
    g = body()
    yield "no_instance_norm", g.node("InstanceNormalization", g.constant(positive(5)), g.constant(weights(5))), ["InstanceNormalization", "supported"]
    yield "no_lrn", one("LRN", size=3), ["LRN", "supported"]
    yield "no_reflection", Graph().pad([0, 0, 1, 1, 0, 0, 1, 1], mode="reflect").conv(3, 5), ["Pad", "reflect"]
    yield "no_ones_around", Graph().pad([0, 0, 1, 1, 0, 0, 1, 1], 1.0).conv(3, 5), ["Pad"]
    yield "no_cutting", Graph().pad([0, 0, -1, 0, 0, 0, 0, 0]).conv(3, 5), ["Pad"]
    g = body()
    before = g.at
    yield "no_skip", g.node("Relu").node("Add", before), ["Add"]
    g = body()
    before = g.at
    yield "no_branch", g.node("Sigmoid").node("Mul", before), ["Mul"]
    g = body()
    before = g.at
    g.node("Relu")
    g.more_outputs = [before]
    yield "no_two_outputs", g, ["outputs"]
    g = body()
    g.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [None, 5, 10, 8]))
    yield "no_two_inputs", g.node("Add", "other"), ["other"]
    g = body()
    g.opsets = [helper.make_opsetid("com.somebody", 1)]
    g.nodes.append(helper.make_node("Wonder", [g.at], ["odd"], domain="com.somebody", name="wonder"))
    g.at = "odd"
    yield "no_domain", g, ["Wonder"]
    yield "no_upsampling", one("Upsample"), ["Upsample"]
    yield "no_depth", one("DepthToSpace", blocksize=1), ["DepthToSpace"]
    g = Graph(shape=(3, 5, 5, 5))
    yield "no_3d", g.node("Conv", g.constant(weights(4, 3, 2, 2, 2))), ["images"]
    yield "no_size", Graph(shape=(3, "H", "W")).conv(3, 5).node("GlobalAveragePool").node("Flatten"), ["fixed image size"]
    yield "no_shape", Graph(batch="none").conv(3, 5), ["images"]
    g = body()
    yield "no_quantised", g.node("QuantizeLinear", g.constant(np.float32(0.1)), g.constant(np.array(3, "uint8"))), ["QuantizeLinear", "supported"]
    g = usual()
    model = g.model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "../../../../etc/passwd", "offset": "0", "length": "648"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    yield "no_external_elsewhere", model, ["passwd"]
    model = onnx.ModelProto()
    model.CopyFrom(g.model())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "missing.bin"
    yield "no_external_missing", model, ["missing.bin"]
    yield "no_time", Graph(shape=(7, 5)).node("Flatten").gemm(35, 3), ["images", "3 dimensions"]
    yield "no_split", body().reshape([0, 5, 80]).reshape([0, 400]).gemm(400, 3), ["Reshape"]
    yield "no_padded_maximum", one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), ["MaxPool", "pads"]
    yield "no_lower_maximum", one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER"), ["MaxPool", "pads"]
    g = body().node("Flatten")
    yield "no_one_bias", g.node("Gemm", g.constant(weights(400, 3)), g.constant(weights(1))), ["Gemm", "bias"]


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a


def main(directory):
    failed = 0
    for group in (versions, heads, windows, arithmetic):
        for name, g in group():
            path = os.path.join(directory, name + ".onnx")
            model = g.model()
            try:
                onnx.save(model, path)
                n = g.batch if isinstance(g.batch, int) else 2
                x = random.uniform(-1, 1, (n, *g.shape)).astype("float32")
                session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
                y = session.run(None, {"images": x})[0]
            except Exception as error:
                print("# ONNX Runtime %s does not run %s: %s" % (onnxruntime.__version__, name, repr(error)[:200]), flush=True)
                if os.path.exists(path):
                    os.rename(path, os.path.join(directory, "unread-" + name + ".onnx"))
                continue
            with h5py.File(os.path.join(directory, name + ".ref.h5"), "w") as f:
                f["x"], f["y"] = x if name == "channels_last" else channels_last(x), channels_last(y)
    for name, g, words in refused():
        path = os.path.join(directory, name)
        with open(path + ".onnx", "wb") as f:
            f.write((g.model() if isinstance(g, Graph) else g).SerializeToString())
        with open(path + ".refused", "w") as f:
            f.write("\n".join(words) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
