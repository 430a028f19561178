"""The loops that solve for a generator's state: equations over GF(2), elimination, rewinding.

Every bit of every output of the Mersenne Twister is a sum over GF(2) of bits of any 624 words in
a row. Bits of those words' own outputs that are known leave fewer unknowns; every known bit of a
later output is an equation.

Source:
    Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998); Albrecht, Bard and Hart,
    "Efficient multiplication of dense matrices over GF(2)", ACM TOMS 37 (2010): the method of
    the four Russians.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, read_only, writable

Array: TypeAlias = np.ndarray

WORDS, MIDDLE = 624, 397
STRIPE = 8  # columns eliminated together

_MATRIX = np.uint32(0x9908B0DF)
_FACTOR = np.uint32(1812433253)
_one = np.uint64(1)


@compiled()
def _flip(row: Array, column: int) -> None:
    row[column >> 6] ^= _one << np.uint64(column & 63)


@compiled()
def _bit(row: Array, column: int) -> np.int64:
    return np.int64((row[column >> 6] >> np.uint64(column & 63)) & _one)


@compiled()
def _add(to: Array, row: Array, begin: int) -> None:
    for i in range(begin, to.size):
        to[i] ^= row[i]


@compiled()
def _ones(word: np.uint32) -> int:
    count = 0
    for b in range(32):
        count += int((word >> np.uint32(b)) & np.uint32(1))
    return count


@compiled()
def _sum(forms: Array, chosen: np.uint32, row: Array) -> None:
    for r in range(32):
        if (chosen >> np.uint32(r)) & np.uint32(1):
            _add(row, forms[r], 0)


@compiled()
def _first_words(masks: Array, bits: Array, inverse: Array, unknowns: int, forms: Array) -> None:
    """Each bit of the first 624 words as a sum of unknown output bits and a constant."""
    column = 0
    for word in range(WORDS):
        for output_bit in range(32):
            here = np.uint32(1) << np.uint32(output_bit)
            known = bool(masks[word] & here)
            if known and not bits[word] & here:
                continue
            at = unknowns if known else column
            for r in range(32):
                if inverse[r] & here:
                    _flip(forms[word, r], at)
            if not known:
                column += 1


@compiled()
def _next_word(forms: Array, slot: int) -> None:
    """Replace the oldest word's sums by those of the word 624 later."""
    after = forms[(slot + 1) % WORDS]
    middle = forms[(slot + MIDDLE) % WORDS]
    top = forms[slot, 31].copy()
    for r in range(32):
        row = forms[slot, r]
        row[:] = middle[r]
        if r < 31:
            _add(row, top if r == 30 else after[r + 1], 0)
        if (_MATRIX >> np.uint32(r)) & np.uint32(1):
            _add(row, after[0], 0)


_MATRIX64 = types.Array(types.uint64, 2, "C")


@compiled(
    (
        read_only(types.uint32),
        read_only(types.uint32),
        read_only(types.uint32),
        read_only(types.uint32),
        _MATRIX64,
    )
)
def write_equations(
    masks: Array, bits: Array, temper: Array, inverse: Array, equations: Array
) -> int:
    """Fill the rows of a system whose unknowns are the unknown bits of the first 624 outputs.

    Args:
        masks: For each output in a row which of its bits are known; more than 624.
        bits: Those bits' values, zero elsewhere.
        temper: For each output bit the bits of the word that it is the sum of.
        inverse: The reverse.
        equations: Zeroed rows; a bit for each unknown, then one for the constant.

    Returns:
        How many rows were filled: fewer than asked for where too little is known.
    """
    unknowns = 0
    for word in range(WORDS):
        unknowns += 32 - _ones(masks[word])
    forms = np.zeros((WORDS, 32, equations.shape[1]), np.uint64)
    _first_words(masks, bits, inverse, unknowns, forms)
    filled = 0
    for word in range(WORDS, masks.size):
        slot = word % WORDS
        _next_word(forms, slot)
        for b in range(32):
            here = np.uint32(1) << np.uint32(b)
            if not masks[word] & here:
                continue
            _sum(forms[slot], temper[b], equations[filled])
            if bits[word] & here:
                _flip(equations[filled], unknowns)
            filled += 1
            if filled == equations.shape[0]:
                return filled
    return filled


@compiled()
def _reduced(rows: Array, top: int, end: int, pivots: Array, candidate: int, column: int) -> bool:
    """Clear the stripe's pivot columns in a row; whether it then has a bit in `column`."""
    for i in range(top, end):
        if _bit(rows[candidate], pivots[i]):
            _add(rows[candidate], rows[i], pivots[top] >> 6)
    return bool(_bit(rows[candidate], column))


@compiled()
def _stripe(rows: Array, top: int, begin: int, end: int, pivots: Array) -> int:
    """Find and reduce pivot rows for the columns of a stripe; they move to `top` and on."""
    found = 0
    for column in range(begin, end):
        at = top + found
        candidate = at
        while candidate < rows.shape[0] and not _reduced(rows, top, at, pivots, candidate, column):
            candidate += 1
        if candidate == rows.shape[0]:
            continue
        kept = rows[candidate].copy()
        rows[candidate, :] = rows[at]
        rows[at, :] = kept
        pivots[at] = column
        for i in range(top, at):
            if _bit(rows[i], column):
                _add(rows[i], kept, begin >> 6)
        found += 1
    return found


@compiled()
def _clear(rows: Array, top: int, found: int, pivots: Array, sums: Array) -> None:
    """Clear a stripe's pivot columns in all other rows with one addition each."""
    begin = pivots[top] >> 6
    sums[0, :] = 0
    for combination in range(1, 1 << found):
        low = 0
        while not (combination >> low) & 1:
            low += 1
        sums[combination, :] = sums[combination & (combination - 1)]
        _add(sums[combination], rows[top + low], begin)
    for other in range(rows.shape[0]):
        if top <= other < top + found:
            continue
        combination = 0
        for i in range(found):
            combination |= int(_bit(rows[other], pivots[top + i])) << i
        if combination:
            _add(rows[other], sums[combination], begin)


@compiled((_MATRIX64, types.int64, writable(types.int64)))
def eliminate(rows: Array, unknowns: int, pivots: Array) -> int:
    """Reduce a system in place to its row echelon form, every pivot column cleared.

    Args:
        rows: Equations as `write_equations` leaves them.
        unknowns: Columns before the constant.
        pivots: Where the pivot column of each leading row goes; as long as there are rows.

    Returns:
        The rank, or -1 if the equations contradict each other.
    """
    top = 0
    sums = np.zeros((1 << STRIPE, rows.shape[1]), np.uint64)
    for begin in range(0, unknowns, STRIPE):
        found = _stripe(rows, top, begin, min(begin + STRIPE, unknowns), pivots)
        if found:
            _clear(rows, top, found, pivots, sums)
        top += found
    for row in rows[top:]:
        if _bit(row, unknowns):
            return -1
    return top


@compiled()
def _back(words: Array, at: int) -> None:
    """From words at, at + 1, ... (a ring) to the word before; completes the oldest word."""
    before = (at + WORDS - 1) % WORDS
    v = np.uint32(words[before] ^ words[(before + MIDDLE) % WORDS])
    odd = v >> np.uint32(31)
    y = np.uint32((np.uint32(v ^ (odd * _MATRIX)) << np.uint32(1)) | odd)
    words[at] = np.uint32((words[at] & np.uint32(0x80000000)) | (y & np.uint32(0x7FFFFFFF)))
    words[before] = y & np.uint32(0x80000000)


@compiled()
def _seeded(words: Array, at: int) -> bool:
    """Whether words 1 to 623 follow from each other as the seeding makes them."""
    x = words[(at + 1) % WORDS]
    for j in range(2, WORDS):
        x = np.uint32(_FACTOR * np.uint32(x ^ (x >> np.uint32(30))) + np.uint32(j))
        if x != words[(at + j) % WORDS]:
            return False
    return True


@compiled((writable(types.uint32), types.int64))
def rewind(words: Array, limit: int) -> int:
    """Run a state back until it is one that a seed makes.

    Args:
        words: 624 consecutive words, of the first only the top bit; left in rotated order.
        limit: Most words to go back.

    Returns:
        How many words were gone back, or -1. Word 1 of the seeding is then at
        `(1 - steps) % 624`.
    """
    at = 0
    for steps in range(limit + 1):
        if _seeded(words, at):
            return steps
        _back(words, at)
        at = (at + WORDS - 1) % WORDS
    return -1
