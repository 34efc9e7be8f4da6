"""Prints the largest difference of the results of two ONNX files on the same random input.

Usage: python pair.py ONE OTHER (needs numpy, onnxruntime)
"""

import sys

import numpy as np
import onnxruntime


def computed(path, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    if x is None:
        extents = [3 if isinstance(extent, str) else extent for extent in given.shape]
        x = np.random.default_rng(1).standard_normal(extents).astype(np.float32)
    return x, session.run(None, {given.name: x})[0]


x, one = computed(sys.argv[1], None)
_, other = computed(sys.argv[2], x)
print(np.abs(one.reshape(len(x), -1) - other.reshape(len(x), -1)).max() if one.size == other.size else np.inf)
