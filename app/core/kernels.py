"""The loops over float32 and float64: moments, extremes and cells in one read of the memory.

A block is read from memory by the first of three loops (extremes, OR) and is still in the
cache for the second (sums of powers) and the third (cells).

Source:
    One-pass central moments: Pébay, "Formulas for robust, one-pass parallel computation of
    covariances and arbitrary-order statistical moments", SAND2008-6212, equations 1.5 to 3.1.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import Signature, compiled, prefetch, read_only, together, writable

Array: TypeAlias = np.ndarray
Results: TypeAlias = tuple[Array, Array, Array]
Keys: TypeAlias = tuple[np.int64, np.int64]
Sums: TypeAlias = tuple[float, float, float, float]
Views: TypeAlias = tuple[Array, Array, Array]
Tables: TypeAlias = tuple[Array, Array]

BLOCK = 16384  # values; 64 KiB of float32 are still in the cache for the second and third loop
SAFE_EXPONENT = 200  # the fourth power of 2**±200 is far inside float64's 2**±1022

# Slots of the float64 state of a chunk: count, mean, what the mean lost in rounding, central
# sums, and the exponent of the unit of all of them.
N, MEAN, MEAN_LOW, M2, M3, M4, EXPONENT = range(7)
STATE_SLOTS = 7
# Slots of the int64 facts of a chunk. Extremes are sortable keys: the pattern of a value of at
# least 0, and -1 - key(-x) of a negative one. The key of infinity is only read.
LOWEST, HIGHEST, BITS, ZEROS, INFINITE = range(5)
FACT_SLOTS = 5


@compiled()
def _scan(bits: Array, patterns: Array, found: Array) -> None:
    """Extremes and OR of a block, all in integers as wide as the values.

    Wider ones would halve the speed: numba's own arithmetic makes 64-bit integers of 32-bit ones,
    and what is returned as such is computed as such. Hence the array for the results, and
    patterns compared as they are: among signed ones the largest is the largest positive value,
    among unsigned ones the lowest negative value.
    """
    unsigned = patterns.dtype.type
    most, least, last = bits[0], bits[0], patterns[0]
    either = unsigned(0)
    for i in range(bits.size):
        b, p = bits[i], patterns[i]
        most = max(most, b)
        least = min(least, b)
        last = max(last, p)
        either = unsigned(either | p)
    found[0], found[1], found[2], found[3] = unsigned(most), unsigned(least), last, either


@compiled()
def _zeros(patterns: Array) -> np.int64:
    """How many values are zero, of either sign."""
    unsigned = patterns.dtype.type
    zeros = unsigned(0)
    for i in range(patterns.size):
        zeros = unsigned(zeros + unsigned(unsigned(patterns[i] << unsigned(1)) == unsigned(0)))
    return np.int64(zeros)


@compiled()
def _near_zero(coarse: Array, plan: Array, sign: np.uint64) -> np.int64:
    """How many values the cells of zero and minus zero hold, which hold other tiny values too."""
    plus, minus = plan[1] >> plan[0], (plan[1] + sign) >> plan[0]
    apart = plan[5]
    near = np.int64(coarse[plus]) + np.int64(coarse[minus])
    return near + np.int64(coarse[plus + apart]) + np.int64(coarse[minus + apart])


@compiled()
def _keys(found: Array) -> Keys:
    """Sortable keys of the lowest and the highest value of a scan."""
    sign = np.uint64(1) << np.uint64(8 * found.itemsize - 1)
    magnitude = sign - np.uint64(1)
    most, least, last = np.uint64(found[0]), np.uint64(found[1]), np.uint64(found[2])
    high = -1 - np.int64(least & magnitude) if most >= sign else np.int64(most)
    low = -1 - np.int64(last & magnitude) if last >= sign else np.int64(least)
    return low, high


@compiled(reorder=True)
def _block_mean(values: Array, scale: float) -> float:
    total = 0.0
    for i in range(values.size):
        total += np.float64(values[i]) * scale
    return total / values.size


@compiled(reorder=True)
def _shifted_sums(values: Array, scale: float, shift: float) -> Sums:
    """Sums of the first four powers of `scale * value - shift`."""
    s1 = s2 = s3 = s4 = 0.0
    for i in range(values.size):
        d = np.float64(values[i]) * scale - shift
        square = d * d
        s1 += d
        s2 += square
        s3 += square * d
        s4 += square * square
    return s1, s2, s3, s4


@compiled()
def _tally_window(patterns: Array, tables: Tables, plan: Array) -> None:
    """Count every pattern in its fine cell, or outside the window in its coarse one."""
    shift, offset, base, span, fine_shift = plan[0], plan[1], plan[2], plan[3], plan[4]
    coarse, fine = tables
    for pattern in patterns:
        p = np.uint64(pattern) + offset
        if p - base < span:
            fine[(p - base) >> fine_shift] += np.uint32(1)
        else:
            coarse[p >> shift] += np.uint32(1)


@compiled()
def _tally_plain(patterns: Array, first: Array, second: Array, shift: np.uint64) -> None:
    """Count every pattern in its coarse cell, by turns in two tables."""
    one = np.uint32(1)
    for i in range(patterns.size >> 2):
        q = np.uint64(4) * np.uint64(i)  # numba looks behind an array's start for signed indices
        if i & 3 == 0:
            prefetch(patterns, q + np.uint64(BLOCK))
        first[np.uint64(patterns[q]) >> shift] += one
        second[np.uint64(patterns[q + np.uint64(1)]) >> shift] += one
        first[np.uint64(patterns[q + np.uint64(2)]) >> shift] += one
        second[np.uint64(patterns[q + np.uint64(3)]) >> shift] += one


@compiled()
def _tally_moved(
    patterns: Array, first: Array, second: Array, shift: np.uint64, offset: np.uint64
) -> None:
    """The same with an offset, which takes 5 % more time."""
    one = np.uint32(1)
    for i in range(patterns.size >> 2):
        q = np.uint64(4) * np.uint64(i)
        if i & 3 == 0:
            prefetch(patterns, q + np.uint64(BLOCK))
        first[(np.uint64(patterns[q]) + offset) >> shift] += one
        second[(np.uint64(patterns[q + np.uint64(1)]) + offset) >> shift] += one
        first[(np.uint64(patterns[q + np.uint64(2)]) + offset) >> shift] += one
        second[(np.uint64(patterns[q + np.uint64(3)]) + offset) >> shift] += one


@compiled()
def _tally(patterns: Array, tables: Tables, plan: Array) -> None:
    """Count every pattern in its cell: see `app.core.plan`."""
    if plan[3] > 0:
        _tally_window(patterns, tables, plan)
        return
    first, second = tables[0], tables[0][np.int64(plan[5]) :]
    if plan[1] == 0:
        _tally_plain(patterns, first, second, plan[0])
    else:
        _tally_moved(patterns, first, second, plan[0], plan[1])
    for pattern in patterns[patterns.size & ~3 :]:
        first[(np.uint64(pattern) + plan[1]) >> plan[0]] += np.uint32(1)


@compiled()
def _tally_same(pattern: np.uint64, times: int, tables: Tables, plan: Array) -> None:
    p = pattern + plan[1]
    if p - plan[2] < plan[3]:
        tables[1][(p - plan[2]) >> plan[4]] += np.uint32(times)
    else:
        tables[0][p >> plan[0]] += np.uint32(times)


@compiled()
def _unit(low: np.int64, high: np.int64, double: bool) -> np.int64:
    """The power of two to divide by, so that fourth powers of the extremes stay in range."""
    exponent = (max(high, -1 - low) >> 52) - 1022 if double else np.int64(0)
    if -SAFE_EXPONENT <= exponent <= SAFE_EXPONENT:
        return np.int64(0)
    return max(exponent, np.int64(-1000))  # 2**1000 is a float64, 2**1074 is not


@compiled()
def _rescale(state: Array, unit: np.int64) -> None:
    """Express the state in the unit `2**unit`, where that is larger."""
    if state[0] == 0.0:
        state[6] = unit
        return
    step = int(state[6]) - int(unit)
    if step >= 0:
        return
    for slot, power in ((1, 1), (2, 1), (3, 2), (4, 3), (5, 4)):
        state[slot] = math.ldexp(state[slot], power * step)
    state[6] = unit


@compiled()
def _merge_block(state: Array, n: float, shift: float, sums: Sums) -> None:
    """Add a block's sums about `shift` to the running central sums."""
    s1, s2, s3, s4 = sums
    mean = s1 / n  # of the block, about the shift
    m2 = max(s2 - n * mean * mean, 0.0)
    m3 = s3 - 3.0 * mean * s2 + 2.0 * n * mean**3
    m4 = max(s4 - 4.0 * mean * s3 + 6.0 * mean * mean * s2 - 3.0 * n * mean**4, 0.0)
    total = state[0] + n
    a, b = state[0] / total, n / total
    d = ((shift - state[1]) - state[2]) + mean
    between = d**4 * n * a * (a * a - a * b + b * b)
    state[5] += m4 + between + 6.0 * d * d * (a * a * m2 + b * b * state[3])
    state[5] += 4.0 * d * (a * m3 - b * state[4])
    state[4] += m3 + d**3 * n * a * (a - b) + 3.0 * d * (a * m2 - b * state[3])
    state[3] += m2 + d * d * n * a
    step = d * b + state[2]
    high = state[1] + step
    state[2] = step - (high - state[1]) if abs(state[1]) >= abs(step) else state[1] - (high - step)
    state[1] = high
    state[0] = total


@compiled()
def _absorb(values: Array, low: np.int64, high: np.int64, state: Array) -> None:
    """Add the moments of a block with these extremes."""
    _rescale(state, _unit(low, high, values.itemsize == 8))
    scale = math.ldexp(1.0, -int(state[6]))
    n = np.float64(values.size)
    if low == high:
        _merge_block(state, n, np.float64(values[0]) * scale, (0.0, 0.0, 0.0, 0.0))
        return
    shift = state[1] if state[0] > 0.0 else _block_mean(values, scale)
    _merge_block(state, n, shift, _shifted_sums(values, scale, shift))


@compiled()
def _chunk(views: Views, tables: Tables, plan: Array, results: Results) -> None:
    state, facts, flagged = results
    found = np.zeros(4, views[2].dtype)
    sign = np.uint64(1) << np.uint64(8 * found.itemsize - 1)
    near_zero = _near_zero(tables[0], plan, sign)
    for i in range(flagged.size):
        bits = views[0][i * BLOCK : (i + 1) * BLOCK]
        values = views[1][i * BLOCK : (i + 1) * BLOCK]
        patterns = views[2][i * BLOCK : (i + 1) * BLOCK]
        _scan(bits, patterns, found)
        low, high = _keys(found)
        if high >= facts[4] or low < -facts[4]:
            flagged[i] = 1
            continue
        _absorb(values, low, high, state)
        facts[0], facts[1] = min(facts[0], low), max(facts[1], high)
        facts[2] |= np.int64(np.uint64(found[3]))
        if low == high:
            _tally_same(np.uint64(patterns[0]), patterns.size, tables, plan)
        else:
            _tally(patterns, tables, plan)
        before, near_zero = near_zero, _near_zero(tables[0], plan, sign)
        if near_zero != before:
            facts[3] += _zeros(patterns)


def _signature(signed: types.Type, real: types.Type, unsigned: types.Type) -> Signature:
    views = together(read_only(signed), read_only(real), read_only(unsigned))
    tables = together(writable(types.uint32), writable(types.uint32))
    results = together(writable(types.float64), writable(types.int64), writable(types.uint8))
    return (views, tables, read_only(types.uint64), results)


@compiled(_signature(types.int32, types.float32, types.uint32))
def chunk32(views: Views, tables: Tables, plan: Array, results: Results) -> None:
    """Absorb float32 values, given as three views of the same memory.

    Args:
        views: The chunk as int32, float32 and uint32.
        tables: The coarse and the fine counters.
        plan: Which of the two counts a pattern, see `app.core.plan`.
        results: The state, the facts, and a flag per block; a block that holds NaN or infinity
            is left out of everything and its flag is set.
    """
    _chunk(views, tables, plan, results)


@compiled(_signature(types.int64, types.float64, types.uint64))
def chunk64(views: Views, tables: Tables, plan: Array, results: Results) -> None:
    """Absorb float64 values, given as int64, float64 and uint64: see `chunk32`."""
    _chunk(views, tables, plan, results)
