"""The loops that count 8- and 16-bit patterns, a machine word at a time."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types

from app.core.compiled import compiled, read_only, together, writable

Tables: TypeAlias = tuple[np.ndarray, ...]

# Tables that neighbours are counted in by turns, so that equal ones do not wait for each other's
# store: with one, 70 % equal values take three times as long. The same table may be given twice.
LANES = 4
FEWER_LANES = 2
WORD_PAIR = 16  # bytes; the loops read two words at a time

_counters = writable(types.uint32)

# Indices are unsigned throughout: numba looks behind the start of an array for signed ones. A run
# of equal patterns is one addition.


@compiled((read_only(types.uint64), together(*[_counters] * LANES)))
def tally16(words: np.ndarray, tables: Tables) -> None:
    """Count the eight 16-bit patterns of every pair of words."""
    first, second, third, fourth = tables
    mask, one = np.uint64(0xFFFF), np.uint32(1)
    for i in range(words.size >> 1):
        a, b = words[np.uint64(2) * np.uint64(i)], words[np.uint64(2) * np.uint64(i) + np.uint64(1)]
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
    for i in range(words.size):
        w = words[np.uint64(i)]
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
