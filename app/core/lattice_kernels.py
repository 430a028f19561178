"""The loops that ask whether values stand where torch's uniform_ can put them."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, read_only

Array: TypeAlias = np.ndarray

STEPS = 2.0**23  # from 0 to the bound; a draw is one of 2**24 places
INFORMATIVE = 4.0  # numbers of float32 between two places: below, neighbours blur


@compiled()
def _place(value: float, bound: float) -> float:
    """The lattice place of a value, or NaN where none rounds to it."""
    j = np.rint(value / bound * STEPS)
    if -STEPS <= j < STEPS and np.float64(np.float32(bound * j / STEPS)) == value:
        return float(j)
    return math.nan


@compiled()
def _spacing(value: float) -> float:
    """Between float32 numbers at a normal value."""
    return math.ldexp(1.0, math.frexp(value)[1] - 24)


@compiled((read_only(types.float32), types.float64))
def count_places(values: Array, bound: float) -> tuple[int, float, int, int]:
    """How many values are draws of `uniform_(-bound, bound)`, and how telling that is.

    Args:
        values: Any.
        bound: A float32 number above 0.

    Returns:
        Values on a place; -log2 of the odds that as many random numbers of the same sizes stand
        on one; values near 0, where places lie at least INFORMATIVE numbers apart, and
        how many of these stand on an even place.
    """
    step = bound / STEPS
    on, clear, even = 0, 0, 0
    bits = 0.0
    for i in range(values.size):
        value = np.float64(values[i])
        j = _place(value, bound)
        if math.isnan(j):
            continue
        on += 1
        if value == 0.0:
            continue
        apart = step / _spacing(value)
        bits += math.log2(max(apart, 1.0))
        if apart >= INFORMATIVE:
            clear += 1
            even += 1 - (int(j) & 1)
    return on, bits, clear, even


@compiled((read_only(types.float32), types.float64, types.int64))
def first_bound(values: Array, lowest: float, candidates: int) -> float:
    """The first float32 number from `lowest` up on whose lattice all values stand; 0 if none.

    Args:
        values: The smallest of a tensor: they tell the most.
        lowest: A float32 number above 0.
        candidates: How many numbers to try.
    """
    bound = np.float32(lowest)
    for _ in range(candidates):
        fits = True
        for i in range(values.size):
            if math.isnan(_place(np.float64(values[i]), np.float64(bound))):
                fits = False
                break
        if fits:
            return float(bound)
        bound = np.nextafter(bound, np.float32(math.inf))
    return 0.0
