"""The peers: other solvers of min ||A x - y||^2 + lambda ||x||_1.

Every peer is a function of (A, lambda). It does the work that its tool can do once per matrix, and
returns a function from a right-hand side y to x. No right-hand side uses results of another one.
"""

from collections.abc import Callable

import celer
import clarabel
import cvxpy as cp
import numpy as np
import scs as scs_solver
from scipy import sparse
from sklearn import linear_model

import ssnal

Array = np.ndarray
Solve = Callable[[Array], Array]
Peer = Callable[[Array, float], Solve]


def lars_path(a: Array, lam: float) -> Solve:
    """scikit-learn's homotopy on A itself. Shared in a group: A in Fortran order."""
    n, m = a.shape
    columns = np.asfortranarray(a)

    def solve(y: Array) -> Array:
        return linear_model.lars_path(
            columns,
            y,
            method="lasso",
            alpha_min=sklearn_alpha(lam, n),
            max_iter=10 * m,
            return_path=False,
        )[2]

    return solve


def lars_path_gram(a: Array, lam: float) -> Solve:
    """scikit-learn's homotopy on sufficient statistics. Shared in a group: the Gram matrix A'A."""
    n, m = a.shape
    gram = a.T @ a

    def solve(y: Array) -> Array:
        return linear_model.lars_path_gram(
            Xy=a.T @ y,
            Gram=gram,
            n_samples=n,
            method="lasso",
            alpha_min=sklearn_alpha(lam, n),
            max_iter=10 * m,
            return_path=False,
        )[2]

    return solve


def sklearn_cd(a: Array, lam: float) -> Solve:
    """scikit-learn's coordinate descent. Shared in a group: A in Fortran order.

    It stops at a duality gap of tol * ||y||^2.
    """
    columns = np.asfortranarray(a)
    lasso = linear_model.Lasso(
        alpha=sklearn_alpha(lam, a.shape[0]), fit_intercept=False, tol=1e-6, max_iter=100_000
    )

    def solve(y: Array) -> Array:
        return lasso.fit(columns, y).coef_

    return solve


def celer_lasso(a: Array, lam: float) -> Solve:
    """celer's working sets. Shared in a group: A in Fortran order.

    It stops by the rule of scikit-learn. With this tolerance it ends near a relative gap of 1e-4 if
    lambda is a tenth of lambda_max.
    """
    columns = np.asfortranarray(a)
    lasso = celer.Lasso(
        alpha=sklearn_alpha(lam, a.shape[0]), fit_intercept=False, tol=2e-5, max_iter=1000
    )

    def solve(y: Array) -> Array:
        return lasso.fit(columns, y).coef_

    return solve


def scs(a: Array, lam: float) -> Solve:
    """SCS, cached factor, eps_abs = eps_rel = 1e-4, which ends about 1e-4 above the optimum."""
    return scs_cached(a, lam, eps=1e-4)


def scs_tight(a: Array, lam: float) -> Solve:
    """SCS, cached factor, eps_abs = eps_rel = 1e-6, which ends about 1e-6 above the optimum."""
    return scs_cached(a, lam, eps=1e-6)


def scs_cached(a: Array, lam: float, eps: float) -> Solve:
    """SCS on the epigraph form. Shared in a group: the workspace, with its scaling and factor.

    Every right-hand side has a cold start. SCS factors again when it adapts its step size.
    """
    n, m = a.shape
    quadratic, linear, constraints = epigraph_form(a, lam)
    data = {"P": quadratic, "A": constraints, "b": np.zeros(n + 2 * m), "c": linear}
    solver = scs_solver.SCS(data, {"z": n, "l": 2 * m}, eps_abs=eps, eps_rel=eps, verbose=False)

    def solve(y: Array) -> Array:
        solver.update(b=np.concatenate([y, np.zeros(2 * m)]))
        return solver.solve(warm_start=False)["x"][:m]

    return solve


def cvxpy_scs(a: Array, lam: float) -> Solve:
    """CVXPY with SCS at its default accuracy.

    Shared in a group: the compiled problem, because y is a parameter.
    """
    n, m = a.shape
    x = cp.Variable(m)
    y_parameter = cp.Parameter(n)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(a @ x - y_parameter) + lam * cp.norm1(x)))

    def solve(y: Array) -> Array:
        y_parameter.value = y
        problem.solve(solver=cp.SCS, warm_start=False)
        return x.value

    return solve


def clarabel_qp(a: Array, lam: float) -> Solve:
    """Clarabel, an interior-point method, on the epigraph form to a relative gap of 1e-4.

    Shared in a group: the workspace, with its scaling and symbolic factorisation. Its default
    accuracy, 1e-8, takes two or three iterations more.
    """
    n, m = a.shape
    quadratic, linear, constraints = epigraph_form(a, lam)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_rel = 1e-4
    settings.tol_gap_abs = 0.0
    settings.tol_feas = 1e-4
    settings.presolve_enable = False  # otherwise the right-hand side cannot be updated
    solver = clarabel.DefaultSolver(
        quadratic,
        linear,
        constraints,
        np.zeros(n + 2 * m),
        [clarabel.ZeroConeT(n), clarabel.NonnegativeConeT(2 * m)],
        settings,
    )

    def solve(y: Array) -> Array:
        solver.update(b=np.concatenate([y, np.zeros(2 * m)]))
        return np.array(solver.solve().x[:m])

    return solve


def numpy_ssnal(a: Array, lam: float) -> Solve:
    """A semismooth-Newton augmented Lagrangian in NumPy. Shared in a group: A' in C order."""
    a_transposed = np.ascontiguousarray(a.T)

    def solve(y: Array) -> Array:
        return ssnal.solve(a_transposed, y, lam)

    return solve


PEERS: dict[str, Peer] = {
    "lars_path": lars_path,
    "lars_path_gram": lars_path_gram,
    "sklearn_cd": sklearn_cd,
    "celer": celer_lasso,
    "scs": scs,
    "scs_tight": scs_tight,
    "cvxpy_scs": cvxpy_scs,
    "clarabel": clarabel_qp,
    "numpy_ssnal": numpy_ssnal,
}


def sklearn_alpha(lam: float, n: int) -> float:
    """scikit-learn minimises ||y - A x||^2 / (2n) + alpha ||x||_1."""
    return lam / (2 * n)


def epigraph_form(a: Array, lam: float) -> tuple[sparse.csc_matrix, Array, sparse.csc_matrix]:
    """Returns the problem as a quadratic program: P, c and the constraint matrix C.

    It minimises r'r + lambda 1't over (x, r, t) with A x - r = y, x - t <= 0 and -x - t <= 0. In
    the form of the solvers, it minimises u'P u / 2 + c'u with C u + s = (y, 0, 0).
    """
    n, m = a.shape
    identity = sparse.eye(m)
    quadratic = sparse.diags(np.concatenate([np.zeros(m), np.full(n, 2.0), np.zeros(m)]))
    linear = np.concatenate([np.zeros(m + n), np.full(m, lam)])
    constraints = sparse.bmat(
        [
            [sparse.csc_matrix(a), -sparse.eye(n), None],
            [identity, None, -identity],
            [-identity, None, -identity],
        ]
    )
    return sparse.csc_matrix(quadratic), linear, sparse.csc_matrix(constraints)
