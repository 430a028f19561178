"""Laws of a whole tensor against where its values stand: frames, identities, sparse columns."""

from __future__ import annotations

import math

import numpy as np

from app.core.distributions import FORMATS, Normal, Orthogonal
from app.core.frames import orthogonal_test
from app.core.goodness import Sample, assess
from app.core.matrix import Places
from app.core.patterns import Diagonal, Sparse
from app.core.reasons import explained
from app.core.statistics import Sketch
from app.core.structure import without_zeros
from app.core.wording import count, number

LEAST_LINES = 3  # two of a random draw may be orthogonal and equally long by chance


def frame_test(law: Orthogonal, sample: Sample) -> tuple[str | None, str]:
    """W·Wᵀ where it is known; else Σw² alone, gain²·min(rows, columns), met by chance too.

    Returns:
        Which test excludes the law, if any, and the sentence behind that or behind its standing.
    """
    found = sample.orthogonality
    if law.any_gain and (found is None or found.lines < LEAST_LINES):
        return "rows", "too few rows, or not known to be orthogonal"
    if found is not None:
        return orthogonal_test(law, found)
    away = abs(sample.second / law.std**2 - 1)
    if away > squares_tolerance(sample):
        return "scale", f"Σw² is {1 + away:.6f} or 1/{1 + away:.6f} of what orthogonal rows give"
    return None, "Σw² is exactly that of orthogonal rows; scale alone is compared, not the matrix"


def squares_tolerance(sample: Sample) -> float:
    """Relative error of Σw² of a stored orthogonal matrix: the decomposition's and rounding's."""
    mantissa = FORMATS[sample.dtype][0] if sample.dtype in FORMATS else 23
    return 1e-5 + 2.0 ** (1 - mantissa) / math.sqrt(sample.n) + 2.0 ** (-2 * mantissa)


def diagonal_test(
    law: Diagonal, sketch: Sketch, places: Places | None
) -> tuple[str | None, str | None]:
    """Whether 1 stands on the diagonal, or at the middle tap of each channel's own, and 0 else."""
    if places is None or places.identity is None:
        ones = sketch.count - sketch.zeros
        where = "on the diagonal" if law.law == "identity" else "at each channel's middle tap"
        return "places", f"{count(ones)} values are not 0, where 1 stands {where} alone"
    value = places.identity.value
    if value != 1.0:
        return "scale", f"the value is {number(value)}, not 1"
    return None, None


def sparse_test(
    law: Sparse, sketch: Sketch, places: Places | None, *, alpha: float, rest: Sample | None
) -> tuple[str | None, str]:
    """Whether every column has as many zeros, and the rest is the law's normal.

    Args:
        law: Of the values that are drawn.
        sketch: Of all values.
        places: Where they stand.
        alpha: Level of the test of the rest.
        rest: The values that are not 0; None where there are none.
    """
    each = _in_each_column(places)
    if each is None or rest is None:
        zeros = f"{count(sketch.zeros)} of {count(sketch.count)} values are 0"
        return "zeros", f"{zeros}, not as many in every column"
    normal = Normal(std=law.std)
    verdict = assess(normal, rest, stop_below=alpha)
    if verdict.p_value < alpha:
        return "shape", f"of the values that are not 0, {explained(verdict, normal, rest)}"
    columns = sketch.count // places.matrix.rows if places and places.matrix else 0
    told = f"{count(each)} zeros in each of {count(columns)} columns"
    return None, f"{told}, and the rest fits Normal {number(law.std)}"


def _in_each_column(places: Places | None) -> int | None:
    """The number of zeros of every column, where it is the same in all."""
    zeros = places.matrix.column.zeros if places and places.matrix else None
    if places is None or places.matrix is None or zeros is None:
        return None
    one = int(zeros[0])
    return one if 0 < one < places.matrix.rows and np.all(zeros == one) else None


def not_zero(sketch: Sketch) -> Sketch | None:
    """The sketch of the values that are not exactly 0."""
    kept = without_zeros(sketch, sketch.zeros) if 0 < sketch.zeros < sketch.finite else None
    return kept if kept is not None and kept.finite else None
