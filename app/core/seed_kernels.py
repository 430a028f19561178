"""The loops behind seed recovery: many seeds at once, a draw's place in a stream, torch's normals.

What is sought is given as digits: outputs of the generator (their low 24 bits) as far as a
tensor's values tell them, each with its position from the tensor's first output and with a
tolerance. All arithmetic on digits is modulo 2**24, as angles are.

Source:
    Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998), with the seeding of 2002.
    torch 2.13: ATen/native/cpu/DistributionTemplates.h and avx_mathfun.h.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, read_only, together, writable

Array: TypeAlias = np.ndarray
Digits: TypeAlias = tuple[Array, Array, Array, Array]

LANES = 64  # seeds at once: four vectors of 16, so that multiplications overlap
HEAD = 32  # outputs that a seed is compared in
MIDDLE = 397  # of the recurrence
TABLE_BITS = 5  # of each of the three outputs that a table is asked with
TABLE_SIZE = 1 << (3 * TABLE_BITS)
UNIFORM_FIRST, NORMAL_FIRST = 0, 8  # the first output that each family's table is asked with

_LOW24 = np.uint32(0xFFFFFF)
_TOP, _REST = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_MATRIX = np.uint32(0x9908B0DF)
_FACTOR = np.uint32(1812433253)

_float = np.float32
_double = np.float64


@compiled()
def _tempered(x: np.uint32) -> np.uint32:
    x = np.uint32(x ^ (x >> np.uint32(11)))
    x = np.uint32(x ^ ((x << np.uint32(7)) & np.uint32(0x9D2C5680)))
    x = np.uint32(x ^ ((x << np.uint32(15)) & np.uint32(0xEFC60000)))
    return np.uint32(x ^ (x >> np.uint32(18)))


@compiled()
def _output(early: Array, late: Array, i: int, lane: int) -> np.uint32:
    """Low 24 bits of output i of the seed in a lane."""
    after = early[i + 1, lane]
    y = np.uint32((early[i, lane] & _TOP) | (after & _REST))
    odd = np.uint32(np.uint32(0) - (after & np.uint32(1)))
    x = np.uint32(late[i, lane] ^ (y >> np.uint32(1)) ^ (odd & _MATRIX))
    return np.uint32(_tempered(x) & _LOW24)


@compiled()
def _advance(words: Array, j: int) -> None:
    """The seeding's next word, in every lane."""
    for lane in range(LANES):
        x = words[lane]
        words[lane] = np.uint32(_FACTOR * np.uint32(x ^ (x >> np.uint32(30))) + np.uint32(j))


@compiled()
def _seed_lanes(first: int, words: Array, early: Array, late: Array) -> None:
    """Words 0 to HEAD and 397 to 397 + HEAD - 1 of LANES consecutive seeds."""
    for lane in range(LANES):
        words[lane] = np.uint32(first + lane)
        early[0, lane] = words[lane]
    for j in range(1, HEAD + 1):
        _advance(words, j)
        early[j, :] = words
    for j in range(HEAD + 1, MIDDLE):
        _advance(words, j)
    for j in range(MIDDLE, MIDDLE + HEAD):
        _advance(words, j)
        late[j - MIDDLE, :] = words


@compiled()
def _cells(early: Array, late: Array, first: int, cells: Array) -> None:
    """Where in its table each lane's three outputs from `first` on lie."""
    shift = np.uint32(24 - TABLE_BITS)
    for lane in range(LANES):
        cells[lane] = _output(early, late, first, lane) >> shift
    for i in range(first + 1, first + 3):
        for lane in range(LANES):
            cell = _output(early, late, i, lane) >> shift
            cells[lane] = np.uint32((cells[lane] << np.uint32(TABLE_BITS)) | cell)


@compiled()
def _flag(early: Array, late: Array, first: int, table: Array, cells: Array, flags: Array) -> None:
    """Flag the lanes whose outputs from `first` on lie in a flagged cell of the table."""
    if table.size:
        _cells(early, late, first, cells)
        for lane in range(LANES):
            flags[lane] |= table[cells[lane]]


@compiled()
def _near(digit: np.uint32, output: np.uint32, tolerance: np.uint32) -> bool:
    distance = np.uint32(np.uint32(digit - output) + tolerance) & _LOW24
    return bool(distance <= np.uint32(tolerance + tolerance))


@compiled()
def _compare(early: Array, late: Array, lane: int, digits: Digits, found: Array) -> np.int64:
    """Write the targets that a lane's outputs agree with to `found`; how many there are."""
    starts, positions, values, tolerances = digits
    hits = np.int64(0)
    for target in range(starts.size - 1):
        agrees = True
        for d in range(starts[target], starts[target + 1]):
            output = _output(early, late, positions[d], lane)
            if not _near(values[d], output, tolerances[d]):
                agrees = False
                break
        if agrees and hits < found.size:
            found[hits] = target
            hits += 1
    return hits


_DIGITS = together(
    read_only(types.int64), read_only(types.int64), read_only(types.uint32), read_only(types.uint32)
)
_TABLES = together(read_only(types.uint8), read_only(types.uint8))
_FOUND = types.Array(types.int64, 2, "C")


@compiled((types.int64, types.int64, _TABLES, _DIGITS, _FOUND))
def try_seeds(
    first: int, count: int, tables: tuple[Array, Array], digits: Digits, found: Array
) -> int:
    """Write (seed, target) where a seed's first outputs are a target's digits.

    Args:
        first: First seed.
        count: How many seeds; rounded up to a multiple of LANES.
        tables: For uniform and for normal targets a flag for each cell of three outputs; empty
            where there are no such targets.
        digits: Where each target's digits start, their positions (below HEAD), values, tolerances.
        found: Rows to write to; those over its length are lost.

    Returns:
        How many rows were written.
    """
    words = np.empty(LANES, np.uint32)
    cells = np.empty(LANES, np.uint32)
    flags = np.empty(LANES, np.uint8)
    early = np.empty((HEAD + 1, LANES), np.uint32)
    late = np.empty((HEAD, LANES), np.uint32)
    targets = np.empty(16, np.int64)
    hits = 0
    for block in range(first, first + count, LANES):
        _seed_lanes(block, words, early, late)
        flags[:] = 0
        _flag(early, late, UNIFORM_FIRST, tables[0], cells, flags)
        _flag(early, late, NORMAL_FIRST, tables[1], cells, flags)
        for lane in range(LANES):
            if not flags[lane]:
                continue
            agreeing = _compare(early, late, lane, digits, targets)
            for i in range(min(agreeing, found.shape[0] - hits)):
                found[hits, 0] = block + lane
                found[hits, 1] = targets[i]
                hits += 1
    return hits


@compiled((read_only(types.uint32), types.int64, _DIGITS, _FOUND))
def find_places(outputs: Array, starts: int, digits: Digits, found: Array) -> int:
    """Write (start, target) where a target's digits stand in a stretch of a stream.

    Args:
        outputs: Low 24 bits of consecutive outputs, longer than `starts` by the farthest position.
        starts: Places to try, from the stretch's beginning.
        digits: As for `try_seeds`, positions below `outputs.size - starts`.
        found: Rows to write to; those over its length are lost.

    Returns:
        How many rows were written.
    """
    first, positions, values, tolerances = digits
    hits = 0
    for target in range(first.size - 1):
        begin, end = first[target], first[target + 1]
        position, value, tolerance = positions[begin], values[begin], tolerances[begin]
        for start in range(starts):
            if not _near(value, outputs[start + position], tolerance):
                continue
            agrees = True
            for d in range(begin + 1, end):
                if not _near(values[d], outputs[start + positions[d]], tolerances[d]):
                    agrees = False
                    break
            if agrees and hits < found.shape[0]:
                found[hits, 0] = start
                found[hits, 1] = target
                hits += 1
    return hits


@compiled()
def _fused(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """`a * b + c` rounded once, but for one case in 2**28: the product is exact in float64."""
    return _float(_double(a) * _double(b) + _double(c))


@compiled()
def _logarithm(x: np.float32) -> np.float32:
    """log256_ps of avx_mathfun.h for x in (0, 1], as gcc fuses its steps."""
    mantissa, exponent = math.frexp(_double(x))
    m, e = _float(mantissa), _float(exponent)
    if m < _float(0.707106781186547524):
        e = _float(e - _float(1))
        m = _float(_float(m - _float(1)) + m)
    else:
        m = _float(m - _float(1))
    square = _float(m * m)
    y = _fused(_float(7.0376836292e-2), m, _float(-1.1514610310e-1))
    y = _fused(y, m, _float(1.1676998740e-1))
    y = _fused(y, m, _float(-1.2420140846e-1))
    y = _fused(y, m, _float(1.4249322787e-1))
    y = _fused(y, m, _float(-1.6668057665e-1))
    y = _fused(y, m, _float(2.0000714765e-1))
    y = _fused(y, m, _float(-2.4999993993e-1))
    y = _fused(y, m, _float(3.3333331174e-1))
    y = _fused(_float(y * m), square, _float(e * _float(-2.12194440e-4)))
    y = _float(y - _float(square * _float(0.5)))
    return _fused(e, _float(0.693359375), _float(m + y))


@compiled()
def _sine_cosine(x: np.float32) -> tuple[np.float32, np.float32]:
    """sincos256_ps of avx_mathfun.h for x in [0, 2π], as gcc fuses its steps."""
    octant = (np.int64(_float(x * _float(1.27323954473516))) + 1) & ~1
    y = _float(octant)
    x = _fused(y, _float(-0.78515625), x)
    x = _fused(y, _float(-2.4187564849853515625e-4), x)
    x = _fused(y, _float(-3.77489497744594108e-8), x)
    z = _float(x * x)
    c = _fused(_float(2.443315711809948e-005), z, _float(-1.388731625493765e-003))
    c = _float(_fused(c, z, _float(4.166664568298827e-002)) * z)
    c = _float(_fused(c, z, _float(-_float(z * _float(0.5)))) + _float(1))
    s = _fused(_float(-1.9515295891e-4), z, _float(8.3321608736e-3))
    s = _float(_fused(s, z, _float(-1.6666654611e-1)) * z)
    s = _fused(s, x, x)
    if octant & 2:
        s, c = c, s
    return (-s if octant & 4 else s), (-c if (octant + 2) & 4 else c)


@compiled((read_only(types.uint32), types.boolean, writable(types.float32)))
def unit_normals(outputs: Array, vector: bool, values: Array) -> None:
    """Box and Muller's pairs of each 16 outputs, as torch's float32 kernel rounds them.

    Args:
        outputs: Low 24 bits; a multiple of 16 of them.
        vector: Whether torch's AVX2 kernel is meant, or its scalar one.
        values: Where the normals go, one for each output, before they are scaled.
    """
    unit = _float(2.0**-24)
    for block in range(0, outputs.size, 16):
        for j in range(block, block + 8):
            first = _float(_float(1) - _float(_float(outputs[j]) * unit))
            second = _float(_float(outputs[j + 8]) * unit)
            if vector:
                logarithm = _logarithm(first)
                sine, cosine = _sine_cosine(_float(_float(6.283185307179586) * second))
            else:
                logarithm = _float(np.log(_double(first)))
                turn = _double(_float(6.283185307179586 * _double(second)))
                sine, cosine = _float(np.sin(turn)), _float(np.cos(turn))
            radius = _float(np.sqrt(_float(_float(-2) * logarithm)))
            values[j] = _float(radius * cosine)
            values[j + 8] = _float(radius * sine)
