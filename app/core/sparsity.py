"""Exact zeros: how many, in which rows and columns, and what they were before."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.core.distributions import spacing
from app.core.goodness import ZERO_RATE
from app.core.matrix import MatrixFacts
from app.core.precision import effective_dtype
from app.core.report import Structure
from app.core.statistics import Sketch
from app.core.wording import count, counted, number, share

SPARSE_SHARE: Final = 0.01  # zeros above this share of all values are named as such
FAR_ABOVE: Final = 10.0  # Poisson standard errors above what a float32 draw has
CHANCE: Final = 1e-6  # of equal numbers of zeros in every line by chance
MISSING: Final = 20.0  # values expected in a gap about 0: e⁻²⁰ of a draw leave none


def sparse_structure(sketch: Sketch, matrix: MatrixFacts | None) -> Structure | None:
    """What the exact zeros of a tensor say, where there are more than a draw leaves.

    Returns:
        `value` is the share of zeros.
    """
    if not sketch.finite or sketch.zeros < 2 or sketch.zeros == sketch.finite:
        return None
    part = sketch.zeros / sketch.finite
    if part < SPARSE_SHARE and not _too_many(sketch):
        return None
    if sketch.zeros <= _underflowing(sketch):
        return None
    total = f"{count(sketch.zeros)} of {count(sketch.finite)} values ({share(part)}) are exactly 0"
    where = _where(sketch, matrix) or _how(sketch)
    detail = f"{total}, {where}" if where else total
    return Structure(kind="sparse", value=part, detail=detail)


def _too_many(sketch: Sketch) -> bool:
    """Whether the zeros are far above the Poisson number that a float32 draw has."""
    if effective_dtype(sketch) not in {"float32", "float64"}:
        return False
    expected = sketch.finite * ZERO_RATE
    return sketch.zeros > expected + FAR_ABOVE * math.sqrt(expected) + FAR_ABOVE


def _underflowing(sketch: Sketch) -> float:
    """Zeros that a draw may have because its dtype has no smaller number: many in 8 bits.

    A value within half the smallest number is stored as 0, and the density of a draw there is
    at most 0.4/σ, a normal's.
    """
    spread = math.sqrt(sketch.second_moment or 0.0)
    if not spread:
        return 0.0
    expected = sketch.finite * min(1.0, 0.4 * spacing(0.0, effective_dtype(sketch)) / spread)
    return expected + FAR_ABOVE * math.sqrt(expected)


def equal_columns(matrix: MatrixFacts | None) -> int | None:
    """The number of zeros of every column, as `torch.nn.init.sparse_` has it; else None."""
    if matrix is None or matrix.column.zeros is None:
        return None
    return _equal(matrix.column.zeros, matrix.rows)


def _equal(zeros: np.ndarray, length: int) -> int | None:
    """The same number in each line, where chance would hardly bring that about."""
    one = int(zeros[0])
    if one in {0, length} or np.any(zeros != one):
        return None
    variance = one * (1 - one / length)  # of a binomial number; its likeliest value has 0.4/σ
    chance = (zeros.size - 1) * math.log(min(1.0, 0.4 / math.sqrt(variance)))
    return one if chance < math.log(CHANCE) else None


def _where(sketch: Sketch, matrix: MatrixFacts | None) -> str | None:
    """Whole rows or columns of zeros, or equally many in each."""
    if matrix is None or matrix.row.zeros is None or matrix.column.zeros is None:
        return None
    if min(matrix.rows, matrix.columns) < 2:
        return None
    rows = int(np.count_nonzero(matrix.row.zeros == matrix.columns))
    columns = int(np.count_nonzero(matrix.column.zeros == matrix.rows))
    inside = matrix.rows * matrix.columns - (matrix.rows - rows) * (matrix.columns - columns)
    if inside == sketch.zeros:
        both = [counted(n, word) for n, word in ((rows, "row"), (columns, "column")) if n]
        return f"and fill {' and '.join(both)}"
    each = equal_columns(matrix)
    if each is not None:
        return f"{count(each)} in each of the {count(matrix.columns)} columns"
    each = _equal(matrix.row.zeros, matrix.columns)
    if each is not None:
        return f"{count(each)} in each of the {count(matrix.rows)} rows"
    return None


def _how(sketch: Sketch) -> str | None:
    """Clamped, where no value is negative; pruned by size, where no small one is left."""
    if sketch.minimum == 0.0 and sketch.finite - sketch.zeros >= MISSING:
        return "and no value is negative: clamped at 0"
    nearest = _nearest(sketch)
    rest = sketch.finite - sketch.zeros
    second = (sketch.second_moment or 0.0) * sketch.finite / rest
    if nearest is None or second <= 0.0 or rest < MISSING:
        return None
    expected = rest * 2 * nearest / math.sqrt(2 * math.pi * second)
    if expected > MISSING:
        return f"and no other value is within ±{number(nearest)}: the smallest were pruned"
    return "at places that do not depend on size"


def _nearest(sketch: Sketch) -> float | None:
    """The smallest |x| besides 0, as far as the cells know it."""
    low, high = sketch.cells.low, sketch.cells.high
    above, below = low[low > 0.0], high[high < 0.0]
    ends = [float(above[0])] if above.size else []
    if below.size:
        ends.append(-float(below[-1]))
    if np.any((low < 0.0) & (high > 0.0)):
        return None
    return min(ends, default=None)
