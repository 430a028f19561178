"""Tensors that are no draw of independent values, or only partly: what they are instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.cells import Cells
from app.core.frames import is_frame
from app.core.matrix import Identity, Places
from app.core.moments import Moments
from app.core.report import Structure
from app.core.sparsity import sparse_structure
from app.core.statistics import Sketch
from app.core.wording import count, number


def structure_of(
    sketch: Sketch, shape: Sequence[int], places: Places | None = None, *, stripped: bool = False
) -> Structure | None:
    """What a tensor is instead of a draw of independent values.

    Args:
        sketch: Of all values.
        shape: The tensor's.
        places: Where the values stand; without it the counts alone must tell.
        stripped: Whether rows of zeros were left out of the sketch.

    Returns:
        None where nothing stands out; `value` is the constant, the gain, or a share.
    """
    if sketch.constant is not None and sketch.count > 1:
        return Structure(kind="constant", value=sketch.constant)
    matrix = places.matrix if places else None
    if places is None or matrix is None:
        eye = _counted_identity(sketch, shape)
    else:
        eye = _placed_structure(places, shape)
    return eye or sparse_structure(sketch, None if stripped else matrix)


def _placed_structure(places: Places, shape: Sequence[int]) -> Structure | None:
    if places.identity is not None:
        return _identity(places.identity, shape)
    found = places.orthogonality
    if is_frame(found):
        detail = f"its {found.side} are orthogonal with gain {number(found.gain)}: {found.told}"
        return Structure(kind="orthogonal", value=found.gain, detail=detail)
    if places.tied is not None:
        tied = places.tied
        told = f"{count(tied.lines)} of {count(tied.of)} {tied.side}"
        return Structure(
            kind="tied",
            value=tied.lines / tied.of,
            detail=f"{told} repeat another one bit for bit, which no draw does",
        )
    return None


def _identity(eye: Identity, shape: Sequence[int]) -> Structure:
    value = number(eye.value)
    if len(shape) == 2:
        return Structure(
            kind="identity", value=eye.value, detail=f"{value} on the diagonal, 0 elsewhere"
        )
    groups = f" in each of {count(eye.groups)} groups" if eye.groups > 1 else ""
    detail = f"{value} at the middle tap of each channel's own{groups}, 0 elsewhere"
    return Structure(kind="dirac", value=eye.value, detail=detail)


def _counted_identity(sketch: Sketch, shape: Sequence[int]) -> Structure | None:
    """Zeros and ones only, with min(size(0), size(1)) ones."""
    if len(shape) < 2 or sketch.nonfinite or sketch.minimum != 0.0 or sketch.maximum != 1.0:
        return None
    ones = sketch.count - sketch.zeros
    if not (sketch.cells.exact and sketch.cells.low.size == 2) or ones != min(shape[:2]):
        return None
    kind = "identity" if len(shape) == 2 else "dirac"
    detail = f"{count(ones)} ones and zeros elsewhere; their places were not compared"
    return Structure(kind=kind, value=1.0, detail=detail)


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
