"""Draws that cannot be replayed from a stream, and how their values show it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.core.report import TensorReport

MOST_LINES: Final = 64  # that are compared
TOLERANCE: Final = 1e-4  # |W·Wᵀ/g² - I| of a float32 orthogonal matrix stays below 1e-5
REPLAYABLE: Final = frozenset({"uniform", "normal"})
EXCUSES: Final = {
    "truncated_normal": "a truncated normal is redrawn until it fits and cannot be replayed",
    "orthogonal": "an orthogonal matrix is computed from its draw and cannot be replayed",
    "sparse": "a sparse tensor shows too little of its draw to be replayed",
    "identity": "an identity is not drawn",
    "dirac": "a Dirac kernel is not drawn",
}


def excuse(values: NDArray[Any], report: TensorReport) -> str | None:
    """Why a tensor may be a draw and still stand in no stream; None where nothing speaks for it.

    Args:
        values: All of them finite.
        report: What is said of the same tensor.
    """
    if is_orthogonal(values):
        return EXCUSES["orthogonal"]
    if report.structure is not None and report.structure.kind in EXCUSES:
        return EXCUSES[report.structure.kind]
    laws = [one.law for one in report.candidates if one.rejected_by is None]
    return EXCUSES.get(laws[0]) if laws and REPLAYABLE.isdisjoint(laws) else None


def is_orthogonal(values: NDArray[Any]) -> bool:
    """Whether the first lines of a tensor's smaller side are orthogonal and equally long.

    Two lines of n independent values are so with odds of about `TOLERANCE**2`, more with less.
    """
    if values.ndim < 2 or values.size == 0:
        return False
    matrix = values.reshape(values.shape[0], -1)
    lines = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    few = lines[:MOST_LINES].astype(np.float64)
    if few.shape[0] < 2 or not few.any():
        return False
    products = few @ few.T
    scale = float(np.trace(products)) / few.shape[0]
    return bool(np.abs(products / scale - np.eye(few.shape[0])).max() < TOLERANCE)
