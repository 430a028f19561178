"""Rows and columns: whether their sums and their spreads vary as those of independent draws do.

Tests of the values without their places are blind to a drift of rank one, and to rows that were
scaled; these see both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import chdtr, chdtrc

from app.core.distributions import Continuous, Flat, Normal, TruncatedNormal, spacing
from app.core.matrix import MatrixFacts, Numbers, Sums
from app.core.wording import count, factor, number, probability

SHORTEST = 8  # values of a line from which its mean square has the approximation used here
FINE = 32.0  # storage steps at 0 that a std must have
SLACK = 0.5  # over n²: relative error of the approximate variance, at most; measured from n = 8
DTYPES = frozenset({"float64", "float32", "float16", "bfloat16"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """The rows, or the columns, of a matrix; lines of zeros left out."""

    lines: int
    length: int  # values of one line
    spread: float  # Σ(sum - mean sum)², weight units squared
    squares: Numbers  # mean squares over their mean
    known: dict[tuple[float, float], tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """What the tests on rows and columns need."""

    dtype: str
    rows: Side | None
    columns: Side | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTest:
    """One of the two tests on one side."""

    name: str  # "sums" or "squares"
    p_value: float
    ratio: float  # measured variation of the lines over that of independent draws, as a std


def lines_of(facts: MatrixFacts, *, dtype: str) -> Lines | None:
    """The rows and columns of a tensor, ready for tests.

    Args:
        facts: Its sums.
        dtype: The narrowest dtype that holds its values; 8-bit floats are too coarse.
    """
    if dtype not in DTYPES or min(facts.rows, facts.columns) < 2:
        return None
    used = int(np.count_nonzero(facts.row.squares > 0.0))
    length = int(np.count_nonzero(facts.column.squares > 0.0))
    return Lines(dtype=dtype, rows=_side(facts.row, length), columns=_side(facts.column, used))


def _side(sums: Sums, length: int) -> Side | None:
    used = sums.squares > 0.0
    total, squares = sums.total[used], sums.squares[used]
    if total.size < 2 or length < 2:
        return None
    away = total - total.mean()
    spread = float(away @ away)
    return Side(
        lines=int(total.size), length=length, spread=spread, squares=squares / squares.mean()
    )


def line_tests(law: Continuous, lines: Lines | None) -> dict[str, tuple[float, float]]:
    """The p-value and statistic of the rows and of the columns; the smaller p of two, doubled."""
    if lines is None or law.std < FINE * spacing(0.0, lines.dtype):
        return {}
    sides = (("rows", lines.rows), ("columns", lines.columns))
    return {name: _worst(law, side) for name, side in sides if side is not None}


def _worst(law: Continuous, side: Side) -> tuple[float, float]:
    tests = _tests(law, side)
    worst = min(tests, key=lambda test: test.p_value)
    return min(1.0, len(tests) * worst.p_value), worst.ratio


def _tests(law: Continuous, side: Side) -> list[LineTest]:
    tests = [_sums_test(law, side)]
    if side.length >= SHORTEST:
        tests.append(_squares_test(law, side))
    return tests


def _sums_test(law: Continuous, side: Side) -> LineTest:
    """Σ(sum - mean)²/(n·σ²) is chi-squared with lines - 1 degrees of freedom, two-sided.

    Exact for a normal; sums of bounded draws have lighter tails, which keeps it on the safe side.
    Taken about the mean, which has a test of its own and which 16-bit uniform draws miss.
    """
    freedom = side.lines - 1
    statistic = side.spread / (side.length * law.std**2)
    p = 2 * min(float(chdtr(freedom, statistic)), float(chdtrc(freedom, statistic)))
    return LineTest(name="sums", p_value=min(1.0, p), ratio=math.sqrt(statistic / freedom))


def _squares_test(law: Continuous, side: Side) -> LineTest:
    """The lines' mean squares q: Σ(qʰ - mean)² over the variance of qʰ is nearly chi-squared.

    The scale of the law does not enter, so the answer is kept for all laws of one shape.

    Source:
        Jensen and Solomon, A Gaussian approximation to the distribution of a definite quadratic
        form, JASA 67 (1972), with h = 1 - κ₃/(3κ₂²); for a normal law h = 1/3, as Wilson and
        Hilferty have it. The variance is h²κ₂/n·(1 + c/n), by Taylor's series to n⁻².
    """
    second, third = _cumulants(law)
    if (second, third) not in side.known:
        side.known[second, third] = _homogeneity(side, second, third)
    p, ratio = side.known[second, third]
    return LineTest(name="squares", p_value=p, ratio=ratio)


def _homogeneity(side: Side, second: float, third: float) -> tuple[float, float]:
    h, n, freedom = 1 - third / (3 * second**2), side.length, side.lines - 1
    c = ((h - 1) * third + second**2 * (h - 1) * ((h - 1) / 2 + h - 2)) / second
    variance = h * h * second / n * (1 + c / n)
    u = side.squares**h
    statistic = float(np.var(u)) * side.lines / variance
    slack = 1 + SLACK / n**2 + 1 / (n * side.lines)  # the second: q is taken over a measured mean
    low, high = chdtr(freedom, statistic * slack), chdtrc(freedom, statistic / slack)
    return min(1.0, 2 * min(float(low), float(high))), math.sqrt(statistic / freedom)


def _cumulants(law: Continuous) -> tuple[float, float]:
    """Second and third cumulant of X²/E X²."""
    if isinstance(law, Normal):
        return 2.0, 8.0
    sixth = 27 / 7 if isinstance(law, Flat) else _truncated_sixth(law)
    return law.kurtosis - 1, sixth - 3 * law.kurtosis + 2


def _truncated_sixth(law: TruncatedNormal) -> float:
    """E X⁶/(E X²)³, by parts: E Zᵏ = (k-1)·E Zᵏ⁻² - 2cᵏ⁻¹φ(c)/(2Φ(c)-1)."""
    c, second = law.cut, (law.std / law.parent) ** 2
    edge = (1 - second) / c  # 2φ(c)/(2Φ(c)-1)
    return (5 * law.kurtosis * second**2 - c**5 * edge) / second**3


def explained(law: Continuous, lines: Lines, test: str, p_value: float) -> str:
    """The sentence behind a rejection by rows or columns, with measured value and limit."""
    side = lines.rows if test == "rows" else lines.columns
    if side is None:
        return f"the {test} differ ({probability(p_value)})"
    worst = min(_tests(law, side), key=lambda found: found.p_value)
    what = "sums" if worst.name == "sums" else "mean squares"
    return (
        f"the {what} of the {count(side.lines)} {test} vary {factor(worst.ratio)} as much as "
        f"those of independent draws, ×1 ± {number(_usual(side))} ({probability(p_value)})"
    )


def _usual(side: Side) -> float:
    """One standard error of the ratio of a fresh draw."""
    return 1 / math.sqrt(2 * (side.lines - 1))
