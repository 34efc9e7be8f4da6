"""Makes neural networks smaller, and solves sparse least squares.

The command `rayclip` comes with this package; `python -m rayclip` runs it too.

>>> import numpy as np, rayclip
>>> rng = np.random.default_rng(0)
>>> A, x = rng.standard_normal((20, 50)), np.zeros(50)
>>> x[[3, 7]] = 2, -1
>>> solution = rayclip.lasso(A, A @ x, 0.1)
>>> np.flatnonzero(solution.x)
array([3, 7])
>>> small = rayclip.clip("net.onnx", keep=0.75)  # doctest: +SKIP
"""

from ._clip import ClippedGroup, ClippedModel, clip
from ._lasso import LassoSolution, lasso
from ._native import __version__

__all__ = ["ClippedGroup", "ClippedModel", "LassoSolution", "__version__", "clip", "lasso"]
