"""Writes small ONNX files with what is easily misread: axes, orders and bounds that are not the usual ones.

Beside every file is what onnxruntime computes for the images in NAME.npy: NAME.json has the probabilities of the classes.
Prints a line for every file: its name, and `same` if it must be read with the same scores, `either` if it may be
refused too, `refused` if it must be refused.

Usage: python odd.py FOLDER (needs numpy, onnx, onnxruntime)
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper, save

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)


def drawn(*extents):
    return rng.standard_normal(extents).astype(np.float32) * 0.5


def model(name, expected, nodes, weights, shape, output):
    """Writes a file. `nodes` are (op, inputs, output, attributes)."""
    made = [helper.make_node(op, inputs, [to], name=to, **attributes) for op, inputs, to, attributes in nodes]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(made, name, [value("x", shape)], [value(nodes[-1][2], [output])], tensors)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(built, folder / f"{name}.onnx")
    print(name, expected)
    if name in ["inputs", "last_inputs"]:
        return
    checker.check_model(built)
    x = np.random.default_rng(1).standard_normal([3, *shape]).astype(np.float32)
    session = onnxruntime.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    scores = np.exp(session.run(None, {"x": x})[0].astype(float))
    (folder / f"{name}.json").write_text(json.dumps((scores / scores.sum(1, keepdims=True)).tolist()))
    # Images have their channels last.
    np.save(folder / f"{name}.npy", np.ascontiguousarray(np.moveaxis(x, 1, -1)))


def conv(outputs, inputs, size=3):
    return {"w": drawn(outputs, inputs, size, size), "b": drawn(outputs)}


CONV = ("Conv", ["x", "w", "b"], "c", {"pads": [1, 1, 1, 1]})
IMAGE = [3, 8, 8]
HEAD = [("GlobalAveragePool", ["r"], "m", {}), ("Flatten", ["m"], "f", {}), ("Gemm", ["f", "v"], "y", {"transB": 1})]
norm = lambda channels: {
    "g": drawn(channels),
    "h": drawn(channels),
    "mean": drawn(channels),
    "var": drawn(channels) ** 2 + 0.5,
}

# A flattened image of several channels.
flat = [
    CONV,
    ("Relu", ["c"], "r", {}),
    ("MaxPool", ["r"], "p", {"kernel_shape": [4, 4], "strides": [4, 4]}),
    ("Flatten", ["p"], "f", {}),
]
fc = {"v": drawn(5, 16)}
of_norm = ("BatchNormalization", ["f", "g", "h", "mean", "var"], "n", {})
model(
    "flat_batch_norm",
    "same",
    [*flat, of_norm, ("Gemm", ["n", "v"], "y", {"transB": 1})],
    conv(4, 3) | fc | norm(16),
    IMAGE,
    5,
)
layer_norm = ("LayerNormalization", ["f", "g", "h"], "n", {"axis": -1})
model(
    "flat_layer_norm",
    "same",
    [*flat, layer_norm, ("Gemm", ["n", "v"], "y", {"transB": 1})],
    conv(4, 3) | fc | norm(16),
    IMAGE,
    5,
)
square = {"s": drawn(16, 16)}
both = [
    ("Gemm", ["f", "s"], "z", {"transB": 1}),
    ("Add", ["f", "z"], "a", {}),
    ("Gemm", ["a", "v"], "y", {"transB": 1}),
]
model("flat_added", "either", [*flat, *both], conv(4, 3) | fc | square, IMAGE, 5)
model("flat_output", "either", flat, conv(4, 3), IMAGE, 16)

# A constant that is added along the width or the height, with as many numbers as there are channels.
for name, extents, expected in [
    ("wide", [8], "refused"),
    ("high", [1, 1, 8, 1], "refused"),
    ("deep", [1, 8, 1, 1], "same"),
]:
    added = [("Conv", ["x", "w"], "c", {"pads": [1] * 4}), ("Add", ["c", "k"], "r", {})]
    weights = {"w": drawn(8, 3, 3, 3), "k": drawn(*extents), "v": drawn(5, 8)}
    model(f"added_{name}", expected, [*added, *HEAD], weights, IMAGE, 5)

# Means over the channels and a side.
mean = lambda axes, source: ("ReduceMean", [source], "m", {"axes": axes, "keepdims": 0})
last = ("Gemm", ["m", "v"], "y", {"transB": 1})
model("mean_of_channels", "refused", [CONV, mean([1, 2], "c"), last], conv(8, 3) | {"v": drawn(5, 8)}, IMAGE, 5)
turned = ("Transpose", ["c"], "t", {"perm": [0, 2, 3, 1]})
model("mean_of_last", "same", [CONV, turned, mean([1, 2], "t"), last], conv(8, 3) | {"v": drawn(5, 8)}, IMAGE, 5)
model(
    "mean_of_last_channels",
    "refused",
    [CONV, turned, mean([2, 3], "t"), last],
    conv(8, 3) | {"v": drawn(5, 8)},
    IMAGE,
    5,
)

# Flattened images with channels last, side by side.
for name, widths in [("pair", (2, 3)), ("even", (2, 4))]:
    nodes, weights = [], {}
    for index, width in enumerate(widths):
        weights |= {f"w{index}": drawn(width, 3, 4, 4)}
        nodes += [("Conv", ["x", f"w{index}"], f"c{index}", {"strides": [4, 4]})]
        nodes += [
            ("Transpose", [f"c{index}"], f"t{index}", {"perm": [0, 2, 3, 1]}),
            ("Flatten", [f"t{index}"], f"f{index}", {}),
        ]
    nodes += [("Concat", ["f0", "f1"], "f", {"axis": 1}), ("Gemm", ["f", "v"], "y", {"transB": 1})]
    model(f"last_{name}", "either", nodes, weights | {"v": drawn(5, 4 * sum(widths))}, IMAGE, 5)

# Bounds that other nodes make.
zero = {"zero": np.float32(0)}
made = [CONV, ("Add", ["one", "one"], "most", {}), ("Clip", ["c", "zero", "most"], "r", {})]
model(
    "bound_added", "refused", [*made, *HEAD], conv(8, 3) | zero | {"one": np.float32(0.1), "v": drawn(5, 8)}, IMAGE, 5
)
made = [CONV, ("Constant", [], "most", {"value_float": 6.0}), ("Clip", ["c", "zero", "most"], "r", {})]
model("bound_constant", "same", [*made, *HEAD], conv(8, 3) | zero | {"v": drawn(5, 8)}, IMAGE, 5)

# Pixels that are used in two ways, or not the same for a whole channel.
two = {"two": np.float32(2)}
twice = [
    ("Mul", ["x", "two"], "d", {}),
    ("Conv", ["d", "w", "b"], "c", {"pads": [1] * 4}),
    ("Add", ["c", "x"], "r", {}),
]
model("pixels_twice", "refused", [*twice, *HEAD], conv(3, 3) | two | {"v": drawn(5, 3)}, IMAGE, 5)
masked = [("Mul", ["x", "k"], "d", {}), ("Conv", ["d", "w", "b"], "r", {"pads": [1] * 4})]
model("pixels_masked", "refused", [*masked, *HEAD], conv(8, 3) | {"k": drawn(8, 8), "v": drawn(5, 8)}, IMAGE, 5)
model("pixels_wide", "refused", [*masked, *HEAD], conv(8, 3) | {"k": drawn(8), "v": drawn(5, 8)}, IMAGE, 5)

# Channels that move, numbers that are rounded.
moved = [CONV, ("GlobalAveragePool", ["c"], "q", {}), ("Reshape", ["q", "to"], "t", {}), ("Mul", ["c", "t"], "r", {})]
weights = conv(8, 3) | {"to": np.array([0, 1, 1, 8]), "v": drawn(5, 8)}
model("channels_moved", "refused", [*moved, *HEAD], weights, IMAGE, 5)
rounded = [CONV, ("Cast", ["c"], "i", {"to": TensorProto.INT32}), ("Cast", ["i"], "r", {"to": TensorProto.FLOAT})]
model("rounded", "refused", [*rounded, *HEAD], conv(8, 3) | {"v": drawn(5, 8)}, IMAGE, 5)

# A normalisation of the channels of an image, a gate of one channel, zeros around an average.
of_image = [
    CONV,
    turned,
    ("LayerNormalization", ["t", "g", "h"], "n", {"axis": -1}),
    ("Transpose", ["n"], "r", {"perm": [0, 3, 1, 2]}),
]
model("image_layer_norm", "same", [*of_image, *HEAD], conv(8, 3) | norm(8) | {"v": drawn(5, 8)}, IMAGE, 5)
gate = [
    CONV,
    ("GlobalAveragePool", ["c"], "q", {}),
    ("Conv", ["q", "w1"], "s", {}),
    ("Sigmoid", ["s"], "t", {}),
    ("Mul", ["c", "t"], "r", {}),
]
model("gate", "same", [*gate, *HEAD], conv(8, 3) | {"w1": drawn(8, 8, 1, 1), "v": drawn(5, 8)}, IMAGE, 5)
zeros = [
    ("Pad", ["x", "to"], "d", {}),
    ("AveragePool", ["d"], "a", {"kernel_shape": [3, 3], "strides": [2, 2]}),
    ("Conv", ["a", "w", "b"], "r", {}),
]
model(
    "zeros",
    "same",
    [*zeros, *HEAD],
    conv(8, 3) | {"to": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "v": drawn(5, 8)},
    IMAGE,
    5,
)

# Layers with the names of rayclip's own, and a weight for other inputs.
own = [
    ("Gemm", ["x", "layer_0.weight"], "h", {"transB": 1}),
    ("Relu", ["h"], "relu_0", {}),
    ("Gemm", ["relu_0", "layer_1.weight"], "y", {"transB": 1}),
]
model("own_names", "same", own, {"layer_0.weight": drawn(6, 4), "layer_1.weight": drawn(5, 6)}, [4], 5)
model(
    "inputs",
    "refused",
    [("Conv", ["x", "w"], "r", {"pads": [1] * 4}), *HEAD],
    {"w": drawn(8, 4, 3, 3), "v": drawn(5, 8)},
    IMAGE,
    5,
)
last_inputs = [
    ("Conv", ["x", "w"], "c", {"strides": [4, 4]}),
    ("Transpose", ["c"], "t", {"perm": [0, 2, 3, 1]}),
    ("Flatten", ["t"], "f", {}),
    ("Gemm", ["f", "v"], "y", {"transB": 1}),
]
model("last_inputs", "refused", last_inputs, {"w": drawn(2, 3, 4, 4), "v": drawn(5, 6)}, IMAGE, 5)
