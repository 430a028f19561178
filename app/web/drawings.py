"""The tensor page's three figures, all against one picked law: in the page, as files, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from app.charts import bands, figures, histogram
from app.charts.bands import BandPlot
from app.charts.style import VARIABLES
from app.charts.tensors import TensorFigure, figure, pick
from app.charts.units import unit_spread
from app.charts.worm import worm
from app.core.report import Candidate, DefaultLaw, PartReport, TensorReport
from app.core.statistics import Sketch
from app.web import filters
from app.web.contexts import BandView, Choice, FigureView, LegendEntry
from app.web.look import Look
from app.web.parts import of_part, part_of
from app.web.picture import script_json

TITLES = {"qq": "Difference from the fit", "units": "Spread of each output unit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawings:
    """The figures of one tensor against the law that is picked."""

    picked: Candidate | None
    histogram: TensorFigure | None
    bands: tuple[BandPlot, ...]

    def band(self, key: str) -> BandPlot | None:
        """The band plot of this key, "qq" or "units"."""
        return next((plot for plot in self.bands if plot.key == key), None)


def drawings(report: TensorReport, packed: bytes | None, look: Look) -> Drawings:
    """Everything drawn on a tensor's page, or on that of one of its parts.

    Args:
        report: The tensor.
        packed: Its Sketch as the store keeps it, None where its values were not measured.
        look: What the address asks for.
    """
    part = part_of(report, look)
    shown = of_part(report, part)
    picked = pick(shown, look.scheme)
    plots = []
    if picked is not None:
        plots = [_worm(None if part else packed, picked), _spread(report, picked, part)]
    return Drawings(
        picked=picked,
        histogram=figure(shown, scheme=look.scheme),
        bands=tuple(plot for plot in plots if plot is not None),
    )


def _worm(packed: bytes | None, picked: Candidate) -> BandPlot | None:
    return None if packed is None else worm(Sketch.from_bytes(packed), picked)


def _spread(report: TensorReport, picked: Candidate, part: PartReport | None) -> BandPlot | None:
    if report.units is None:
        return None
    rows = (part.start, part.stop) if part is not None and part.axis == 0 else None
    return unit_spread(report.units, item=picked, rows=rows)


def histogram_view(
    address: str, drawn: TensorFigure, report: TensorReport, look: Look
) -> FigureView:
    """The histogram as the page holds it."""
    svg = histogram.as_svg(drawn, VARIABLES, log=look.log)
    return FigureView(
        svg=Markup(svg),  # noqa: S704 - svg.py escapes every name
        data=script_json(figures.plotly(drawn, log=look.log)),
        legend=_legend(drawn, report.default),
        log_y=Choice(
            label="log y",
            href=look.query(logy="" if look.log else "1") or "?",
            current=look.log,
            value="1",
        ),
        svg_url=f"{address}/hist.svg{look.query()}",
        csv_url=f"{address}.csv",
        caption=_caption(drawn, report),
        bins=tuple(
            (filters.number(left, 5), filters.number(right, 5), f"{count:,.0f}")
            for left, right, count in zip(drawn.edges, drawn.edges[1:], drawn.counts, strict=False)
        ),
    )


def _legend(drawn: TensorFigure, default: DefaultLaw | None) -> tuple[LegendEntry, ...]:
    entries = [LegendEntry(style="block", family="measured", label="measured")]
    if drawn.chosen:
        entries.append(
            LegendEntry(style="thick", family=drawn.chosen.family, label=drawn.chosen.name)
        )
    entries += [
        LegendEntry(style="dotted", family=curve.family, label=curve.name) for curve in drawn.dotted
    ]
    if drawn.marks and default is not None:
        bound = default.bound if default.value is None else None
        label = f"default bound ±{filters.number(bound)}" if bound else drawn.marks[0].label
        entries.append(LegendEntry(style="dashed", family="ink", label=label))
    return tuple(entries)


def _caption(drawn: TensorFigure, report: TensorReport) -> str:
    text = f"{len(drawn.density)} bins over all {report.count - report.nonfinite:,} finite values."
    if report.default is not None and report.default.bound and not drawn.marks:
        bound = filters.number(report.default.bound)
        text += f" The default bound, ±{bound}, lies far outside this picture."
    if report.nonfinite:
        text += f" {filters.plural(report.nonfinite, 'value')} not finite, left out."
    return text


def band_views(address: str, drawn: Drawings, look: Look) -> tuple[BandView, ...]:
    """The plots below the histogram as the page holds them."""
    return tuple(
        BandView(
            key=plot.key,
            title=TITLES[plot.key],
            svg=Markup(bands.as_svg(plot, VARIABLES)),  # noqa: S704 - svg.py escapes every name
            data=script_json(figures.banded(plot)),
            caption=plot.caption,
            family=plot.family,
            law=plot.name,
            svg_url=f"{address}/{plot.key}.svg{look.query(logy='')}",
            csv_url=f"{address}/{plot.key}.csv{look.query(logy='')}",
        )
        for plot in drawn.bands
    )


def as_data(drawn: Drawings, look: Look) -> dict[str, Any]:
    """What the page's script needs to show another law: drawings, Plotly data and captions."""
    found: dict[str, Any] = {}
    if drawn.histogram is not None:
        found["hist"] = {"svg": histogram.as_svg(drawn.histogram, VARIABLES, log=look.log)}
    for plot in drawn.bands:
        found[plot.key] = {
            "svg": bands.as_svg(plot, VARIABLES),
            "plotly": figures.banded(plot),
            "caption": plot.caption,
            "law": plot.name,
            "family": plot.family,
        }
    picked = drawn.picked
    return {"scheme": picked.ids[0] if picked else None, "figures": found}
