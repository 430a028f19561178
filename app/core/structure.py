"""Tensors that are no random draw, or only partly: constant, identity, sparse, padded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.cells import Cells
from app.core.moments import Moments
from app.core.report import Structure
from app.core.statistics import Sketch
from app.core.storage import shared_zero_bits
from app.core.wording import count, share

SPARSE_SHARE = 0.01  # zeros above this share of all values are named as such


def effective_dtype(sketch: Sketch) -> str:
    """The narrowest dtype that all values have: float32 files may hold bfloat16 values."""
    bits = shared_zero_bits(sketch.dtype, sketch.low_bits)
    narrow = {
        ("float32", 16): "bfloat16",
        ("float32", 13): "float16",
        ("float64", 29): "float32",
        ("float64", 42): "float16",
        ("float64", 45): "bfloat16",
    }
    return narrow.get((sketch.dtype, bits), sketch.dtype) if sketch.low_bits else sketch.dtype


def structure_of(sketch: Sketch, shape: Sequence[int]) -> Structure | None:
    """What a tensor is instead of a draw, as far as its values without their places tell.

    Args:
        sketch: Of all values.
        shape: The tensor's.

    Returns:
        None where nothing stands out; for sparse, `value` is the share of exact zeros.
    """
    if sketch.constant is not None and sketch.count > 1:
        return Structure(kind="constant", value=sketch.constant)
    if _looks_like_identity(sketch, shape):
        kind = "identity" if len(shape) == 2 else "dirac"
        return Structure(
            kind=kind,
            value=1.0,
            detail=f"{count(sketch.count - sketch.zeros)} ones and zeros elsewhere, as {kind} has; "
            "their places were not compared",
        )
    zeros = sketch.zeros / sketch.finite if sketch.finite else 0.0
    if zeros >= SPARSE_SHARE and sketch.zeros > 1:
        return Structure(
            kind="sparse",
            value=zeros,
            detail=f"{count(sketch.zeros)} of {count(sketch.finite)} values "
            f"({share(zeros)}) are exactly 0",
        )
    return None


def _looks_like_identity(sketch: Sketch, shape: Sequence[int]) -> bool:
    """Zeros and ones only, with min(size(0), size(1)) ones."""
    if len(shape) < 2 or sketch.nonfinite or sketch.minimum != 0.0 or sketch.maximum != 1.0:
        return False
    if not (sketch.cells.exact and sketch.cells.low.size == 2):
        return False
    return sketch.count - sketch.zeros == min(shape[0], shape[1])


def padding_zeros(sketch: Sketch, shape: Sequence[int], *, told: bool) -> int:
    """How many zeros are an embedding's padding row.

    Args:
        sketch: Of the embedding's weight.
        shape: (rows, columns).
        told: Whether the file gives a padding_idx; else one row is assumed where the zeros are
            exactly one row's.
    """
    if len(shape) != 2 or sketch.zeros == sketch.finite:
        return 0
    row = shape[1]
    return row if (told and sketch.zeros >= row) or sketch.zeros == row else 0


def without_zeros(sketch: Sketch, zeros: int) -> Sketch:
    """The sketch of the other values when some of the zeros are left out.

    Args:
        sketch: With at least this many zeros, and other values.
        zeros: At least 0.
    """
    if not zeros:
        return sketch
    at = np.flatnonzero((sketch.cells.low <= 0) & (sketch.cells.high >= 0))
    counts = sketch.cells.counts.copy()
    counts[at[0]] -= zeros
    kept = counts > 0
    cells = Cells(low=sketch.cells.low[kept], high=sketch.cells.high[kept], counts=counts[kept])
    n = sketch.finite
    return replace(
        sketch,
        count=sketch.count - zeros,
        zeros=sketch.zeros - zeros,
        moments=_shifted(sketch.moments, n, n - zeros),
        cells=cells,
    )


def _shifted(moments: Moments, n: int, kept: int) -> Moments:
    """Central sums of the values without n - kept zeros: raw power sums do not change."""
    unit = moments.exponent
    mean = math.ldexp(moments.mean, -unit)
    second = moments.m2 + n * mean**2
    third = moments.m3 + 3 * mean * moments.m2 + n * mean**3
    fourth = moments.m4 + 4 * mean * moments.m3 + 6 * mean**2 * moments.m2 + n * mean**4
    new = mean * n / kept
    return replace(
        moments,
        count=kept,
        mean=math.ldexp(new, unit),
        mean_low=0.0,
        m2=second - kept * new**2,
        m3=third - 3 * new * second + 2 * kept * new**3,
        m4=fourth - 4 * new * third + 6 * new**2 * second - 3 * kept * new**4,
    )
