"""Rows or columns of one tensor that repeat each other, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from app.core.matrix import MatrixFacts, Sums, Tied, Which
from app.core.matrix_reading import chosen, chosen_columns

SURE = 40.0  # bits by which a coincidence must be out of reach
COMPARED = 64  # pairs of lines that are compared value by value
NEAR = 1e-11  # relative difference of sums that may only be their rounding
_NONE = np.zeros((0, 2), np.intp)


def tied(values: np.ndarray, facts: MatrixFacts, *, stored: str, bits: float) -> Tied | None:
    """The rows, else the columns, that repeat another one.

    Equal sums name the candidates; the values of a sample of them are compared.

    Args:
        values: 2 axes or more.
        facts: Their sums.
        stored: torch's name of the storage dtype.
        bits: Entropy of one value: lines too short for their number may be alike by chance.
    """
    rows = _candidates(facts.row) if _too_long(facts.columns, facts.rows, bits) else _NONE
    sample = _sample(rows)
    if sample.size and _alike(*(chosen(values, stored, rows=side) for side in sample.T)):
        return _told("rows", rows, facts.row)
    columns = _candidates(facts.column) if _too_long(facts.rows, facts.columns, bits) else _NONE
    sample = _sample(columns)
    if sample.size and _alike(*(chosen_columns(values, stored, columns=s) for s in sample.T)):
        return _told("columns", columns, facts.column)
    return None


def _too_long(length: int, lines: int, bits: float) -> bool:
    """Whether no two of the lines would be alike by chance."""
    return lines > 1 and length * bits > SURE + 2 * math.log2(lines)


def _candidates(sums: Sums) -> np.ndarray:
    """Pairs of neighbouring lines, in the order of their sums, whose sums are alike."""
    used = np.flatnonzero(sums.squares > 0.0)
    order = used[np.lexsort((sums.squares[used], sums.total[used]))]
    squares, total = sums.squares[order], sums.total[order]
    near = np.isclose(squares[1:], squares[:-1], rtol=NEAR, atol=0.0)
    scale = np.sqrt(squares[1:])  # a sum near 0 is known as well as its terms are
    near &= np.abs(total[1:] - total[:-1]) <= NEAR * np.maximum(scale, np.abs(total[1:]))
    return np.stack((order[:-1][near], order[1:][near]), axis=1)


def _sample(pairs: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(pairs) - 1, min(len(pairs), COMPARED)).astype(np.intp)
    sample: np.ndarray = pairs[places]
    return sample


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.array_equal(first, second))


def _told(side: Which, pairs: np.ndarray, sums: Sums) -> Tied:
    used = int(np.count_nonzero(sums.squares > 0.0))
    return Tied(side=side, lines=int(np.unique(pairs).size), of=used)
