"""Whether the rows, or the columns, of a matrix are orthogonal and equally long."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import default_rng  # here, as numpy would load it in the sandbox otherwise

from app.core.matrix import MatrixFacts, Orthogonality
from app.core.matrix_reading import chosen, chosen_columns

# Largest |W·Wᵀ/g² - I| of an orthogonal matrix after it was rounded to a storage dtype.
TOLERANCE = {"float64": 1e-4, "float32": 1e-4, "float16": 8e-3, "bfloat16": 6e-2}
MOST = 256  # rows of the smaller side that are compared
MOST_VALUES = 2**22  # read for the comparison
# Independent rows of n values deviate about √(2/n) in squared length and 1/√n in direction, which
# long ones keep within the tolerance; orthogonal ones, rounded to bfloat16, by a hundredth of it.
FAR_BELOW = 0.1


def orthogonality(
    values: np.ndarray, facts: MatrixFacts, *, stored: str, dtype: str
) -> Orthogonality | None:
    """How orthogonal a tensor is, flattened to size(0) rows as `torch.nn.init.orthogonal_` does.

    Lengths come first: they differ in a random draw, so few tensors are read a second time.

    Args:
        values: All of them finite.
        facts: The sums of their rows and columns.
        stored: torch's name of the storage dtype.
        dtype: The narrowest dtype that holds the values.

    Returns:
        None where the smaller side has one line, the dtype is too narrow to tell, or all is 0.
    """
    few_rows = facts.rows <= facts.columns
    sums, length = (facts.row, facts.columns) if few_rows else (facts.column, facts.rows)
    squares = sums.squares
    scale = float(squares.mean())
    if squares.size < 2 or dtype not in TOLERANCE or scale <= 0.0:
        return None
    tolerance = min(TOLERANCE[dtype], FAR_BELOW * math.sqrt(2 / length))
    deviation = float(np.abs(squares / scale - 1).max())
    compared = 0
    if deviation < tolerance:
        picked = _picked(squares.size, length)
        lines = (
            chosen(values, stored, rows=picked)
            if few_rows
            else chosen_columns(values, stored, columns=picked)
        )
        off = float(np.abs(_products(lines, scale)).max())
        compared, deviation = len(picked), max(deviation, off)
    return Orthogonality(
        side="rows" if few_rows else "columns",
        lines=int(squares.size),
        gain=math.sqrt(scale),
        deviation=deviation,
        tolerance=tolerance,
        compared=compared,
        fits=deviation < tolerance,
    )


def _picked(lines: int, length: int) -> np.ndarray:
    """A few lines at random, always the same ones."""
    most = max(2, min(MOST, lines, MOST_VALUES // length))
    return np.sort(default_rng(0).choice(lines, size=most, replace=False))


def _products(lines: np.ndarray, scale: float) -> np.ndarray:
    """The inner products of different lines over their squared length."""
    products: np.ndarray = lines @ lines.T / scale
    np.fill_diagonal(products, 0.0)
    return products
