"""The lines of the comparison's table, ready to print."""

from __future__ import annotations

import math
from typing import Final

from app.charts.drift import DriftPlot
from app.charts.names import parted, shortened, visible
from app.core.movements import Moved, Movement
from app.core.report import Sign
from app.web import filters
from app.web.drift_contexts import DriftRow
from app.web.drift_subjects import DriftSubject, Half
from app.web.wording import exact, tensor_url

LONGEST_NAME: Final = 140
SIGNS: Final[dict[Movement, tuple[Sign, str, str]]] = {
    "moved": ("as_expected", "→", "moved"),
    "barely": ("not_judged", "·", "hardly moved"),
    "unmoved": ("differs", "=", "never moved"),
    "redrawn": ("problem", "↻", "drawn anew"),
    "not_compared": ("not_judged", "–", "not compared"),
}


def drift_row(subject: DriftSubject, one: Moved, plot: DriftPlot | None) -> DriftRow:
    """One tensor as the table prints it; its bar stands on the picture's axis."""
    prefix, leaf = parted(shortened(one.pair.name, LONGEST_NAME))
    sign, icon, word = SIGNS[one.movement]
    found = one.pair.drift
    known = found is not None and found.count > 0
    return DriftRow(
        place=one.pair.before,
        movement=one.movement,
        sign=sign,
        icon=icon,
        word=word,
        before_href=_tensor(subject.before, one.pair.before),
        after_href=_tensor(subject.after, one.pair.after),
        prefix=prefix,
        leaf=leaf or "(no name)",
        shape=filters.shape(one.pair.shape),
        relative=_relative(one) if known else "",
        bar=_bar(one, plot),
        cosine=_cosine(found.cosine) if found and known else "",
        unchanged=filters.percent(found.unchanged / found.count) if found and known else "",
        largest=exact(found.max_change) if found and known else "",
        mean=_arrow(exact(found.mean_before), exact(found.mean_after)) if found and known else "",
        std=_arrow(exact(found.std_before), exact(found.std_after)) if found and known else "",
        law=_law(one),
        left=bool(one.left_law),
        note=visible(one.pair.note) or ("empty" if not known else ""),
    )


def _tensor(half: Half, index: int) -> str:
    """The address of a tensor's page, "" where its file has no report."""
    return tensor_url(half.id, index) if half.reported else ""


def _relative(one: Moved) -> str:
    found = one.pair.drift
    if found is None:
        return filters.NONE
    if found.relative is None:
        return "from 0" if found.std_before == 0 and found.mean_before == 0 else filters.NONE
    return filters.number(found.relative, 3)


def _cosine(value: float | None) -> str:
    """A cosine; what is not all never reads as 1."""
    if value is None:
        return filters.NONE
    text = f"{value:.4f}".replace("-", filters.MINUS)
    return "> 0.9999" if text == "1.0000" and value < 1 - 1e-12 else text


def _bar(one: Moved, plot: DriftPlot | None) -> float | None:
    found = one.pair.drift
    if plot is None or found is None or not found.relative or found.still:
        return None
    span = math.log10(plot.high / plot.low)
    share = math.log10(max(found.relative, plot.low) / plot.low) / span
    return round(100 * min(max(share, 0.01), 1.0), 1)


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _law(one: Moved) -> str:
    before, after = (visible(name or "") for name in (one.law_before, one.law_after))
    if not before and not after:
        return ""
    return _arrow(before or "not known", after or "not known")
