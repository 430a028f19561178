"""The charts over depth of two series that are laid over each other: before, and after."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from app.charts.propagation import Key, SignalLine, SignalPlot
from app.charts.propagation_marks import OWN, SHAPES, WIDTH, Mark
from app.charts.propagation_plots import plots
from app.charts.style import Family, family
from app.core.plans import PLAN
from app.core.propagation import CHECKPOINT, PropagationReport, Series

THEORY_DASH: Final = "6 4"  # of a line that nothing measured
SPARE: Final[tuple[Family, ...]] = ("kaiming", "xavier")  # hues of a plan, should its own be taken

CAPTIONS: Final[dict[Key, str]] = {
    "forward": "Outputs of the operations with a weight, before what follows them. Shaded zone: "
    "0.5 to 2.",
    "backward": "Read it from right to left: an N(0, 1) gradient enters at the network's output. "
    "Below the dotted line float16 loses digits, then everything.",
    "share": "Spread across different inputs ÷ total size. Near 0, every input gives the same "
    "output.",
}


def plan_family(before: str, scheme: str) -> Family:
    """The hue of a plan: its main scheme's, unless that is what it is laid over.

    Args:
        before: Scheme of the other series, or "checkpoint".
        scheme: That the plan draws most weights from, or "checkpoint".
    """
    taken = None if before == CHECKPOINT else family(before)
    own = None if scheme == CHECKPOINT else family(scheme)
    return next(hue for hue in (own, *SPARE) if hue is not None and hue != taken)


def looks(series: tuple[Series, ...], plan: Family) -> tuple[Mark, ...]:
    """The look of each series: the person's own weights in ink, the plan in its hue."""
    return tuple(
        OWN if one.scheme == CHECKPOINT else _mark(plan if one.scheme == PLAN else None, one)
        for one in series
    )


def _mark(plan: Family | None, one: Series) -> Mark:
    hue = plan or family(one.scheme)
    return Mark(family=hue, shape=SHAPES[hue], hollow=False, dash="", width=WIDTH)


def comparison_plots(
    report: PropagationReport, *, marks: tuple[Mark, ...], predicted: Collection[int]
) -> tuple[SignalPlot, ...]:
    """The charts of the report.

    Args:
        report: With what was measured, or where nothing was, theory's numbers in its place.
        marks: The look of each series.
        predicted: Places of the series that nothing measured.
    """
    return tuple(_chart(plot, marks, predicted) for plot in plots(report))


def _chart(plot: SignalPlot, marks: tuple[Mark, ...], predicted: Collection[int]) -> SignalPlot:
    lines = tuple(
        _expected(line, mark) if place in predicted else replace(line, mark=mark)
        for place, (line, mark) in enumerate(zip(plot.lines, marks, strict=True))
    )
    return replace(plot, lines=lines, caption=CAPTIONS.get(plot.key, plot.caption))


def _expected(line: SignalLine, mark: Mark) -> SignalLine:
    """A line of theory's own: dashed, its band that of single networks."""
    none = (None,) * len(line.y)
    banded = any(value is not None for value in line.low)
    return replace(
        line,
        mark=replace(mark, dash=THEORY_DASH),
        low=none,
        high=none,
        expected_low=line.low if banded else (),
        expected_high=line.high if banded else (),
    )
