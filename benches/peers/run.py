"""Solves every problem of a case file with one peer and writes the answers and the times."""

import argparse
import math
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from peers import PEERS, Peer


def main() -> None:
    """Reads the command line, warms up, solves, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, choices=PEERS)
    parser.add_argument(
        "--cases", required=True, nargs="+", type=Path, help="files with a [n,m], y [B,n], lambda"
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder for x, seconds and cpu_seconds of each"
    )
    parser.add_argument(
        "--limit", type=float, default=math.inf, help="start no problem after this many seconds"
    )
    arguments = parser.parse_args()

    peer = PEERS[arguments.peer]
    warm_up(peer)
    deadline = time.perf_counter() + arguments.limit
    for path in arguments.cases:
        case = load_file(path)
        answers = solve_all(peer, case["a"], case["y"], float(case["lambda"][0]), deadline)
        save_file(answers, arguments.out / path.name)


def warm_up(peer: Peer) -> None:
    """Solves a tiny problem, so that imports and first calls are not timed."""
    random = np.random.default_rng(0)
    a = random.standard_normal((4, 8))
    peer(a, 0.1)(random.standard_normal(4))


def solve_all(
    peer: Peer, a: np.ndarray, y: np.ndarray, lam: float, deadline: float
) -> dict[str, np.ndarray]:
    """Solves one right-hand side after the other; columns that are not solved stay NaN.

    The work that a peer does once per matrix counts as time of the first column.
    """
    columns = y.shape[0]
    x = np.full((columns, a.shape[1]), np.nan)
    seconds = np.full(columns, np.nan)
    cpu_seconds = np.full(columns, np.nan)
    solve = None
    for column in range(columns):
        wall, cpu = time.perf_counter(), time.process_time()
        if wall >= deadline:
            break
        if solve is None:
            solve = peer(a, lam)
        x[column] = solve(y[column])
        cpu_seconds[column] = time.process_time() - cpu
        seconds[column] = time.perf_counter() - wall
    return {"x": x, "seconds": seconds, "cpu_seconds": cpu_seconds}


if __name__ == "__main__":
    main()
