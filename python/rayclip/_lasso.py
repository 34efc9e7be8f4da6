"""`rayclip.lasso`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native


@dataclass(frozen=True, eq=False, repr=False)
class LassoSolution:
    """The solutions of a batch, with a certificate for every column.

    An array with one number per column has the shape of Y without its rows: `()` for a Y of shape `(n,)`,
    `(columns,)` for `(n, columns)`, `(groups, columns)` for `(groups, n, columns)`. Objectives have the unit of Y
    squared.
    """

    x: NDArray[np.float64]
    """Coefficients, `(m,)`, `(m, columns)` or `(groups, m, columns)`; exactly zero off the support."""
    dual: NDArray[np.float64]
    """Dual point ν of the certificate, in the shape of Y. It is feasible: `|Aᵀν| ≤ lam`."""
    lam: NDArray[np.float64]
    """λ of every column."""
    primal_objective: NDArray[np.float64]
    """`P = ‖A x − y‖² + lam ‖x‖₁`."""
    dual_objective: NDArray[np.float64]
    """`D = νᵀy − ‖ν‖²/4`. No x has a smaller P than this."""
    relative_gap: NDArray[np.float64]
    """`(P − D)/P`, or 0 if P is 0."""
    rounding: NDArray[np.float64]
    """How far rounding may have moved the gap, as a fraction of P."""
    kkt_violation: NDArray[np.float64]
    """The largest violation of the optimality conditions, as a fraction of λ."""
    iterations: NDArray[np.int64]
    """Iterations, with those of the polish: pieces of the path (homotopy), Newton steps (ssnal), passes (descent)."""
    flops: NDArray[np.float64]
    """Floating-point operations."""
    polished: NDArray[np.bool_]
    """Whether the polish gave the solution."""
    status: NDArray[np.str_]
    """`converged`: the gap is within the tolerance with any rounding. Otherwise `max-iterations`, `stalled`, or
    `non-finite`."""
    algorithm: str
    """The algorithm that was used."""
    seconds: float
    """Time of solving and certifying."""

    @property
    def gap(self) -> NDArray[np.float64]:
        """`P − D`: P is at most this far from the minimum."""
        return np.asarray(self.primal_objective - self.dual_objective)

    @property
    def converged(self) -> bool:
        """Whether every column has converged."""
        return bool(np.all(self.status == "converged"))

    def __repr__(self) -> str:
        good, count = np.count_nonzero(self.status == "converged"), self.status.size
        largest = float(np.max(self.relative_gap, initial=0.0))
        return (
            f"LassoSolution(x of shape {self.x.shape}, {self.algorithm}, {good} of {count} converged, "
            f"largest relative gap {largest:.1e}, {self.seconds:.2g} s)"
        )


def lasso(
    A: ArrayLike,
    Y: ArrayLike,
    lam: float,
    *,
    relative: bool = False,
    tolerance: float = 1e-4,
    algorithm: str = "auto",
    max_iterations: int = 20_000,
    polish: bool = True,
    device: str = "cpu",
) -> LassoSolution:
    """Minimises `‖A x − y‖² + lam ‖x‖₁` for every column y of Y, and certifies every answer.

    The square has no factor ½ or 1/n: scikit-learn's `Lasso(alpha, fit_intercept=False)` has `lam = 2 n alpha`.

    The arithmetic and the results are in float64. An A in float64 is read where it is if every matrix is in C or
    Fortran order; otherwise it is copied. Other Python threads run meanwhile, and must not change A. Ctrl-C ends the
    call with `KeyboardInterrupt`.

    Args:
        A: Matrix `(n, m)`, or one for each group of columns, `(groups, n, m)`.
        Y: Right-hand sides: one, `(n,)`; several that share A, `(n, columns)`; or `(groups, n, columns)`.
        lam: Weight of the ℓ₁ norm, positive.
        relative: Whether `lam` is a fraction of every column's own `2‖Aᵀy‖∞`, at which x is zero.
        tolerance: Certified relative gap to reach, 1e-12 to 1.
        algorithm: `auto`, `homotopy`, `descent`, `ssnal`, `halpern` or `fista`.
        max_iterations: The most iterations of halpern and fista.
        polish: Whether a column that misses the tolerance is solved exactly, in float64.
        device: Where halpern and fista run, in float32: `cpu`, or `gpu` for the first one.

    Raises:
        ValueError: A shape, number or name is wrong; the message says which.
        TypeError: An array has other entries than real numbers.
        RuntimeError: The device failed.

    >>> solution = lasso([[2.0, 0.5, 0.0], [0.0, 0.5, 2.0]], [1.0, 2.0], 0.1)
    >>> solution.x
    array([0.4875, 0.    , 0.9875])
    >>> solution.converged, bool(solution.gap < 1e-12)
    (True, True)
    """
    options: _native._Options = {
        "relative": relative,
        "tolerance": tolerance,
        "algorithm": algorithm,
        "max_iterations": max_iterations,
        "polish": polish,
        "device": device,
    }
    status, results = _native.lasso(_floats(A, "A"), _floats(Y, "Y"), lam, options)
    return LassoSolution(status=np.asarray(np.array(_native.STATUSES)[status]), **results)


def _floats(array: ArrayLike, name: str) -> NDArray[np.float64] | NDArray[np.float32]:
    """Returns an array in native float64 or float32, itself if it is one already."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers")
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    return np.require(array, dtype, "A")
