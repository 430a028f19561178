"""What a measured series means: how signal, input and gradient come through the depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.core.expectations import departure, misleading_mean
from app.core.propagation import Series, Verdict
from app.core.report import Level
from app.core.trends import factor_per_layer
from app.core.troubles import CHECKS, LOST, STEADY, Passage, Remark, overflow
from app.core.wording import factor, number, share

__all__ = ["LOST", "comparison", "verdict_of"]

_RANK: Final[dict[Level, int]] = {"problem": 0, "warning": 1, "info": 2}


def verdict_of(series: Series, *, seeds: int = 1) -> Verdict | None:
    """What a series means, in one sentence, with what else it shows below.

    Args:
        series: With its layers in order; its own verdict is not looked at.
        seeds: Networks behind its medians, for what theory expects of them.

    Returns:
        None of a series without layers.
    """
    if not series.layers:
        return None
    passage = Passage(series)
    broken = overflow(passage)
    checks = () if broken else CHECKS  # nothing else can be said where values are missing
    found = [broken] if broken else []
    found += [remark for check in checks if (remark := check(passage)) is not None]
    found = sorted(found, key=lambda remark: _RANK[remark.level]) or [_steady(passage)]
    expected = () if broken else (departure(passage, seeds=seeds), misleading_mean(passage))
    beside = [remark for remark in expected if remark is not None]
    found += beside
    first, others = found[0], found[1:]
    lines = ([first.below] if first.below else []) + [_line(other) for other in others]
    return Verdict(
        level=first.level,
        code=first.code,
        message=first.message,
        measured=first.measured,
        limit=first.limit,
        source=first.source,
        lines=tuple(lines),
        theory=tuple(_line(remark) for remark in beside),
    )


def comparison(series: Sequence[Series]) -> str:
    """Which of several series keep signal, input and gradient, in one sentence."""
    kept = [s.name for s in series if s.verdict is not None and s.verdict.level == "info"]
    if len(series) == 1:
        return series[0].verdict.message if series[0].verdict is not None else ""
    if not kept:
        return "None of them keeps both the signal and the gradient at this depth."
    if len(kept) == len(series):
        return "All of them keep both the signal and the gradient at this depth."
    if len(kept) == 1:
        return f"Only {kept[0]} keeps both the signal and the gradient at this depth."
    named = f"{', '.join(kept[:-1])} and {kept[-1]}"
    return f"{named} keep both the signal and the gradient at this depth."


def _share(part: float) -> str:
    """A share as a percentage that is never rounded up to all of it."""
    return share(part) if part > 0.5 else f"{100 * part:.3g} %"


def _line(remark: Remark) -> str:
    return f"{remark.message} {remark.below}".strip()


def _steady(passage: Passage) -> Remark:
    sizes = [rms for rms in passage.rms if rms]
    low, high = (min(sizes), max(sizes)) if sizes else (0.0, 0.0)
    kept = STEADY[0] <= low and high <= STEADY[1]
    step = factor_per_layer(passage.gradients)
    back = "" if step is None else f"; the gradient changes by {factor(1 / step)} a layer"
    where = f"{'stays' if kept else 'moves'} between {number(low)} and {number(high)}"
    if len(sizes) == 1:
        where = f"is {number(low)} after its only layer"
    left = passage.input_share
    return Remark(
        level="info",
        code="steady" if kept else "moderate",
        message=f"The signal {where}{back}.",
        below=""
        if left is None
        else f"{_share(left)} of the size depends on the input at the last layer.",
        measured=high if high > STEADY[1] else low,
        limit=STEADY[1] if high > STEADY[1] else STEADY[0],
        source="rms within 0.5 and 2 over the depth",
    )
