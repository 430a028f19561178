"""The What if page's figures: in the page, as data, and as their addresses."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.charts import propagation_marks, propagation_svg
from app.charts.propagation import SignalPlot
from app.charts.propagation_figures import figure
from app.charts.propagation_marks import Mark
from app.charts.style import VARIABLES
from app.charts.whatif import THEORY_DASH
from app.web.contexts import LegendEntry
from app.web.picture import script_json
from app.web.propagation_contexts import ChartView
from app.web.propagation_drawings import MARK_BOX, MOST_LIVE


def chart_views(plots: Sequence[SignalPlot], address: str, query: str) -> tuple[ChartView, ...]:
    """The charts over depth as the page holds them."""
    return tuple(
        ChartView(
            key=plot.key,
            title=plot.title,
            note=plot.note,
            svg=Markup(propagation_svg.as_svg(plot, VARIABLES)),  # noqa: S704 - svg.py escapes
            data=script_json(figure(plot) if plot.frame.depth <= MOST_LIVE else None),
            caption=plot.caption,
            svg_url=f"{address}/{plot.key}.svg{query}",
            csv_url=f"{address}/{plot.key}.csv{query}",
            legend=_legend(plot),
        )
        for plot in plots
    )


def _legend(plot: SignalPlot) -> tuple[LegendEntry, ...]:
    """What the lines and areas mean, whichever of the two they are of."""
    found = []
    lines = [line for line in plot.lines if any(value is not None for value in line.y)]
    if any(line.mark.dash != THEORY_DASH for line in lines):
        found.append(("thick", "measured, median of the seeds"))
    if any(value is not None for line in lines for value in line.low):
        found.append(("shade", "lowest to highest seed"))
    spread = any(line.expected_low for line in plot.lines)
    if any(line.mark.dash == THEORY_DASH or line.theory for line in lines):
        found.append(("dash", f"theory, {'the median network' if spread else 'infinite width'}"))
    if spread:
        found.append(("expected", "95 % of networks of this width, by theory"))
    return tuple(LegendEntry(style=style, family="no_match", label=label) for style, label in found)


def mark_views(marks: Sequence[Mark]) -> tuple[Markup, ...]:
    """The marker of each series, as it stands along its line."""
    middle = MARK_BOX / 2
    return tuple(
        Markup(  # noqa: S704 - numbers and colours alone
            f'<svg viewBox="0 0 {MARK_BOX} {MARK_BOX}" class="mark" aria-hidden="true">'
            f"{propagation_marks.drawn(mark, [(middle, middle)], VARIABLES)}</svg>"
        )
        for mark in marks
    )
