"""What each storage dtype can hold: the value of every pattern, and the gaps between values."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

Numbers: TypeAlias = Float64[np.ndarray, "values"]

FLOAT_WIDTH = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16}
INTEGER_WIDTH = {f"{sign}int{bits}": bits for sign in ("", "u") for bits in (8, 16, 32, 64)}
# Exponent bits, mantissa bits, exponent bias, and whether the top exponent is IEEE's
# infinity and NaN. "fnuz" types have one NaN, at the pattern of minus zero.
_FP8 = {
    "float8_e4m3fn": (4, 3, 7, False),
    "float8_e5m2": (5, 2, 15, True),
    "float8_e4m3fnuz": (4, 3, 8, False),
    "float8_e5m2fnuz": (5, 2, 16, False),
}
FP8_SCALE = "float8_e8m0fnu"  # a power of two per byte, no sign, no zero
WIDTH: dict[str, int] = {
    **FLOAT_WIDTH,
    **dict.fromkeys((*_FP8, FP8_SCALE), 8),
    **INTEGER_WIDTH,
    "bool": 8,
}


def is_integer(dtype: str) -> bool:
    """Whether the dtype counts, rather than rounds: integers and bool."""
    return dtype in INTEGER_WIDTH or dtype == "bool"


def carrier(dtype: str) -> np.dtype[np.generic]:
    """The numpy dtype in which values of `dtype` are handed to the sketch.

    Raises:
        ValueError: If the dtype is not one the sketch reads.
    """
    if dtype not in WIDTH:
        raise ValueError(f"expected one of {', '.join(WIDTH)}, got dtype {dtype!r}")
    if dtype == "bfloat16":
        return np.dtype(np.uint16)
    if dtype.startswith("float8"):
        return np.dtype(np.uint8)
    return np.dtype(dtype)


@cache
def pattern_values(dtype: str) -> Numbers:
    """The value of every pattern of an 8- or 16-bit dtype, NaN and infinity included."""
    patterns = np.arange(2 ** WIDTH[dtype], dtype=f"u{WIDTH[dtype] // 8}")
    values: Numbers
    if dtype == "bool":
        values = (patterns != 0).astype(np.float64)
    elif dtype == "bfloat16":
        values = _float64((patterns.astype(np.uint32) << 16).view(np.float32))
    elif dtype == FP8_SCALE:
        values = np.ldexp(1.0, patterns.astype(np.int64) - 127)
        values[255] = np.nan
    elif dtype in _FP8:
        values = _fp8_values(patterns.astype(np.int64), dtype)
    else:
        values = _float64(patterns.view(dtype))
    values.flags.writeable = False
    return values


def _float64(values: np.ndarray) -> Numbers:
    with np.errstate(invalid="ignore"):  # a signalling NaN among the patterns
        wide: Numbers = values.astype(np.float64)
    return wide


def _fp8_values(patterns: np.ndarray, dtype: str) -> Numbers:
    exponent_bits, mantissa_bits, bias, ieee = _FP8[dtype]
    exponent = (patterns & 0x7F) >> mantissa_bits
    mantissa = patterns & (2**mantissa_bits - 1)
    significand = np.where(exponent > 0, mantissa + 2**mantissa_bits, mantissa).astype(np.float64)
    magnitude = np.ldexp(significand, np.maximum(exponent, 1) - bias - mantissa_bits)
    if ieee:
        magnitude[exponent == 2**exponent_bits - 1] = np.nan
        magnitude[(exponent == 2**exponent_bits - 1) & (mantissa == 0)] = np.inf
    elif dtype.endswith("fnuz"):
        magnitude[patterns == 0x80] = np.nan
    else:
        magnitude[(patterns & 0x7F) == 0x7F] = np.nan
    values: Numbers = np.where(patterns >= 0x80, -magnitude, magnitude)
    return values


def shared_zero_bits(dtype: str, low_bits: int) -> int:
    """Low bits that are zero in every value, when they tell of a narrower origin.

    Args:
        dtype: The storage dtype.
        low_bits: OR of all patterns.

    Returns:
        16 for float32 values that are bfloat16 values, 13 for float16 (or TF32) ones, 29, 42 and
        45 for the like in float64, else 0.
    """
    steps = {"float32": (16, 13), "float64": (45, 42, 29)}.get(dtype, ())
    return next((bits for bits in steps if low_bits % 2**bits == 0), 0)


def rounding_cells(
    low: Numbers, high: Numbers, *, dtype: str, low_bits: int = 0
) -> tuple[Numbers, Numbers]:
    """Midpoints to the next representable value below `low` and above `high`.

    Args:
        low: Values of the dtype.
        high: Values of the dtype, as many.
        dtype: The storage dtype; integers have midpoints at ±½.
        low_bits: OR of all patterns of the tensor, which tells upcast values from native ones.

    Returns:
        Two arrays: everything between them rounds to `low`, `high` or a value in between.
    """
    if is_integer(dtype):
        return low - np.maximum(0.5, np.spacing(np.abs(low))), high + np.maximum(
            0.5, np.spacing(np.abs(high))
        )
    if WIDTH[dtype] <= 16:
        return _table_midpoints(low, dtype)[0], _table_midpoints(high, dtype)[1]
    step = 2 ** shared_zero_bits(dtype, low_bits)
    return _wide_midpoint(low, -step, dtype), _wide_midpoint(high, step, dtype)


@cache
def _lattice(dtype: str) -> tuple[Numbers, Numbers]:
    values = pattern_values(dtype)
    lattice = np.unique(values[np.isfinite(values)])
    inner = lattice[:-1] + (lattice[1:] - lattice[:-1]) / 2
    first = lattice[0] - (inner[0] - lattice[0])
    last = lattice[-1] + (lattice[-1] - inner[-1])
    return lattice, np.concatenate(([first], inner, [last]))


def _table_midpoints(values: Numbers, dtype: str) -> tuple[Numbers, Numbers]:
    lattice, midpoints = _lattice(dtype)
    place = np.searchsorted(lattice, values)
    return midpoints[place], midpoints[place + 1]


def _wide_midpoint(values: Numbers, step: int, dtype: str) -> Numbers:
    """Halfway to the value `step` patterns away; beyond the largest value, as far as before it."""
    next_value = shift_patterns(values, step, dtype)
    back = shift_patterns(values, -step, dtype)
    gap = np.where(np.isfinite(next_value), next_value - values, values - back)
    return values + np.where(np.isfinite(gap), gap / 2, 0.0)


def shift_patterns(values: Numbers, step: int, dtype: str) -> Numbers:
    """The float32 or float64 values `step` patterns above (below, if negative) the given ones."""
    real, signed = (np.float32, np.int32) if dtype == "float32" else (np.float64, np.int64)
    magnitude = np.abs(values).astype(real).view(signed).astype(np.int64)
    place = np.where(values < 0, -magnitude, magnitude) + step
    top = np.array(np.inf, real).view(signed)
    shifted = np.minimum(np.abs(place), int(top)).astype(signed).view(real).astype(np.float64)
    neighbours: Numbers = np.where(place < 0, -shifted, shifted)
    return neighbours
