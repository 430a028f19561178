"""The loops that try seeds against an output far into their streams, without running there.

An output bit is a sum over GF(2) of bits of the seeding's 624 words. Which bits, is the same for
every seed, and comes from running the recurrence backwards on the sum itself; each seed then costs
its seeding and a few sums, however far the output lies.

Source:
    The recurrence: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998). Running a sum
    backwards is the transposed map, derived here.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, read_only

Array: TypeAlias = np.ndarray

WORDS, MIDDLE = 624, 397
LANES = 32  # seeds at once
BITS = 5  # upper ones of 24 that are compared
DIGITS = 8  # outputs that are compared at most

_MATRIX = np.uint32(0x9908B0DF)
_FACTOR = np.uint32(1812433253)
_TOP = np.uint32(0x80000000)
_ONE = np.uint32(1)
_LOW24 = np.uint32(0xFFFFFF)


@compiled()
def _odd(x: np.uint32) -> np.uint32:
    """Whether a word has an odd number of bits."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x ^ (x >> np.uint32(8)))
    x = np.uint32(x ^ (x >> np.uint32(4)))
    x = np.uint32(x ^ (x >> np.uint32(2)))
    return np.uint32((x ^ (x >> _ONE)) & _ONE)


_SUMS = types.Array(types.uint32, 3, "C")


@compiled((types.int64, types.int64, read_only(types.uint32), _SUMS))
def write_sums(digit: int, output: int, temper: Array, sums: Array) -> None:
    """Write which bits of the seeding's words each upper bit of an output is the sum of.

    Args:
        digit: Which of the compared outputs this is.
        output: Its place in the stream.
        temper: For each output bit the bits of the word that it is the sum of.
        sums: Masks by digit, bit (the uppermost of 24 first) and word.
    """
    ring = np.zeros(WORDS, np.uint32)
    for bit in range(BITS):
        ring[:] = 0
        ring[output % WORDS] = temper[23 - bit]
        for word in range(output + WORDS, WORDS - 1, -1):
            slot = word % WORDS
            mask = ring[slot]
            after = (slot + 1) % WORDS
            middle = (slot + MIDDLE) % WORDS
            shifted = np.uint32(mask << _ONE)
            ring[slot] = np.uint32(shifted & _TOP)
            ring[after] = np.uint32(ring[after] ^ (shifted & ~_TOP) ^ _odd(mask & _MATRIX))
            ring[middle] = np.uint32(ring[middle] ^ mask)
        sums[digit, bit, :] = ring


@compiled()
def _agrees(upper: np.uint32, digit: np.uint32, tolerance: np.uint32) -> bool:
    """Whether an output with these upper bits may lie within the tolerance of a digit."""
    width = np.uint32(1 << (24 - BITS))
    least = np.uint32(upper * width)
    distance = np.uint32(np.uint32(digit + tolerance) - least) & _LOW24
    return bool(distance < np.uint32(tolerance + tolerance + width))


@compiled()
def _seed_words(first: int, words: Array) -> None:
    """The 624 words of LANES consecutive seeds."""
    for lane in range(LANES):
        words[0, lane] = np.uint32(first + lane)
    for j in range(1, WORDS):
        for lane in range(LANES):
            x = words[j - 1, lane]
            words[j, lane] = np.uint32(_FACTOR * np.uint32(x ^ (x >> np.uint32(30))) + np.uint32(j))


@compiled()
def _add_sum(words: Array, mask: Array, upper: Array, totals: Array) -> None:
    """Append one output bit to each lane's: eight words at a time, to write totals less often."""
    totals[:] = 0
    for j in range(0, WORDS, 8):
        m0, m1, m2, m3 = mask[j], mask[j + 1], mask[j + 2], mask[j + 3]
        m4, m5, m6, m7 = mask[j + 4], mask[j + 5], mask[j + 6], mask[j + 7]
        for lane in range(LANES):
            low = (words[j, lane] & m0) ^ (words[j + 1, lane] & m1)
            low ^= (words[j + 2, lane] & m2) ^ (words[j + 3, lane] & m3)
            high = (words[j + 4, lane] & m4) ^ (words[j + 5, lane] & m5)
            high ^= (words[j + 6, lane] & m6) ^ (words[j + 7, lane] & m7)
            totals[lane] = np.uint32(totals[lane] ^ low ^ high)
    for lane in range(LANES):
        upper[lane] = np.uint32((upper[lane] << _ONE) | _odd(totals[lane]))


@compiled()
def _others_agree(words: Array, sums: Array, digits: Array, tolerances: Array) -> bool:
    """Whether a seed's other compared outputs agree."""
    for digit in range(1, digits.size):
        upper = np.uint32(0)
        for bit in range(BITS):
            total = np.uint32(0)
            for w in range(WORDS):
                total = np.uint32(total ^ (words[w] & sums[digit, bit, w]))
            upper = np.uint32((upper << _ONE) | _odd(total))
        if not _agrees(upper, digits[digit], tolerances[digit]):
            return False
    return True


@compiled(
    (
        types.int64,
        types.int64,
        _SUMS,
        read_only(types.uint32),
        read_only(types.uint32),
        types.Array(types.int64, 1, "C"),
    )
)
def try_seeds_at(
    first: int, count: int, sums: Array, digits: Array, tolerances: Array, found: Array
) -> int:
    """Write the seeds whose compared outputs agree with digits in their upper bits.

    Args:
        first: First seed.
        count: How many; rounded up to a multiple of LANES.
        sums: Of the compared outputs: see `write_sums`.
        digits: Low 24 bits of each.
        tolerances: By how much each may differ.
        found: Where the seeds go; those over its length are lost.

    Returns:
        How many were written.
    """
    words = np.empty((WORDS, LANES), np.uint32)
    upper = np.empty(LANES, np.uint32)
    totals = np.empty(LANES, np.uint32)
    hits = 0
    for block in range(first, first + count, LANES):
        _seed_words(block, words)
        upper[:] = 0
        for bit in range(BITS):
            _add_sum(words, sums[0, bit], upper, totals)
        for lane in range(LANES):
            if not _agrees(upper[lane], digits[0], tolerances[0]):
                continue
            own = words[:, lane].copy()
            if hits < found.size and _others_agree(own, sums, digits, tolerances):
                found[hits] = block + lane
                hits += 1
    return hits
