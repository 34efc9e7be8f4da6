"""A plain NumPy semismooth-Newton augmented Lagrangian for the LASSO (Li, Sun, Toh 2018).

With q the dual variable and x its multiplier, an outer step minimises

    phi(q) = ||q||^2 / 2 - y'q + ||soft(x + sigma A'q, sigma lambda / 2)||^2 / (2 sigma)

by Newton's method and sets x to soft(x + sigma A'q, sigma lambda / 2). At the optimum q = y - A x.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

Array = np.ndarray

TOLERANCE = 1e-4  # of the relative duality gap
MAX_OUTER_STEPS = 60
MAX_NEWTON_STEPS = 50
SIGMA_GROWTH = 5.0
HARD = 12  # sigma does not grow after an outer step with this many Newton steps
INEXACTNESS = 0.2
ROUNDING = 1e-13  # of ||y||: rounding does not let the gradient get smaller
ARMIJO = 1e-4
MAX_HALVINGS = 30


def solve(a_transposed: Array, y: Array, lam: float) -> Array:
    """Solves one problem; `a_transposed` is A' in C order, so that columns of A are contiguous."""
    x = np.zeros(a_transposed.shape[0])
    q = np.zeros(a_transposed.shape[1])
    correlations = np.zeros_like(x)  # A'q
    sigma = first_sigma(a_transposed, y, lam)
    for _ in range(MAX_OUTER_STEPS):
        x, residual, q, correlations, steps = minimise(
            a_transposed, y, lam, sigma, x, q, correlations
        )
        if relative_gap(x, residual, q, correlations, y, lam) <= TOLERANCE:
            break
        if steps < HARD:
            sigma *= SIGMA_GROWTH
    return x


def first_sigma(a_transposed: Array, y: Array, lam: float) -> float:
    """Returns sigma: the threshold sigma lambda / 2 is about as large as the coefficients."""
    c = a_transposed @ y
    fitted = c @ a_transposed
    step = y @ fitted / (fitted @ fitted)
    return 2.0 * np.mean(np.abs(c)) * step / lam


def minimise(
    a_transposed: Array, y: Array, lam: float, sigma: float, x: Array, q: Array, correlations: Array
) -> tuple[Array, Array, Array, Array, int]:
    """Does one outer step: returns x, y - A x, q and A'q, and the number of Newton steps."""
    threshold = 0.5 * sigma * lam
    steps = 0
    while True:
        new_x = soft(x + sigma * correlations, threshold)
        support = np.flatnonzero(new_x)
        columns = a_transposed[support]  # A_J'
        residual = y - new_x[support] @ columns
        gradient = q - residual
        change = np.linalg.norm(new_x - x)
        enough = max(INEXACTNESS * change / np.sqrt(sigma), ROUNDING * np.linalg.norm(y))
        if np.linalg.norm(gradient) <= enough or steps == MAX_NEWTON_STEPS:
            return new_x, residual, q, correlations, steps
        direction = newton_direction(columns, gradient, sigma)
        rates = a_transposed @ direction
        length = line_search(y, sigma, threshold, x, q, correlations, direction, rates, gradient)
        q = q + length * direction
        correlations = correlations + length * rates
        steps += 1


def newton_direction(columns: Array, gradient: Array, sigma: float) -> Array:
    """Returns -(I + sigma A_J A_J')^-1 gradient, with the smaller of the two Gram matrices."""
    k, n = columns.shape
    if k == 0:
        return -gradient
    if k <= n:
        gram = columns @ columns.T
        gram.flat[:: k + 1] += 1.0 / sigma
        return cho_solve(cho_factor(gram), columns @ gradient) @ columns - gradient
    gram = sigma * (columns.T @ columns)
    gram.flat[:: n + 1] += 1.0
    return -cho_solve(cho_factor(gram), gradient)


def line_search(
    y: Array,
    sigma: float,
    threshold: float,
    x: Array,
    q: Array,
    correlations: Array,
    direction: Array,
    rates: Array,
    gradient: Array,
) -> float:
    """Halves the Newton step until phi falls enough (Armijo's rule)."""

    def phi(length: float) -> float:
        moved = q + length * direction
        shrunk = soft(x + sigma * (correlations + length * rates), threshold)
        return (0.5 * moved - y) @ moved + 0.5 * (shrunk @ shrunk) / sigma

    start = phi(0.0)
    slope = gradient @ direction
    rounding = 1e-14 * abs(start)
    length = 1.0
    for _ in range(MAX_HALVINGS):
        if phi(length) <= start + ARMIJO * length * slope + rounding:
            break
        length *= 0.5
    return length


def relative_gap(
    x: Array, residual: Array, q: Array, correlations: Array, y: Array, lam: float
) -> float:
    """Returns (P - D) / P with the dual point nu = 2q scaled to be the best feasible one."""
    primal = residual @ residual + lam * np.abs(x).sum()
    square = q @ q
    if primal == 0.0 or square == 0.0:
        return 0.0 if primal == 0.0 else 1.0
    largest = max(np.abs(correlations).max(), np.finfo(float).tiny)
    scale = np.clip(q @ y / square, 0.0, 0.5 * lam / largest)
    dual = 2.0 * scale * (q @ y) - scale * scale * square
    return (primal - dual) / primal


def soft(values: Array, threshold: float) -> Array:
    """Soft thresholding."""
    return np.sign(values) * np.maximum(np.abs(values) - threshold, 0.0)
