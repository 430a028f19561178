"""The propagation page's figures: in the page, as data, and as their addresses."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from app.charts import propagation_heat, propagation_marks, propagation_svg
from app.charts.propagation import SignalPlot
from app.charts.propagation_figures import figure
from app.charts.propagation_heat import heat_maps
from app.charts.propagation_plots import plots
from app.charts.style import VARIABLES
from app.core.propagation import PropagationReport
from app.web.contexts import LegendEntry
from app.web.picture import script_json
from app.web.propagation_contexts import ChartView, HeatView

MARK_BOX = 18  # px
MOST_LIVE = 1000  # layers of a chart that a person may zoom into; the CSV holds them all


def chart_views(report: PropagationReport, address: str, query: str) -> tuple[ChartView, ...]:
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
            legend=legend_of(plot),
        )
        for plot in plots(report)
    )


def legend_of(plot: SignalPlot) -> tuple[LegendEntry, ...]:
    """What the lines and areas of a chart mean, whatever their series."""
    found = [LegendEntry(style="thick", family="no_match", label="measured, median of the seeds")]
    if any(line.low for line in plot.lines):
        found.append(LegendEntry(style="shade", family="no_match", label="lowest to highest seed"))
    spread = any(line.expected_low for line in plot.lines)
    if any(line.theory for line in plot.lines):
        label = "theory, the median network" if spread else "theory, infinite width"
        found.append(LegendEntry(style="dash", family="no_match", label=label))
    if spread:
        label = "95 % of networks of this width, by theory"
        found.append(LegendEntry(style="expected", family="no_match", label=label))
    return tuple(found) if len(found) > 1 else ()


def heat_views(report: PropagationReport, address: str, query: str) -> tuple[HeatView, ...]:
    """The heat maps as the page holds them."""
    found = []
    for place, drawn in enumerate(heat_maps(report)):
        text = propagation_heat.as_svg(drawn, VARIABLES, place=place)
        where = f"{address}/heat/{quote(drawn.scheme, safe='')}"
        found.append(
            HeatView(
                key=f"heat-{place}",
                title=drawn.label,
                name=drawn.name,
                family=drawn.family,
                svg=Markup(text),  # noqa: S704 - svg.py escapes every name
                svg_url=f"{where}.svg{query}",
                csv_url=f"{where}.csv{query}",
            )
        )
    return tuple(found)


def mark_views(report: PropagationReport) -> tuple[Markup, ...]:
    """The marker of each series, as it stands along its line."""
    middle = MARK_BOX / 2
    return tuple(
        Markup(  # noqa: S704 - numbers and colours alone
            f'<svg viewBox="0 0 {MARK_BOX} {MARK_BOX}" class="mark" aria-hidden="true">'
            f"{propagation_marks.drawn(mark, [(middle, middle)], VARIABLES)}</svg>"
        )
        for mark in propagation_marks.marks(report.series)
    )
