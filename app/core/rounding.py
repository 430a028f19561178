"""Values as a narrower dtype would hold them, so that two dtypes can be compared value by value."""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Float64

from app.core.storage import is_integer, pattern_values

Numbers: TypeAlias = Float64[np.ndarray, "values"]

PRECISION: Final = {  # bits of the significand
    "float64": 53,
    "float32": 24,
    "float16": 11,
    "bfloat16": 8,
    "float8_e4m3fn": 4,
    "float8_e4m3fnuz": 4,
    "float8_e5m2": 3,
    "float8_e5m2fnuz": 3,
    "float8_e8m0fnu": 1,
}


def decoded(values: np.ndarray, dtype: str) -> Numbers:
    """The values of a flat piece as float64; bfloat16 and 8-bit floats come as their patterns."""
    if dtype == "bfloat16":
        wide = (values.astype(np.uint32) << 16).view(np.float32)
    elif dtype.startswith("float8"):
        return np.asarray(pattern_values(dtype)[values])
    else:
        wide = values
    with np.errstate(invalid="ignore"):  # a signalling NaN among the patterns
        return np.asarray(wide, np.float64)


def coarser(first: str, second: str) -> str:
    """The dtype of two that keeps fewer digits; a float beside an integer is the coarser."""
    return min((first, second), key=lambda dtype: PRECISION.get(dtype, 64))


def rounded(values: Numbers, dtype: str) -> Numbers:
    """Each value as torch's `.to(dtype)` would keep it: to the nearest, ties to even.

    Args:
        values: Any float64 values.
        dtype: A float dtype; beyond its largest value stands what torch puts there.
    """
    if is_integer(dtype) or dtype == "float64":
        return values
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if dtype == "float16":
            return values.astype(np.float32).astype(np.float16).astype(np.float64)
        single = values.astype(np.float32)
    if dtype == "float32":
        return single.astype(np.float64)
    return _bfloat16(single) if dtype == "bfloat16" else _narrow(values, dtype)


def _bfloat16(single: np.ndarray) -> Numbers:
    patterns = single.view(np.uint32)
    even = (patterns >> 16) & np.uint32(1)
    kept = (patterns + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(single), np.nan, kept.view(np.float32)).astype(np.float64)


@cache
def _magnitudes(dtype: str) -> tuple[Numbers, Numbers]:
    """The dtype's magnitudes, with what stands for larger ones, and the midpoints between all."""
    finite = np.unique(np.abs(pattern_values(dtype)[np.isfinite(pattern_values(dtype))]))
    beyond = 2 * finite[-1] - finite[-2]
    kept = np.append(finite, _beyond(dtype, finite[-1]))
    steps = np.append(finite, beyond)
    return kept, (steps[1:] + steps[:-1]) / 2


def _beyond(dtype: str, largest: float) -> float:
    """What torch 2.13 makes of a value that is too large: float8_e4m3fn saturates."""
    if dtype == "float8_e4m3fn":
        return largest
    return np.inf if np.isinf(pattern_values(dtype)).any() else np.nan


def _narrow(values: Numbers, dtype: str) -> Numbers:
    kept, midpoints = _magnitudes(dtype)
    size = np.abs(values)
    place = np.searchsorted(midpoints, size, side="left")
    tie = place < len(midpoints)
    tie[tie] = midpoints[place[tie]] == size[tie]
    place += tie & (place % 2 == 1)
    found: Numbers = np.copysign(kept[np.minimum(place, len(kept) - 1)], values)
    return np.where(np.isnan(values), np.nan, found)
