"""The dtype that values were rounded to, which may be narrower than the one they fill."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from app.core.statistics import Sketch
from app.core.storage import WIDTH, Numbers, pattern_values, shared_zero_bits

LEAST_DISTINCT = 8  # values needed to tell 8-bit numbers in a 16-bit file: odds of 2⁻³² by chance
# Storage dtype → low bits that values of a narrower dtype leave 0, at least, and those dtypes.
_FP8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
_NARROWER: dict[str, tuple[int, tuple[str, ...]]] = {
    "float64": (42, ("float16", "bfloat16", *_FP8)),
    "float32": (13, ("float16", "bfloat16", *_FP8)),
    "float16": (7, _FP8),
    "bfloat16": (4, _FP8),
}


def effective_dtype(sketch: Sketch) -> str:
    """The narrowest dtype that all values have: float32 files may hold bfloat16 values.

    Small values can be numbers of several dtypes, as multiples of 2⁻²⁴ below 2⁻¹⁷ are of float16
    and bfloat16. Of the dtypes that hold every value, the one with the widest steps at these
    values makes them likeliest.
    """
    zero_bits, narrower = _NARROWER.get(sketch.dtype, (0, ()))
    if not sketch.low_bits or sketch.low_bits % 2**zero_bits or not narrower:
        wide = sketch.dtype == "float64" and sketch.low_bits % 2**29 == 0 and sketch.low_bits
        return "float32" if wide else sketch.dtype
    holding = [dtype for dtype in narrower if _holds(dtype, sketch)]
    fallback = _by_bits(sketch)
    return max(holding, key=lambda dtype: _mean_log_step(dtype, sketch), default=fallback)


def _by_bits(sketch: Sketch) -> str:
    """What the zero bits alone tell, where the values themselves are not known."""
    bits = shared_zero_bits(sketch.dtype, sketch.low_bits)
    narrow = {16: "bfloat16", 13: "float16", 29: "float32", 42: "float16", 45: "bfloat16"}
    return narrow.get(bits, sketch.dtype)


def _holds(dtype: str, sketch: Sketch) -> bool:
    values = sketch.cells.low
    if not sketch.cells.exact or (WIDTH[dtype] == 8 and values.size < LEAST_DISTINCT):
        return False
    numbers = _numbers(dtype)
    place = np.minimum(np.searchsorted(numbers, values), numbers.size - 1)
    return bool(np.array_equal(numbers[place], values))


def _mean_log_step(dtype: str, sketch: Sketch) -> float:
    """Mean log₂ of the dtype's steps at the values: their log likelihood but for a constant."""
    numbers, values = _numbers(dtype), sketch.cells.low
    place = np.clip(np.searchsorted(numbers, values), 1, numbers.size - 2)
    steps = np.log2(numbers[place + 1] - numbers[place - 1])
    return float(np.average(steps, weights=sketch.cells.counts))


@cache
def _numbers(dtype: str) -> Numbers:
    values = pattern_values(dtype)
    ascending: Numbers = np.unique(values[np.isfinite(values)])
    return ascending


def narrowed(sketch: Sketch) -> Sketch:
    """The same values as their effective dtype would store them.

    Its rounding midpoints are the ones at which the distribution of the unrounded values is known.
    """
    dtype = effective_dtype(sketch)
    if dtype == sketch.dtype or dtype == "float32" or not sketch.cells.exact:
        return sketch
    return replace(sketch, dtype=dtype, low_bits=0)
