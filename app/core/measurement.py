"""Everything read of one tensor: its sketch, where its values stand, and the same of its blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.core import matrix_reading
from app.core.blocks import Block
from app.core.duplicates import tied
from app.core.identity import identity
from app.core.matrix import MeasuredPart, Places
from app.core.matrix_reading import Reading
from app.core.orthogonality import orthogonality
from app.core.precision import effective_dtype
from app.core.sketch import sketch
from app.core.sketch import warm as warm_sketch
from app.core.spectrum import spectrum
from app.core.statistics import Sketch

FEWEST = 2  # blocks


def places_of(
    values: np.ndarray, seen: Sketch, *, blocks: Sequence[Block] = (), threads: int = 1
) -> Places:
    """Where the values of a tensor stand.

    Args:
        values: In the form that `sketch` takes.
        seen: Their sketch.
        blocks: Of a packed tensor; each is measured on its own.
        threads: Threads to sketch blocks with, at least 1.
    """
    if seen.count == 0 or seen.constant is not None:
        return Places(parts=_parts(values, seen, blocks, threads))
    reading = matrix_reading.read(
        values, dtype=seen.dtype, count_zeros=_zeros_may_tell(values, seen)
    )
    return _fitted(values, seen, reading, parts=_parts(values, seen, blocks, threads))


def _fitted(
    values: np.ndarray, seen: Sketch, reading: Reading, *, parts: tuple[MeasuredPart, ...]
) -> Places:
    facts = reading.matrix
    if facts is None or seen.nonfinite:
        return Places(digest=reading.digest, parts=parts)
    eye = identity(values, seen)
    drawn = effective_dtype(seen)
    return Places(
        digest=reading.digest,
        matrix=facts,
        orthogonality=orthogonality(values, facts, stored=seen.dtype, dtype=drawn),
        spectrum=spectrum(values, facts, stored=seen.dtype, dtype=drawn),
        identity=eye,
        tied=tied(values, facts, stored=seen.dtype, bits=_bits(seen)) if eye is None else None,
        parts=parts,
    )


def _bits(seen: Sketch) -> float:
    """Entropy of one value, at least: of its cell, with those of long tensors joined values."""
    shares = seen.cells.counts / seen.finite
    return float(-(shares @ np.log2(shares)))


def _zeros_may_tell(values: np.ndarray, seen: Sketch) -> bool:
    """Whether there are as many zeros as a row or a column has values."""
    if values.ndim < 2:
        return False
    rows = values.shape[0]
    return bool(seen.zeros >= min(rows, values.size // rows))


def _parts(
    values: np.ndarray, seen: Sketch, blocks: Sequence[Block], threads: int
) -> tuple[MeasuredPart, ...]:
    if len(blocks) < FEWEST:
        return ()
    found = []
    for block in blocks:
        part = values[block.index]
        inner = sketch(part, dtype=seen.dtype, limit=seen.limit, threads=threads)
        found.append(MeasuredPart(block=block, sketch=inner, places=places_of(part, inner)))
    return tuple(found)


def warm() -> None:
    """Compile the loops, or load them from numba's cache; afterwards no file is touched."""
    warm_sketch()
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32)
    for values in (signs, signs.astype(np.float16)):  # orthogonal, so that all is looked at
        places_of(values, sketch(values, dtype=values.dtype.name))
