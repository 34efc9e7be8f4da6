"""The native part of the package."""

from typing import TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64] | NDArray[np.float32]

class _Options(TypedDict):
    relative: bool
    tolerance: float
    algorithm: str
    max_iterations: int
    polish: bool
    device: str

class _Results(TypedDict):
    x: NDArray[np.float64]
    dual: NDArray[np.float64]
    lam: NDArray[np.float64]
    primal_objective: NDArray[np.float64]
    dual_objective: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    rounding: NDArray[np.float64]
    kkt_violation: NDArray[np.float64]
    iterations: NDArray[np.int64]
    flops: NDArray[np.float64]
    polished: NDArray[np.bool_]
    algorithm: str
    seconds: float

class _ClipOptions(TypedDict):
    method: str
    seed: int
    keep: float | None
    target_macs: float | None
    target_parameters: float | None
    groups: list[str]
    protect: list[str]
    round_to: int
    min_width: int
    bind: dict[str, int]

__version__: str

STATUSES: list[str]
"""The names of statuses."""

# Returns the index in STATUSES of the status of every column, and the other fields of a LassoSolution.
def lasso(a: _Floats, y: _Floats, lam: float, options: _Options) -> tuple[NDArray[np.uint8], _Results]: ...

# Returns the bytes of the smaller model, and what was clipped as JSON.
def clip(model: bytes | str, options: _ClipOptions) -> tuple[bytes, str]: ...
