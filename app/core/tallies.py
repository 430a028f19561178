"""The loops that count 8- and 16-bit patterns, a machine word at a time."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, prefetch, read_only, together, writable

Tables: TypeAlias = tuple[np.ndarray, ...]

# Tables that neighbours are counted in by turns, so that equal ones do not wait for each other's
# store: with one, 70 % equal values take three times as long. The same table may be given twice.
LANES = 4
FEWER_LANES = 2
AHEAD = np.uint64(512)  # words, 4 KiB: what is asked for arrives when it is needed
WORD_PAIR = 16  # bytes; the loops read two words at a time

STRETCH = 1024  # counters that are added up at a time
_counters = writable(types.uint32)
_found = writable(types.int64)


@compiled((_counters, types.int64, _found, _found))
def drain(tables: np.ndarray, lanes: int, places: np.ndarray, counts: np.ndarray) -> int:
    """Move what tables side by side have counted to a list, and leave them at zero.

    Args:
        tables: The counters, one table after the other.
        lanes: How many tables these are.
        places: Gets the places counted at, ascending.
        counts: Gets the sum of the tables there.

    Returns:
        How many places there are.
    """
    size, found = tables.size // lanes, 0
    sums = np.empty(STRETCH, np.uint32)
    for start in range(0, size, STRETCH):
        stretch = sums[: min(STRETCH, size - start)]
        stretch[:] = 0
        for lane in range(lanes):
            table = tables[lane * size + start : lane * size + start + stretch.size]
            for i in range(stretch.size):
                stretch[i] += table[i]
        for i in range(stretch.size):
            if stretch[i] > 0:
                places[found] = start + i
                counts[found] = stretch[i]
                found += 1
    for i in range(found):
        for lane in range(lanes):
            tables[lane * size + places[i]] = 0
    return found


@compiled((read_only(types.uint64), together(*[_counters] * LANES)))
def tally16(words: np.ndarray, tables: Tables) -> None:
    """Count the eight 16-bit patterns of every pair of words."""
    first, second, third, fourth = tables
    mask, one = np.uint64(0xFFFF), np.uint32(1)
    for pair in range(words.size >> 1):
        i = np.uint64(2) * np.uint64(pair)
        if i & np.uint64(7) == 0:
            prefetch(words, i + AHEAD)
        a, b = words[i], words[i + np.uint64(1)]
        p = a & mask
        if a == b and a == p * np.uint64(0x0001000100010001):
            first[p] += np.uint32(8)
            continue
        first[p] += one
        second[(a >> np.uint64(16)) & mask] += one
        third[(a >> np.uint64(32)) & mask] += one
        fourth[a >> np.uint64(48)] += one
        first[b & mask] += one
        second[(b >> np.uint64(16)) & mask] += one
        third[(b >> np.uint64(32)) & mask] += one
        fourth[b >> np.uint64(48)] += one


@compiled((read_only(types.uint64), together(*[_counters] * LANES)))
def tally8(words: np.ndarray, tables: Tables) -> None:
    """Count the eight 8-bit patterns of every word."""
    first, second, third, fourth = tables
    mask, one = np.uint64(0xFF), np.uint32(1)
    for place in range(words.size):
        i = np.uint64(place)
        if i & np.uint64(7) == 0:
            prefetch(words, i + AHEAD)
        w = words[i]
        p = w & mask
        if w == p * np.uint64(0x0101010101010101):
            first[p] += np.uint32(8)
            continue
        first[p] += one
        second[(w >> np.uint64(8)) & mask] += one
        third[(w >> np.uint64(16)) & mask] += one
        fourth[(w >> np.uint64(24)) & mask] += one
        first[(w >> np.uint64(32)) & mask] += one
        second[(w >> np.uint64(40)) & mask] += one
        third[(w >> np.uint64(48)) & mask] += one
        fourth[w >> np.uint64(56)] += one
