"""Computes the reference values of the tests of statistics, with SciPy, statsmodels and NumPy.

python statistics.py prints them; the tests in statistics.rs, power.rs and correct.rs contain them.
"""

import numpy as np
import scipy
import statsmodels
from scipy import integrate, optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

print("scipy", scipy.__version__, "statsmodels", statsmodels.__version__, "numpy", np.__version__)

a = np.array([0.971, 0.968, 0.975, 0.97, 0.962])
b = np.array([0.969, 0.969, 0.97, 0.966, 0.961])
for margin in (0.005, 0.002):
    print("ttost_paired", margin, ttost_paired(a, b, -margin, margin)[0])

d = a - b
for family in (1, 28, 90):
    low, high = stats.t.interval(1 - 0.05 / family, 4, d.mean(), stats.sem(d))
    print("interval", family, repr(low), repr(high))
for n, significance in ((3, 0.05 / 90), (5, 0.05), (5, 0.05 / 28), (20, 0.05 / 90), (1000, 0.05)):
    critical = stats.t.ppf(1 - significance / 2, n - 1)
    # The noncentral t by its definition: SciPy's nct is NaN far out, and statsmodels'
    # TTestPower.solve_power agrees to three digits if it converges at all.
    chi = stats.chi(n - 1, scale=1 / np.sqrt(n - 1))
    last = 1 + 9 / np.sqrt(n - 1)

    def found(shift):
        beyond = lambda s: stats.norm.sf(critical * s - shift) + stats.norm.cdf(-critical * s - shift)
        return integrate.quad(lambda s: chi.pdf(s) * beyond(s), 0, last, limit=500, points=[1])[0]

    solved = optimize.brentq(lambda shift: found(shift) - 0.8, critical / 2, 1.5 * critical + 2, xtol=1e-12)
    print("detectable", n, significance, "critical", repr(critical), "in errors", repr(solved))

x, y = np.array([5.0, 4.0, 3.5, 2.0, 2.5]), np.array([0.9, 0.8, 0.85, 0.5, 0.7])
z = np.column_stack([np.ones(5), [5.0, 4.5, 4.0, 3.0, 2.0]])
left = [v - z @ np.linalg.lstsq(z, v, rcond=None)[0] for v in (x, y)]
print("partial", repr(np.corrcoef(*left)[0, 1]))

# Images that networks of two methods and three seeds classify correctly, as in correct.rs.
images = 1000
i = np.arange(images)
right = lambda method, seed: (i * (7 + method) + 13 * seed + i // 9) % 17 != seed
of = [np.array([right(method, seed) for seed in range(3)], float) for method in range(2)]
for seeds in (1, 3):
    difference = (of[0][:seeds] - of[1][:seeds]).mean(axis=0)
    closed = difference.std() / np.sqrt(images)
    rng = np.random.default_rng(1)
    drawn = [difference[rng.integers(0, images, images)].mean() for _ in range(20000)]
    print("paired", seeds, "mean", difference.mean(), "error", repr(closed), "bootstrap", np.std(drawn))
table = [[int(((of[0][0] == r) & (of[1][0] == c)).sum()) for c in (1, 0)] for r in (1, 0)]
discordant = (table[0][1], table[1][0])
error = np.sqrt(sum(discordant) - (discordant[0] - discordant[1]) ** 2 / images) / images
print("mcnemar", table, "error", repr(error), mcnemar(table, exact=False, correction=False).pvalue)
