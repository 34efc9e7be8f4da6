"""Times `rayclip.lasso` beside `rayclip bench solver`, on the same batches, in turn.

The command times the solve alone. The function is timed as a user calls it: with the checks of its input and with the
arrays of its results.

Usage: python from_python.py [m x n x columns, such as 512x51x64]... (needs the package rayclip)
"""

import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rayclip

SIZES = ["512x51x1", "512x51x64", "512x51x1024", "512x256x64", "4096x409x8"]
LAMBDA = 0.3
ROUNDS = 7
"""Rounds of the command and the function."""
SECONDS = 0.5
"""Each repeats a batch for about this long."""


def write(path, tensors):
    """Writes arrays in float64 as a safetensors file."""
    header, data = {}, b""
    for name, array in tensors.items():
        end = len(data) + array.nbytes
        header[name] = {"dtype": "F64", "shape": array.shape, "data_offsets": [len(data), end]}
        data += np.ascontiguousarray(array).tobytes()
    header = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def of_the_command(path, repeats):
    """Returns the median seconds of a batch."""
    command = [sys.executable, "-m", "rayclip", "bench", "solver", "--problems", path, "--json", "--device", "flex"]
    output = subprocess.run([*command, "--repeats", str(repeats)], check=True, capture_output=True, text=True).stdout
    return json.loads(output)["seconds"]


def of_the_function(A, Y, repeats):
    """Returns the median seconds of a batch."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        solution = rayclip.lasso(A, Y, LAMBDA)
        times.append(time.perf_counter() - begin)
    assert solution.converged
    return statistics.median(times)


random = np.random.default_rng(1)
with tempfile.TemporaryDirectory() as folder:
    for size in sys.argv[1:] or SIZES:
        m, n, columns = (int(part) for part in size.split("x"))
        A = random.standard_normal((n, m))
        Y = A @ random.standard_normal((m, columns))
        path = Path(folder) / "problem.safetensors"
        write(path, {"a": A, "y": Y.T, "lambda": np.array([LAMBDA])})
        repeats = max(3, min(10_000, round(SECONDS / of_the_function(A, Y, 3))))
        rounds = [(of_the_command(path, repeats), of_the_function(A, Y, repeats)) for _ in range(ROUNDS)]
        ratios = sorted(function / command for command, function in rounds)
        command, function = (statistics.median(times) * 1e3 for times in zip(*rounds))
        print(
            f"{size}: command {command:.3f} ms, function {function:.3f} ms, "
            f"median ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )
