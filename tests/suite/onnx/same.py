"""Compares an ONNX file with what PyTorch computed, in onnxruntime.

Prints the largest difference, divided by the largest output.

Usage: python same.py FILE NPZ (needs onnxruntime)
"""

import sys

import numpy as np
import onnxruntime as ort

file, recorded = sys.argv[1:]
recorded = np.load(recorded)
session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
(found,) = session.run(None, {given.name: recorded["x"].reshape(-1, *given.shape[1:])})
print(np.abs(found.reshape(recorded["y"].shape) - recorded["y"]).max() / np.abs(recorded["y"]).max())
