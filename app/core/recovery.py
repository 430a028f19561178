"""A generator's seeding from known bits of its outputs, anywhere in its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.state_kernels import WORDS, eliminate, rewind, write_equations

Words: TypeAlias = NDArray[np.uint32]

FREE: Final = 31  # bits of the oldest word that no later output depends on
_INVERSE_FACTOR: Final = pow(1812433253, -1, 2**32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeding:
    """Where a run of outputs stands in the stream of a seed."""

    seed: int  # modulo 2**32
    offset: int  # outputs drawn before the first of the run


def seeding_of(masks: Words, bits: Words, *, limit: int) -> Seeding | None:
    """The seed and the place of consecutive outputs of which some bits are known.

    Args:
        masks: For each output its known bits, as a mask over 32 bits.
        bits: Their values, zero where the mask is.
        limit: Most outputs that may have been drawn before the first.

    Returns:
        None where too few bits are known (24 of each need 1,248 outputs: the equations of one
        word leave its own unknown bits only), where they are no outputs of a Mersenne Twister, or
        where no seed made its state within the limit. A false seed is out of the question: 621
        words of 32 bits have to follow from each other.
    """
    unknowns = 32 * WORDS - int(np.bitwise_count(masks[:WORDS]).sum())
    rows = int(np.bitwise_count(masks[WORDS:]).sum())
    if rows < unknowns - FREE:
        return None
    equations = np.zeros((rows, unknowns // 64 + 1), np.uint64)
    write_equations(masks, bits, TEMPER, UNTEMPER, equations)
    pivots = np.zeros(rows, np.int64)
    rank = eliminate(equations, unknowns, pivots)
    if rank < unknowns - FREE:
        return None
    unknown = np.zeros(unknowns, np.uint32)
    constants = equations[:rank, unknowns >> 6] >> np.uint64(unknowns & 63)
    unknown[pivots[:rank]] = (constants & np.uint64(1)).astype(np.uint32)
    return _rewound(_words(masks, bits, unknown), limit=limit)


def _words(masks: Words, bits: Words, unknown: Words) -> Words:
    """The first 624 words, from the known and the solved bits of their outputs."""
    shifts = np.arange(32, dtype=np.uint32)
    outputs = bits[:WORDS, None] >> shifts & np.uint32(1)
    outputs[(masks[:WORDS, None] >> shifts & np.uint32(1)) == 0] = unknown
    return _applied(UNTEMPER, (outputs << shifts).sum(axis=1, dtype=np.uint32))


def _rewound(words: Words, *, limit: int) -> Seeding | None:
    ring = words.copy()
    steps = rewind(ring, limit + WORDS)
    if steps < WORDS:  # the first outputs are made of the words after the seeding's 624
        return None
    second = int(ring[(1 - steps) % WORDS])
    mixed = (second - 1) * _INVERSE_FACTOR % 2**32
    return Seeding(seed=mixed ^ (mixed >> 30), offset=steps - WORDS)


def _tempered(words: Words) -> Words:
    words = words ^ (words >> np.uint32(11))
    words = words ^ ((words << np.uint32(7)) & np.uint32(0x9D2C5680))
    words = words ^ ((words << np.uint32(15)) & np.uint32(0xEFC60000))
    return np.asarray(words ^ (words >> np.uint32(18)), np.uint32)


def _applied(matrix: Words, words: Words) -> Words:
    """Bit r of each result is the parity of `matrix[r] & word`."""
    parities = np.bitwise_count(matrix[:, None] & words) & np.uint8(1)
    shifts = np.arange(32, dtype=np.uint32)[:, None]
    return np.asarray((parities.astype(np.uint32) << shifts).sum(axis=0), np.uint32)


def _transposed(columns: Words) -> Words:
    shifts = np.arange(32, dtype=np.uint32)
    bits = (columns[None, :] >> shifts[:, None]) & np.uint32(1)
    return np.asarray((bits << shifts).sum(axis=1), np.uint32)


def _untempering() -> Words:
    """The inverse of tempering, which is invertible: its order as a matrix divides 2**k - 1."""
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    table = np.concatenate([TEMPER[:, None], units[:, None]], axis=1).astype(np.uint64)
    rows = table[:, 0] | (table[:, 1] << np.uint64(32))
    for column in range(32):
        at = np.uint64(column)
        pivot = column + int(np.argmax((rows[column:] >> at) & np.uint64(1)))
        rows[[column, pivot]] = rows[[pivot, column]]
        others = ((rows >> at) & np.uint64(1)).astype(bool)
        others[column] = False
        rows[others] ^= rows[column]
    return (rows >> np.uint64(32)).astype(np.uint32)


TEMPER: Final = _transposed(_tempered(np.uint32(1) << np.arange(32, dtype=np.uint32)))
UNTEMPER: Final = _untempering()
