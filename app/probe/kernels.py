"""The loops over an operation's output: sums, zeros and bins in one read of the memory."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import Signature, compiled, read_only, writable

Array: TypeAlias = np.ndarray

BLOCK = 2048  # values; a pair of them and their bins stay in the first cache for all loops
BINS = 128
LIMIT = 4.0
PER_UNIT = BINS / (2 * LIMIT)
SLOTS = BINS + 2  # one below and one above
TABLES = 4
MANY = 8  # a block of which more than one value in 8 is 0 is counted in all tables

# Slots of the sums of one chunk of a pair of replicas.
COUNT, TOTAL, SQUARES, SPREAD, ZEROS, SATURATED, NONFINITE = range(7)
SUM_SLOTS = 7


@compiled(reorder=True)
def _powers(a: Array, b: Array, sums: Array) -> None:
    """Sums of a block of a pair; whatever is not finite makes them so."""
    total, squares, spread = 0.0, 0.0, 0.0
    for i in range(a.size):
        x, y = np.float64(a[i]), np.float64(b[i])
        total += x + y
        squares += x * x + y * y
        spread += (x - y) * (x - y)
    sums[TOTAL] = total
    sums[SQUARES] = squares
    sums[SPREAD] = spread


@compiled(reorder=True)
def _squares(a: Array) -> float:
    """Sum of the squares of a block."""
    squares = 0.0
    for i in range(a.size):
        x = np.float64(a[i])
        squares += x * x
    return squares


@compiled(reorder=True)
def _zeros(a: Array) -> int:
    """Exact zeros of a block; counted in 32 bits, which as many lanes hold as values."""
    zeros = np.int32(0)
    for i in range(a.size):
        zeros = np.int32(zeros + np.int32(a[i] == 0))
    return zeros  # type: ignore[return-value]


@compiled(reorder=True)
def _caught(a: Array, low: float, high: float) -> int:
    """Values of a block below or above two limits."""
    caught = 0
    for i in range(a.size):
        x = np.float64(a[i])
        caught += int((x < low) | (x > high))
    return caught


@compiled()
def _careful(a: Array, low: float, high: float, sums: Array) -> None:
    """Add the sums of a block's finite values."""
    for i in range(a.size):
        x = np.float64(a[i])
        if not math.isfinite(x):
            sums[NONFINITE] += 1.0
            continue
        sums[COUNT] += 1.0
        sums[TOTAL] += x
        sums[SQUARES] += x * x
        sums[ZEROS] += x == 0.0
        sums[SATURATED] += (x < low) | (x > high)


@compiled()
def _careful_spread(a: Array, b: Array) -> float:
    spread = 0.0
    for i in range(a.size):
        d = np.float64(a[i]) - np.float64(b[i])
        if math.isfinite(d):
            spread += d * d
    return spread


@compiled(reorder=True)
def _places(a: Array, places: Array) -> None:
    """The bin of each value of a block; NaN goes anywhere."""
    for i in range(a.size):
        x = np.float32(a[i]) * np.float32(PER_UNIT) + np.float32(BINS // 2 + 1)
        x = min(max(x, np.float32(0.0)), np.float32(BINS + 1))
        places[i] = np.uint8(np.int32(x))


@compiled()
def _count(places: Array, size: int, tables: Array) -> None:
    """Two tables by turns: a value's neighbour often falls into the same bin, and would wait."""
    for i in range(size // 2):
        tables[0, places[2 * i]] += np.uint32(1)
        tables[1, places[2 * i + 1]] += np.uint32(1)
    if size % 2:
        tables[0, places[size - 1]] += np.uint32(1)


@compiled()
def _count_alike(places: Array, size: int, tables: Array) -> None:
    """Four tables by turns, for values of which many fall into one bin."""
    for i in range(size // 4):
        tables[0, places[4 * i]] += np.uint32(1)
        tables[1, places[4 * i + 1]] += np.uint32(1)
        tables[2, places[4 * i + 2]] += np.uint32(1)
        tables[3, places[4 * i + 3]] += np.uint32(1)
    for i in range(size // 4 * 4, size):
        tables[0, places[i]] += np.uint32(1)


@compiled()
def _tally(block: Array, places: Array, tables: Array, sums: Array) -> None:
    """Zeros and bins of a block of finite values."""
    zeros = _zeros(block)
    sums[ZEROS] += zeros
    if zeros * MANY > block.size:
        _count_alike(places, block.size, tables)
    else:
        _count(places, block.size, tables)


@compiled()
def _finite_count(a: Array, places: Array, table: Array) -> None:
    for i in range(a.size):
        if math.isfinite(np.float64(a[i])):
            table[places[i]] += np.uint32(1)


def _signatures(*tail: types.Type) -> tuple[Signature, ...]:
    kinds = (types.float32, types.float64)
    return tuple((read_only(kind), read_only(kind), *tail) for kind in kinds)


@compiled(*_signatures(types.float64, types.float64, writable(types.float64),
                       writable(types.int64)))  # fmt: skip
def absorb(a: Array, b: Array, low: float, high: float, sums: Array, bins: Array) -> None:
    """Add a pair of replicas' values to their sums and bins.

    Args:
        a: Values of one replica.
        b: As many of the other, in the same order.
        low: Values below are saturated.
        high: Values above are saturated.
        sums: Of SUM_SLOTS.
        bins: Of SLOTS: 128 over ±4, one below, one above.
    """
    places = np.empty(BLOCK, np.uint8)
    tables = np.zeros((TABLES, SLOTS), np.uint32)
    one = np.zeros(SUM_SLOTS)
    limited = low > -math.inf or high < math.inf
    for start in range(0, a.size, BLOCK):
        u, v = a[start : start + BLOCK], b[start : start + BLOCK]
        _powers(u, v, one)
        finite = math.isfinite(one[SQUARES])
        if finite:
            sums[COUNT] += u.size + v.size
            sums[TOTAL] += one[TOTAL]
            sums[SQUARES] += one[SQUARES]
            sums[SPREAD] += one[SPREAD]
        else:
            sums[SPREAD] += _careful_spread(u, v)
        for block in (u, v):
            _places(block, places)
            if not finite:
                _careful(block, low, high, sums)
                _finite_count(block, places, tables[0])
                continue
            _tally(block, places, tables, sums)
            if limited:
                sums[SATURATED] += _caught(block, low, high)
    for table in range(TABLES):
        for place in range(SLOTS):
            bins[place] += np.int64(tables[table, place])


@compiled(
    *((read_only(kind), types.int64, types.int64, types.int64, writable(types.boolean))
      for kind in (types.float32, types.float64)),
)  # fmt: skip
def awaken(a: Array, outer: int, units: int, inner: int, alive: Array) -> None:
    """Mark the units that are anywhere other than 0; NaN counts as such.

    Args:
        a: Values of (outer, units, inner).
        outer: Size before the units' axis.
        units: Of the axis.
        inner: Size after it.
        alive: One flag a unit.
    """
    for unit in range(units):
        for before in range(outer):
            if alive[unit]:
                break
            start = (before * units + unit) * inner
            for place in range(start, start + inner):
                if a[place] != 0.0:
                    alive[unit] = True
                    break


@compiled(
    *((read_only(kind), writable(types.float64)) for kind in (types.float32, types.float64)),
)
def square(a: Array, sums: Array) -> None:
    """Add the count, the sum of squares and the non-finite count of values to their sums.

    Where values are not finite, the other sums are added as well.
    """
    for start in range(0, a.size, BLOCK):
        block = a[start : start + BLOCK]
        squares = _squares(block)
        if math.isfinite(squares):
            sums[COUNT] += block.size
            sums[SQUARES] += squares
        else:
            _careful(block, -math.inf, math.inf, sums)
