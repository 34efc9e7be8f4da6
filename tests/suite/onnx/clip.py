"""Compares a clipped ONNX file with the original, in onnxruntime.

Where a weight reads channels that were clipped, its numbers are set to zero in the original. Then both compute the
same. Prints the largest difference, divided by the largest output.

Usage: python clip.py ORIGINAL CLIPPED CHANNELS_JSON [EXTENT_OF_DYNAMIC_DIMENSIONS] (needs onnx, onnxruntime)
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper


def positions(tie, channels):
    """Where channels lie along the axis of a tensor."""
    return [
        tie["offset"] + repeat * tie["stride"] + channel * tie["block"] + within
        for repeat in range(tie["repeat"])
        for channel in channels
        for within in range(tie["block"])
    ]


def silenced(model, groups):
    """Sets to zero what weights read of clipped channels."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors |= {node.output[0]: a.t for a in node.attribute if a.name == "value"}
    for group in groups.values():
        clipped = sorted(set(range(group["channels"])) - set(group["kept"]))
        for tie in group["tensors"]:
            if tie["role"] == "uses" and clipped:
                tensor = tensors[tie["tensor"]]
                values = numpy_helper.to_array(tensor).copy()
                np.moveaxis(values, tie["axis"], 0)[positions(tie, clipped)] = 0
                name = tensor.name
                tensor.CopyFrom(numpy_helper.from_array(values, name))
    return model


def outputs(model, feeds=None, dynamic=2):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    if feeds is None:
        feeds = {}
        for given in session.get_inputs():
            shape = [extent if isinstance(extent, int) else dynamic for extent in given.shape]
            if "int" in given.type:
                feeds[given.name] = generator.integers(0, 2, shape).astype(given.type[7:-1])
            else:
                kind = {"float": "float32", "float16": "float16", "double": "float64"}[given.type[7:-1]]
                feeds[given.name] = generator.standard_normal(shape).astype(kind)
    return session.run(None, feeds), feeds


def main(original, clipped, channels, dynamic=2):
    groups = json.load(open(channels))["groups"]
    onnx.checker.check_model(clipped)
    expected, feeds = outputs(silenced(onnx.load(original), groups), dynamic=int(dynamic))
    found, _ = outputs(onnx.load(clipped), feeds)
    worst = 0.0
    for one, other in zip(found, expected):
        assert one.shape == other.shape, (one.shape, other.shape)
        scale = max(1e-6, np.abs(other).max(initial=0))
        worst = max(worst, float(np.abs(one.astype(np.float64) - other).max(initial=0) / scale))
    print(worst)


main(*sys.argv[1:])
