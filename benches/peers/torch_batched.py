"""Halpern-Douglas-Rachford for the LASSO, batched in PyTorch on CUDA in float32.

It solves all columns of one matrix together, and prints one JSON line. A A' = V L V' is computed
once in float64. The iteration runs on the rotated problem (V'A, V'y), which has the same solutions.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

DEVICE = "cuda"
TOLERANCE = 1e-4  # of the relative duality gap
BLOCK = 50  # iterations between two evaluations of the gap
RELAXATION = 1.96
SUFFICIENT = 0.3  # restart when ||f|| has fallen to this fraction ...
NECESSARY = 0.8  # ... or to this one, ...
LONG = 0.36  # ... if this fraction of all iterations came after the last restart


class Problem(NamedTuple):
    """The rotated problem."""

    a: Tensor  # [n, m]
    y: Tensor  # [B, n]
    lam: float
    rho: Tensor  # [B, 1]
    inverse: Tensor  # 1 / (rho/2 + L), [B, n]
    least_norm: Tensor  # A^+ y, [B, m]


class Points(NamedTuple):
    """The points of one iteration."""

    z: Tensor  # [B, m]
    t: Tensor  # [B, n]
    correction: Tensor  # A't, [B, m]


class Answer(NamedTuple):
    """The best point of every column."""

    x: Tensor  # [B, m]
    gap: Tensor  # [B, 1]
    iterations: int


def main() -> None:
    """Reads the command line, warms up, solves, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", required=True, type=Path, help="a [1,n,m], y [1,B,n], lambda [1]")
    parser.add_argument("--iterations-max", type=int, default=20_000)
    arguments = parser.parse_args()

    torch.set_float32_matmul_precision("highest")
    case = load_file(arguments.case, device=DEVICE)
    a, y, lam = case["a"], case["y"], float(case["lambda"][0])

    solve(prepare(a, y, lam), iterations_max=BLOCK)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    problem = prepare(a, y, lam)
    torch.cuda.synchronize()
    prepared = time.perf_counter()
    answer = solve(problem, arguments.iterations_max)
    torch.cuda.synchronize()
    end = time.perf_counter()

    report = {
        "device": torch.cuda.get_device_name(),
        "n": a.shape[0],
        "m": a.shape[1],
        "problems": y.shape[0],
        "iterations": answer.iterations,
        "solved": int((answer.gap <= TOLERANCE).sum()),
        "largest_relative_gap": float(answer.gap.max()),
        "prepare_seconds": prepared - begin,
        "solve_seconds": end - prepared,
        "problems_per_second": y.shape[0] / (end - prepared),
        "problems_per_second_with_prepare": y.shape[0] / (end - begin),
    }
    print(json.dumps(report))


def prepare(a: Tensor, y: Tensor, lam: float) -> Problem:
    """Factors, rotates and starts in float64; the iteration gets float32."""
    values, vectors = torch.linalg.eigh(a @ a.T)
    rotated_a = vectors.T @ a
    rotated_y = y @ vectors
    cutoff = values.max() * a.shape[0] * torch.finfo(torch.float64).eps
    pseudo_inverse = torch.where(values > cutoff, 1.0 / values, 0.0)
    least_norm = (rotated_y * pseudo_inverse) @ rotated_a
    rho = lam / least_norm.abs().mean(dim=1, keepdim=True)
    return Problem(
        a=rotated_a.float().contiguous(),
        y=rotated_y.float(),
        lam=lam,
        rho=rho.float(),
        inverse=(1.0 / (0.5 * rho + values)).float(),
        least_norm=least_norm.float(),
    )


def solve(problem: Problem, iterations_max: int) -> Answer:
    """Iterates until every column has had a relative gap of at most `TOLERANCE`."""
    w = problem.least_norm
    anchor = w
    since = torch.zeros_like(problem.rho)  # j: iterations since the anchor was set
    size_at_anchor = torch.full_like(problem.rho, torch.inf)
    best_x = torch.zeros_like(w)
    best_gap = torch.full_like(problem.rho, torch.inf)
    iterations = 0
    while True:
        points = points_of(problem, w)
        if iterations % BLOCK == 0 or iterations == iterations_max:
            gap = relative_gap(problem, points)
            best_x = torch.where(gap < best_gap, points.z, best_x)
            best_gap = torch.minimum(gap, best_gap)
            if iterations == iterations_max or bool((best_gap <= TOLERANCE).all()):
                return Answer(best_x, best_gap, iterations)
        f = points.z - w + points.correction
        size = torch.linalg.vector_norm(f, dim=1, keepdim=True)
        long = since > LONG * iterations
        restart = (size <= SUFFICIENT * size_at_anchor) | (
            long & (size <= NECESSARY * size_at_anchor)
        )
        anchor = torch.where(restart, w, anchor)
        since = torch.where(restart, 0.0, since)
        size_at_anchor = torch.where(restart, size, size_at_anchor)
        moved = w + RELAXATION * f
        w = moved + (anchor - moved) / (since + 2.0)
        since = since + 1.0
        iterations += 1


def points_of(problem: Problem, w: Tensor) -> Points:
    """Returns z = soft(w, lambda/rho), t = (y - A v) / (rho/2 + L) with v = 2z - w, and A't."""
    z = torch.nn.functional.relu(w.abs() - problem.lam / problem.rho) * w.sign()
    t = (problem.y - (2.0 * z - w) @ problem.a.T) * problem.inverse
    return Points(z, t, t @ problem.a)


def relative_gap(problem: Problem, points: Points) -> Tensor:
    """Returns (P - D) / P, [B, 1], with t scaled to be the best feasible dual point."""
    tiny = torch.finfo(torch.float32).tiny
    residual = problem.y - points.z @ problem.a.T
    primal = row_sum(residual.square()) + problem.lam * row_sum(points.z.abs())
    product = row_sum(points.t * problem.y)
    square = row_sum(points.t.square())
    largest = points.correction.abs().amax(dim=1, keepdim=True)
    bound = problem.lam / largest.clamp_min(tiny)
    scale = torch.minimum(2.0 * product / square.clamp_min(tiny), bound).clamp_min(0.0)
    dual = scale * product - 0.25 * scale.square() * square
    return (primal - dual) / primal.clamp_min(tiny)


def row_sum(values: Tensor) -> Tensor:
    """Returns the sum of every row, [B, 1]."""
    return values.sum(dim=1, keepdim=True)


if __name__ == "__main__":
    main()
