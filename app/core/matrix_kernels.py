"""The loops over a matrix: sums of its rows and columns in one read, and a print of its bits."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import Signature, compiled, read_only, together, writable

Array: TypeAlias = np.ndarray
Pair: TypeAlias = tuple[Array, Array]  # sums of x and of x²

LANES = 128  # words folded side by side, so that no multiplication waits for the one before


@compiled(reorder=True)
def _four_rows(rows: tuple[Array, Array, Array, Array], s: Array, q: Array) -> tuple[float, ...]:
    """Sums of four rows; each column's sums are read and written once for all four."""
    a, b, c, d = rows
    s0 = s1 = s2 = s3 = 0.0
    q0 = q1 = q2 = q3 = 0.0
    for j in range(a.size):
        x0, x1 = np.float64(a[j]), np.float64(b[j])
        x2, x3 = np.float64(c[j]), np.float64(d[j])
        y0, y1, y2, y3 = x0 * x0, x1 * x1, x2 * x2, x3 * x3
        s0 += x0
        s1 += x1
        s2 += x2
        s3 += x3
        q0 += y0
        q1 += y1
        q2 += y2
        q3 += y3
        s[j] += (x0 + x1) + (x2 + x3)
        q[j] += (y0 + y1) + (y2 + y3)
    return s0, s1, s2, s3, q0, q1, q2, q3


@compiled(reorder=True)
def _one_row(row: Array, s: Array, q: Array) -> tuple[float, float]:
    total = squares = 0.0
    for j in range(row.size):
        x = np.float64(row[j])
        y = x * x
        total += x
        squares += y
        s[j] += x
        q[j] += y
    return total, squares


@compiled()
def _add(values: Array, rows: Pair, columns: Pair) -> None:
    n = columns[0].size
    whole = rows[0].size & ~3
    for r in range(0, whole, 4):
        four = (
            values[r * n : (r + 1) * n],
            values[(r + 1) * n : (r + 2) * n],
            values[(r + 2) * n : (r + 3) * n],
            values[(r + 3) * n : (r + 4) * n],
        )
        found = _four_rows(four, columns[0], columns[1])
        for i in range(4):
            rows[0][r + i], rows[1][r + i] = found[i], found[4 + i]
    for r in range(whole, rows[0].size):
        row = values[r * n : (r + 1) * n]
        rows[0][r], rows[1][r] = _one_row(row, columns[0], columns[1])


def _signature(real: types.Type) -> Signature:
    pair = together(writable(types.float64), writable(types.float64))
    return (read_only(real), pair, pair)


@compiled(_signature(types.float32))
def add32(values: Array, rows: Pair, columns: Pair) -> None:
    """Sum whole rows of float32 values.

    Args:
        values: Of as many rows as `rows` has places and columns as `columns` has.
        rows: Where the sums of x and x² of each row are written.
        columns: Where those of each column are added.
    """
    _add(values, rows, columns)


@compiled(_signature(types.float64))
def add64(values: Array, rows: Pair, columns: Pair) -> None:
    """Sum whole rows of float64 values: see `add32`."""
    _add(values, rows, columns)


@compiled((read_only(types.uint16), writable(types.uint32)))
def widen_bfloat16(patterns: Array, wide: Array) -> None:
    """The float32 patterns of bfloat16 ones."""
    for i in range(patterns.size):
        wide[i] = np.uint32(patterns[i]) << np.uint32(16)


@compiled((read_only(types.uint16), writable(types.uint32)))
def widen_float16(patterns: Array, wide: Array) -> None:
    """The float32 patterns of float16 ones, of values 2⁻¹¹² times as large; not of infinities."""
    for i in range(patterns.size):
        p = np.uint32(patterns[i])
        sign = (p & np.uint32(0x8000)) << np.uint32(16)
        wide[i] = sign | ((p & np.uint32(0x7FFF)) << np.uint32(13))


@compiled()
def _mix(words: Array, state: Array) -> None:
    odd = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ over the golden ratio
    up, down = np.uint64(29), np.uint64(35)
    for lane in range(words.size):
        mixed = (state[lane] ^ words[lane]) * odd
        state[lane] = (mixed << up) | (mixed >> down)


@compiled((read_only(types.uint64), writable(types.uint64)))
def fold(words: Array, state: Array) -> None:
    """Mix words into a state of LANES words, so that one word that differs always shows.

    Each step is a bijection of the state; the rotation carries high bits, which a product only
    moves upwards, back to the low ones.
    """
    n = state.size
    whole = words.size - words.size % n
    for start in range(0, whole, n):
        _mix(words[start : start + n], state)
    _mix(words[whole:], state)
