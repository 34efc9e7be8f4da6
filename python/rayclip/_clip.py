"""`rayclip.clip`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, overload

from . import _native


class _Proto(Protocol):
    """`onnx.ModelProto`, which need not be installed."""

    def SerializeToString(self) -> bytes: ...


_Model = TypeVar("_Model")
_AnyProto = TypeVar("_AnyProto", bound=_Proto)


@dataclass(frozen=True)
class ClippedGroup:
    """Channels that are clipped together."""

    name: str
    """The name of the group: that of the first node that makes its channels."""
    before: int
    """Channels before the clip."""
    kept: list[int] = field(repr=False)
    """The channels that were kept, by their numbers before this clip, in ascending order."""
    fixed: str | None
    """Why the channels cannot be clipped; `None` if they can."""

    @property
    def after(self) -> int:
        """Channels after the clip."""
        return len(self.kept)


@dataclass(frozen=True, eq=False, repr=False)
class ClippedModel(Generic[_Model]):
    """A smaller model, and what was clipped."""

    model: _Model
    """The model: an `onnx.ModelProto` if one was given, otherwise the bytes of a file."""
    groups: list[ClippedGroup]
    """All groups of channels, those that are fixed too."""
    channels: dict[str, Any]
    """The channel map: for every group the original numbers of its channels, and the tensors that have them.

    It is in the metadata of the model too, so that the numbers stay right if the model is clipped again."""
    parameters: tuple[int, int]
    """Parameters before and after."""
    macs: tuple[int | None, int | None]
    """Multiply-accumulates before and after; `None` if they depend on an extent that has no number."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to a file."""
        Path(path).write_bytes(_bytes(self.model))

    def __repr__(self) -> str:
        (before, after), (macs, fewer) = self.parameters, self.macs
        of_macs = "" if macs is None else f", {macs} → {fewer} multiply-accumulates"
        return f"ClippedModel({before} → {after} parameters{of_macs}, {len(self.groups)} groups)"


@overload
def clip(
    model: _AnyProto,
    *,
    keep: float | None = ...,
    target_macs: float | None = ...,
    target_parameters: float | None = ...,
    method: str = ...,
    groups: str | Sequence[str] = ...,
    protect: str | Sequence[str] = ...,
    round_to: int = ...,
    min_width: int = ...,
    seed: int = ...,
    bind: Mapping[str, int] | None = ...,
) -> ClippedModel[_AnyProto]: ...
@overload
def clip(
    model: str | os.PathLike[str] | bytes,
    *,
    keep: float | None = ...,
    target_macs: float | None = ...,
    target_parameters: float | None = ...,
    method: str = ...,
    groups: str | Sequence[str] = ...,
    protect: str | Sequence[str] = ...,
    round_to: int = ...,
    min_width: int = ...,
    seed: int = ...,
    bind: Mapping[str, int] | None = ...,
) -> ClippedModel[bytes]: ...
def clip(
    model: Any,
    *,
    keep: float | None = None,
    target_macs: float | None = None,
    target_parameters: float | None = None,
    method: str = "l2",
    groups: str | Sequence[str] = (),
    protect: str | Sequence[str] = (),
    round_to: int = 1,
    min_width: int = 1,
    seed: int = 0,
    bind: Mapping[str, int] | None = None,
) -> ClippedModel[Any]:
    """Makes the network of an ONNX model smaller once, by its weights alone: no data, no training.

    Exactly one of `keep`, `target_macs` and `target_parameters` says how small. What cannot be clipped stays as it is,
    and `ClippedModel.groups` says why. The model that was given does not change.

    Args:
        model: An `onnx.ModelProto`, the bytes of a file, or a file. Only a file may have weights in other files.
        keep: The fraction of the channels of every group that is kept, between 0 and 1.
        target_macs: The part of the multiply-accumulates that the smaller network may have.
        target_parameters: The part of the parameters that it may have.
        method: How channels are ranked: `l2`, `l1`, `magnitude`, `dtc` or `random`.
        groups: Globs of the groups that are clipped; all if there are none.
        protect: Globs of groups that are not clipped.
        round_to: Widths are multiples of this number.
        min_width: Channels that every group keeps at least.
        seed: Seed of `random`, of `dtc`, and of the order among equal scores.
        bind: Numbers for extents that have a name in the model, such as `{"height": 224}`.

    Raises:
        ValueError: The model is no ONNX model or has nothing to clip, an option is out of range, or the size cannot be
            reached.
        TypeError: The model or an option has another type.
        OSError: The file cannot be read.

    >>> small = clip("net.onnx", target_macs=0.5)  # doctest: +SKIP
    >>> small.save("small.onnx")  # doctest: +SKIP
    """
    source: str | bytes
    if isinstance(model, (str, os.PathLike)):
        os.stat(model)
        source = os.fspath(model)
    else:
        source = _bytes(model)
    options: _native._ClipOptions = {
        "method": method,
        "seed": seed,
        "keep": keep,
        "target_macs": target_macs,
        "target_parameters": target_parameters,
        "groups": [groups] if isinstance(groups, str) else list(groups),
        "protect": [protect] if isinstance(protect, str) else list(protect),
        "round_to": round_to,
        "min_width": min_width,
        "bind": dict(bind or {}),
    }
    smaller, report = _native.clip(source, options)
    done = json.loads(report)
    return ClippedModel(
        model=type(model).FromString(smaller) if hasattr(model, "SerializeToString") else smaller,
        groups=[ClippedGroup(**group) for group in done["groups"]],
        channels=done["channels"],
        parameters=tuple(done["parameters"]),
        macs=tuple(done["macs"]),
    )


def _bytes(model: Any) -> bytes:
    """Returns the bytes of a model."""
    if hasattr(model, "SerializeToString"):
        return bytes(model.SerializeToString())
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    expected = "expected an onnx.ModelProto, the bytes of a file, or a file"
    raise TypeError(f"model is of type {type(model).__name__}; {expected}")
