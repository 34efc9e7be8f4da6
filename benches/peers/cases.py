"""Writes the cases: Gaussian·DCT problems of given sizes, and the recorded rays."""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.fft import dct

LAMBDA = 0.3
"""The weight of the recorded runs; it gives lambda / lambda_max of 1e-4 to 1e-3."""


def main() -> None:
    """Reads the command line and writes the requested files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=Path, help="folder for the cases")
    parser.add_argument("--sizes", nargs="*", default=[], help="m x n x columns, such as 512x51x64")
    parser.add_argument("--rays", type=Path, help="rays.safetensors of the recorded run")
    parser.add_argument("--ratio", type=float, help="lambda as a fraction of the largest 2 |A'y|")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        m, n, columns = (int(part) for part in size.split("x"))
        a, y = gaussian_dct(m, n, columns)
        lam = LAMBDA if arguments.ratio is None else arguments.ratio * 2 * np.abs(y @ a).max()
        write(arguments.out / f"{size}.safetensors", a, y, lam)
    if arguments.rays:
        for name, a, y in recorded(arguments.rays):
            write(arguments.out / f"rays-{name}.safetensors", a, y, LAMBDA)


def gaussian_dct(m: int, n: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a Gaussian matrix times an orthonormal DCT-I, and measurements of Gaussian signals."""
    random = np.random.default_rng(1)
    a = dct(random.standard_normal((n, m)), type=1, norm="ortho", axis=1)
    return a, random.standard_normal((columns, m)) @ a.T


def recorded(path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Returns Theta and both measurements of every recorded cycle."""
    tensors = load_file(path)
    cycles = sorted(name.split(".")[0] for name in tensors if name.endswith(".theta"))
    sides = ("y_previous", "y_next")
    return [
        (cycle, tensors[f"{cycle}.theta"], np.stack([tensors[f"{cycle}.{side}"] for side in sides]))
        for cycle in cycles
    ]


def write(path: Path, a: np.ndarray, y: np.ndarray, lam: float) -> None:
    """Writes one case."""
    tensors = {"a": a, "y": y, "lambda": np.array([lam])}
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)


if __name__ == "__main__":
    main()
