"""The largest singular value of a matrix, or of some of its rows."""

from __future__ import annotations

import numpy as np

from app.core.matrix import MatrixFacts, Spectrum
from app.core.matrix_reading import chosen

LEAST = 16  # lines of the smaller side: with fewer, chance is not told precisely enough
MOST = 64  # lines of the smaller side: their products and eigenvalues take a millisecond
MOST_VALUES = 2**16  # read for it
DTYPES = frozenset({"float64", "float32", "float16", "bfloat16"})


def spectrum(values: np.ndarray, facts: MatrixFacts, *, stored: str, dtype: str) -> Spectrum | None:
    """The largest eigenvalue of W·Wᵀ, of evenly spaced rows where there are many.

    Args:
        values: All of them finite.
        facts: Its rows and columns.
        stored: torch's name of the storage dtype.
        dtype: The narrowest dtype that holds the values; 8-bit floats are too coarse.

    Returns:
        None where the matrix is too narrow, too long, or of another dtype.
    """
    columns = facts.columns
    most = MOST_VALUES // columns if columns <= MOST else min(MOST, MOST_VALUES // columns)
    rows = min(facts.rows, most)
    if dtype not in DTYPES or min(rows, columns) < LEAST:
        return None
    picked = np.linspace(0, facts.rows - 1, rows).astype(np.intp)
    part = chosen(values, stored, rows=picked)
    scale = float(np.abs(part).max())
    if scale == 0.0:
        return None
    part /= scale
    products = part @ part.T if rows <= columns else part.T @ part
    largest = float(np.linalg.eigvalsh(products)[-1])
    return Spectrum(rows=rows, columns=columns, largest=largest * scale**2)
