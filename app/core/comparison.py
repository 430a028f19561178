"""Two checkpoints beside each other: what was measured of every tensor that both hold."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.drift import Drift

SCHEMA = "initscope.comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One tensor that both files hold."""

    name: str  # in the first file; hostile text
    before: int  # index in the first file
    after: int  # index in the second
    shape: tuple[int, ...]
    dtypes: tuple[str, str]
    compared_as: str | None  # what both were rounded to, to tell equal values; None: not rounded
    kind: str
    role: str
    weight: bool  # counted as a weight tensor
    drift: Drift | None  # None where the values have no numbers: packed, quantised
    note: str = ""  # why there is no drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshaped:
    """A tensor that has another shape in the second file."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonReport:
    """The comparison as it is stored: numbers alone, no verdict."""

    schema: str
    pairs: tuple[Pair, ...]  # in the order of the first file
    reshaped: tuple[Reshaped, ...]
    missing: tuple[str, ...]  # names in the first file that the second lacks
    added: tuple[str, ...]  # names in the second file that the first lacks
    prefixes: tuple[str, str]  # taken off each file's names
    by_order: bool  # joined by order, as the names differ
    left_out: int  # tensors beside the model's own: the optimizer's


def is_weight(*, role: str, parameter: bool | None, axes: int) -> bool:
    """Whether a tensor counts as a weight, as the chips of the layers page count it."""
    if parameter is False or role.startswith(("running", "num_batches", "buffer")):
        return False
    named = "weight" in role and not role.startswith("norm")
    return named or (role in {"unknown", "parameter", ""} and axes > 1)
