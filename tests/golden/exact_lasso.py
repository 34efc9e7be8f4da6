"""Writes exact_lasso.json: small problems of min ||A x - y||^2 + lambda ||x||_1 with exact answers.

Everything is computed in rational numbers (the standard library's `fractions`), from entries that are
f64 numbers; what is written as text has 60 digits. The solution is followed from lambda_max down to
lambda, where it is piecewise linear in lambda (Osborne, Presnell, Turlach 2000), and its optimality
conditions are checked exactly at the end.

Beside each problem stand some points x and nu of f64 numbers with their exact objective, and the
exact dual value of the largest multiple of nu, 1 at most, that is feasible.

    python3 exact_lasso.py > exact_lasso.json
"""

import json
import random
from decimal import Decimal, getcontext
from fractions import Fraction

DIGITS = 60

SIZES = [(1, 3), (2, 2), (3, 6), (4, 12), (6, 10), (7, 20), (5, 3), (9, 4)]
"""n, m of A."""

RATIOS = [0.5, 0.1, 1e-3, 1e-6, 1e-10]
"""lambda as a fraction of lambda_max."""

PERTURBATIONS = [0.0, 1e-9, 0.1]


def main() -> None:
    generator = random.Random(20250523)
    cases = [case(generator, n, m, ratio) for n, m in SIZES for ratio in RATIOS]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    print(f'{{"cases":[\n{lines}\n]}}')


def case(generator: random.Random, n: int, m: int, ratio: float) -> dict:
    a = [[generator.gauss(0, 1) for _ in range(m)] for _ in range(n)]
    y = [generator.gauss(0, 1) for _ in range(n)]
    exact_a = [[Fraction(entry) for entry in row] for row in a]
    exact_y = [Fraction(entry) for entry in y]
    largest = 2 * max(abs(c) for c in transposed(exact_a, exact_y))
    weight = float(largest) * ratio
    exact_weight = Fraction(weight)
    x = path(exact_a, exact_y, exact_weight)
    check(exact_a, exact_y, exact_weight, x)
    nu = [2 * r for r in residual(exact_a, exact_y, x)]
    return {
        "n": n,
        "m": m,
        "a": [entry for row in a for entry in row],
        "y": y,
        "lambda": weight,
        "optimum": text(objective(exact_a, exact_y, exact_weight, x)),
        "x": [text(value) for value in x],
        "points": [
            point(generator, (exact_a, exact_y, exact_weight), x, nu, size) for size in PERTURBATIONS
        ],
    }


def point(generator: random.Random, problem: tuple, x: list, nu: list, size: float) -> dict:
    """x and nu as f64 numbers, moved by a fraction of themselves, and what they are worth exactly."""
    a, y, weight = problem
    moved = [[float(v) * (1 + size * generator.gauss(0, 1)) for v in vector] for vector in (x, nu)]
    exact_x, exact_nu = ([Fraction(v) for v in vector] for vector in moved)
    largest = max(abs(slope) for slope in transposed(a, exact_nu))
    scale = min(Fraction(1), weight / largest) if largest else Fraction(1)
    feasible = [scale * v for v in exact_nu]
    dual = dot(feasible, y) - dot(feasible, feasible) / 4
    return {
        "x": moved[0],
        "nu": moved[1],
        "primal": text(objective(a, y, weight, exact_x)),
        "dual": text(dual),
    }


def path(a: list, y: list, weight: Fraction) -> list:
    """The exact solution, by way of all solutions for larger weights."""
    m = len(a[0])
    slopes = [2 * c for c in transposed(a, y)]
    now = max(abs(c) for c in slopes)
    first = next(j for j in range(m) if abs(slopes[j]) == now)
    active, signs, left = [first], [sign(slopes[first])], None
    while True:
        # x_E = u - mu v;  2 A'(y - A x) = p + mu q
        columns = [[row[j] for row in a] for j in active]
        gram = [[dot(b, c) for c in columns] for b in columns]
        u = solve(gram, [dot(c, y) for c in columns])
        v = solve(gram, [s / 2 for s in signs])
        rest = [r - sum(c[i] * w for c, w in zip(columns, u)) for i, r in enumerate(y)]
        back = [sum(c[i] * w for c, w in zip(columns, v)) for i in range(len(y))]
        p, q = ([2 * c for c in transposed(a, vector)] for vector in (rest, back))
        events = []
        for k, (at_zero, rate) in enumerate(zip(u, v)):
            if rate != 0 and at_zero / rate < now and signs[k] * rate < 0:
                events.append((at_zero / rate, "leave", k))
        for j in range(m):
            for s in (1, -1):
                # s (p + mu q) meets mu from below as mu falls
                if j not in active and 1 - s * q[j] > 0:
                    at = s * p[j] / (1 - s * q[j])
                    if at < now or (at == now and (j, s) != left):
                        events.append((at, "enter", (j, s)))
        at, what, which = max(events, default=(Fraction(0), "end", None), key=lambda e: e[0])
        if at <= weight:
            x = [Fraction(0)] * m
            for j, at_zero, rate in zip(active, u, v):
                x[j] = at_zero - weight * rate
            return x
        now = at
        if what == "leave":
            left = (active.pop(which), signs.pop(which))
        else:
            active.append(which[0])
            signs.append(Fraction(which[1]))
            left = None


def check(a: list, y: list, weight: Fraction, x: list) -> None:
    """The optimality conditions, exactly."""
    for value, slope in zip(x, transposed(a, residual(a, y, x))):
        assert 2 * slope == weight * sign(value) if value else abs(2 * slope) <= weight


def solve(matrix: list, right: list) -> list:
    """Gauss and Jordan."""
    size = len(right)
    rows = [row[:] + [value] for row, value in zip(matrix, right)]
    for k in range(size):
        pivot = next(i for i in range(k, size) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [entry / rows[k][k] for entry in rows[k]]
        for i in range(size):
            if i != k and rows[i][k]:
                rows[i] = [b - rows[i][k] * c for b, c in zip(rows[i], rows[k])]
    return [row[size] for row in rows]


def objective(a: list, y: list, weight: Fraction, x: list) -> Fraction:
    off = residual(a, y, x)
    return dot(off, off) + weight * sum(abs(v) for v in x)


def residual(a: list, y: list, x: list) -> list:
    return [value - dot(row, x) for row, value in zip(a, y)]


def transposed(a: list, v: list) -> list:
    return [sum(row[j] * value for row, value in zip(a, v)) for j in range(len(a[0]))]


def dot(a: list, b: list) -> Fraction:
    return sum((x * y for x, y in zip(a, b)), Fraction(0))


def sign(value: Fraction) -> Fraction:
    return Fraction((value > 0) - (value < 0))


def text(value: Fraction) -> str:
    getcontext().prec = DIGITS
    return str(Decimal(value.numerator) / Decimal(value.denominator))


if __name__ == "__main__":
    main()
