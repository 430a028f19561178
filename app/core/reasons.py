"""Why a candidate is excluded: the measured number, the limit, and how improbable that is."""

from __future__ import annotations

from app.core import lines
from app.core.distributions import Continuous, Flat
from app.core.goodness import Sample, Verdict, usual_extreme
from app.core.statistics import Sketch
from app.core.wording import count, counted, factor, number, probability

TEST_NAMES = {"gap": "shape", "normality": "shape"}  # tests of one thing under one name


def explained(verdict: Verdict, drawn: Continuous, sample: Sample) -> str:
    """The sentence behind the test that excluded a law."""
    statistic, p = verdict.statistic, probability(verdict.p_value)
    match verdict.test:
        case "scale":
            return _scale(verdict, drawn, sample)
        case "mean":
            errors = f"{abs(statistic):.1f} standard errors"
            middle = number(drawn.mean) if isinstance(drawn, Flat) else "0"
            return f"the mean {number(sample.mean)} is {errors} off {middle} ({p})"
        case "extreme" if not isinstance(drawn, Flat):
            usual = f"{count(sample.n)} draws reach about {usual_extreme(drawn, sample.n):.2f} σ"
            return f"the largest |x| is {statistic:.2f} σ, where {usual} ({p})"
        case "zeros":
            zeros = counted(sample.zeros, "exact zero")
            return f"{zeros}, where a draw has about {number(statistic)} ({p})"
        case "rows" | "columns" if sample.lines is not None:
            return lines.explained(drawn, sample.lines, verdict.test, verdict.p_value)
        case _:
            return _shape(verdict.test, statistic, p)


def _shape(test: str, statistic: float, p: str) -> str:
    told = {
        "spectrum": f"the largest singular value is {factor(statistic)} the edge of independent "
        f"draws ({p})",
        "gap": f"the distribution differs by {100 * statistic:.2g} % at its widest ({p})",
        "normality": f"the shape is no normal's at any spread: A² = {number(statistic)} ({p})",
    }
    return told.get(test, f"the shape differs: A² = {number(statistic)} ({p})")


def _scale(verdict: Verdict, drawn: Continuous, sample: Sample) -> str:
    p = probability(verdict.p_value)
    if isinstance(drawn, Flat):
        largest, bound = number(sample.largest), number(drawn.bound)
        return f"the largest |x|, {largest}, stays short of the bound {bound} ({p})"
    return f"the spread is {factor(verdict.statistic)} that of the scheme ({p})"


def outside(sketch: Sketch, sample: Sample, bound: float, limit: float) -> str:
    """The sentence on values beyond a law's bound, with their number where it was counted."""
    exact = sketch.limit is not None and sketch.limit == limit
    beyond = counted(sketch.below + sketch.above, "value lies", "values lie")
    many = f"{beyond} outside; " if exact else ""
    return f"{many}the largest |x| is {number(sample.largest)}, the bound {number(bound)}"
