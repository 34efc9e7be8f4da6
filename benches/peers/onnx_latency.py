"""Times ONNX files in onnxruntime on the CPU, in turn, so that a busy machine slows all of them.

Prints a line for each: its median milliseconds for a batch, and that divided by the first file's.

Usage: python onnx_latency.py [--images 1] [--threads 2] FIRST.onnx OTHER.onnx... (needs numpy, onnxruntime)
"""

import argparse
import statistics
import time

import numpy as np
import onnxruntime

ROUNDS, REPETITIONS = 60, 10

parser = argparse.ArgumentParser()
parser.add_argument("--images", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("files", nargs="+")
arguments = parser.parse_args()

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = arguments.threads
sessions = [onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for file in arguments.files]


def images(session):
    [given] = session.get_inputs()
    extents = [extent if isinstance(extent, int) else arguments.images for extent in given.shape]
    return {given.name: np.random.default_rng(0).standard_normal(extents).astype(np.float32)}


batches = [images(session) for session in sessions]
times = [[] for _ in sessions]
for _ in range(ROUNDS):
    for session, batch, own in zip(sessions, batches, times):
        began = time.perf_counter()
        for _ in range(REPETITIONS):
            session.run(None, batch)
        own.append((time.perf_counter() - began) / REPETITIONS * 1e3)
# The first rounds warm up.
medians = [statistics.median(own[5:]) for own in times]
for file, median in zip(arguments.files, medians):
    print(f"{file}: {median:.3f} ms, {median / medians[0]:.3f}")
