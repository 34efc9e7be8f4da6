"""Writes the seeds of the fuzz target `npz` with NumPy, which `numpy.rs` reads.

Usage: python arrays.py FOLDER
"""

import pathlib
import sys

import numpy

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def write(name, save, **arrays):
    with open(folder / name, "wb") as file:
        save(file, **arrays)


pixels = numpy.arange(16, dtype=numpy.uint8).reshape(2, 2, 4)
write(
    "keras",
    numpy.savez,
    x_train=pixels,
    y_train=numpy.array([0, 1], numpy.uint8),
    x_test=pixels[::-1],
    y_test=numpy.array([1, 0], numpy.int64),
)
columns = numpy.asfortranarray(numpy.arange(12).reshape(4, 3) / 8)
write("columns", numpy.savez_compressed, X=columns, y=numpy.array([[True], [False], [True], [False]]))
