"""A plan, and what theory says of it, in words."""

from __future__ import annotations

from typing import Final

from app.charts.names import visible
from app.core.expectations import misleading_mean
from app.core.meanfield.predict import Stop
from app.core.plans import Plan
from app.core.propagation import CHECKPOINT, Series
from app.core.report import Level, Sign
from app.core.troubles import Passage
from app.web import filters
from app.web.contexts import FindingLine
from app.web.propagation_words import SIGNS
from app.web.whatif_controls import LABELS, OWN_NAME, base_name
from app.web.whatif_series import Side
from app.web.wording import scheme_name

NOTHING: Final = "The plan changes nothing yet."


def plain(value: float) -> str:
    """A number in at most four digits, without zeros at its end: "0.02", "1.534"."""
    if value and not 1e-4 <= abs(value) < 1e5:
        return filters.number(value, 3)
    return f"{value:.4g}".replace("-", filters.MINUS)


def before_name(before: str) -> str:
    """What the plan is laid over, as a person reads it."""
    return OWN_NAME if before == CHECKPOINT else scheme_name(before)


def plan_words(plan: Plan) -> str:
    """A plan in a line: "Linear from Kaiming normal × 1.2; GELU; branches × 0.25"."""
    told = []
    for kind, choice in plan.choices.items():
        drawn = f"from {scheme_name(choice.scheme)}" if choice.scheme else ""
        gain = f"× {plain(choice.gain)}" if choice.gain != 1.0 else ""
        bias = f"biases {plain(choice.bias)}" if choice.bias is not None else ""
        parts = " ".join(part for part in (drawn, gain) if part)
        told.append(f"{LABELS[kind]} {', '.join(part for part in (parts, bias) if part)}")
    if plan.activation is not None:
        told.append(plan.activation)
    if plan.normalisation is not None:
        none = plan.normalisation == "none"
        told.append("no normalisation" if none else plan.normalisation)
    if plan.branch is not None:
        told.append(f"residual branches × {plain(plan.branch)}")
    rest = base_name(plan)
    return "; ".join([*told, f"all the rest from {rest}" if told else f"all from {rest}"])


def answer(before: Side, after: Side, *, same: bool) -> tuple[Sign, str, list[FindingLine]]:
    """Sign, sentence and lines: the plan first, then what it is laid over.

    Args:
        before: The network as it is.
        after: As the plan has it.
        same: Whether the plan changes nothing.
    """
    told, other = after.told.verdict, before.told.verdict
    if told is None:
        return "not_judged", unreached(after), []
    lines = [_line(told.level, line) for line in told.lines[:2]]
    if same:
        return SIGNS[told.level], f"{NOTHING} {told.message}", lines
    if other is not None:
        lines.append(_line("info", f"{before.predicted.name}: {other.message}"))
    return SIGNS[told.level], f"After: {told.message}", lines


def _line(level: Level, text: str) -> FindingLine:
    return FindingLine(level=level, link=None, label="", message=visible(text))


def unreached(side: Side) -> str:
    """Why theory says nothing of the whole network."""
    told = stop_words(side.stops)
    return f"{told} A measurement goes on." if told else "Theory has nothing to say of it yet."


def stop_words(stops: tuple[Stop, ...]) -> str:
    """Where theory ends, in a sentence; "" where it does not."""
    if not stops:
        return ""
    first = stops[0]
    more = len(stops) - 1
    also = f" It stops at {filters.plural(more, 'more operation')} as well." if more else ""
    at = f" at {visible(first.node)}" if first.node else ""
    return f"Theory stops{at}: {visible(first.reason)}.{also}"


def mean_words(which: str, series: Series) -> str:
    """Why the mean over networks is of no use, "" where it is.

    Args:
        which: Of the two.
        series: With theory beside its layers.
    """
    found = misleading_mean(Passage(series))
    return "" if found is None else visible(f"{which}: {found.message} {found.below}")
