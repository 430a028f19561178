"""The phase view from its numbers: page, figures, table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from markupsafe import Markup

from app.charts.names import shortened, visible
from app.charts.phase import (
    MapPlot,
    PlanePlot,
    correlation_plot,
    length_plot,
    plane_plot,
)
from app.charts.phase_figures import map_figure, plane_figure
from app.charts.phase_svg import map_svg, plane_svg
from app.charts.style import VARIABLES
from app.core.meanfield.placement import Placed
from app.web import filters
from app.web.contexts import FindingLine, LegendEntry, Verdict
from app.web.phase_choices import ACTIVATIONS, LARGEST, OWN
from app.web.phase_contexts import PhasePage, PlaceRow
from app.web.phase_subjects import PhaseSubject
from app.web.phase_words import (
    drawn_by,
    facts,
    headline,
    layers_sentence,
    layers_text,
    likeness,
    notes,
)
from app.web.picture import script_json
from app.web.propagation_contexts import ChartView, Option, Select
from app.web.propagation_controls import OFFERED
from app.web.wording import verdict

MOST_ROWS = 60
LONGEST = 120
MAP_CAPTIONS = {
    "length": "Solid: what a layer makes of q, the mean square before the activation. Steps: layer "
    "after layer from q = 1. Ring: where it settles.",
    "correlation": "Solid: what a layer makes of the correlation of two inputs once q has settled. "
    "Steps: from unrelated inputs. Ring: where they come to.",
}


@dataclass(frozen=True)
class Figures:
    """The three figures of a subject, made when asked for."""

    subject: PhaseSubject

    @cached_property
    def plane(self) -> PlanePlot:
        """The phase plane."""
        subject = self.subject
        return plane_plot(
            subject.activation,
            here=subject.here,
            placed=[_shown(one) for one in subject.placed],
            sentence=f"{headline(subject)[1]} {layers_sentence(subject)}".strip(),
        )

    @cached_property
    def length(self) -> MapPlot:
        """The map of sizes."""
        subject, found = self.subject, self.subject.found
        told = "nowhere" if np.isinf(found.q) else f"at q* = {filters.number(found.q, 3)}"
        return length_plot(
            subject.activation,
            found,
            weight=subject.weight,
            bias=subject.bias,
            sentence=f"From q = 1, layer after layer, the size settles {told}.",
        )

    @cached_property
    def correlation(self) -> MapPlot:
        """The map of correlations."""
        subject, found = self.subject, self.subject.found
        return correlation_plot(
            subject.activation,
            found,
            bias=subject.bias,
            sentence=likeness(subject),
        )

    @property
    def maps(self) -> tuple[MapPlot, MapPlot]:
        """Both maps."""
        return self.length, self.correlation


def _shown(one: Placed) -> Placed:
    return Placed(name=shortened(one.name, LONGEST), weight=one.weight, bias=one.bias)


def phase_page(subject: PhaseSubject, address: str) -> PhasePage:
    """The context of phase.html."""
    network, drawn = subject.network, Figures(subject)
    query = subject.choices.query()
    places = _places(subject.placed)
    return PhasePage(
        title=f"Phase · {visible(network.name) if network else subject.name}",
        json_url=f"{address}.json{query}",
        id=network.id if network else "",
        file=visible(network.name) if network else "",
        current="phase",
        analysed=network is not None and network.analysed,
        own=address,
        question="Order or chaos: what becomes of two inputs?",
        intro=_intro(subject),
        selects=_selects(subject),
        sigma_w=f"{subject.here[0]:g}",
        sigma_b=f"{subject.here[1]:g}",
        largest=f"{LARGEST:g}",
        verdict=_verdict(subject),
        plane=_plane_view(drawn.plane, address, query),
        maps=tuple(_map_view(plot, address, query) for plot in drawn.maps),
        rows=_rows(subject, places[:MOST_ROWS]),
        further=max(0, len(places) - MOST_ROWS),
        notes=notes(subject, beyond=drawn.plane.beyond),
        csv_url=f"{address}.csv{query}",
    )


def _intro(subject: PhaseSubject) -> str:
    told = (
        f"A deep network of {subject.name} layers, each with weights of variance σ_w²/fan_in and "
        "biases of variance σ_b², wide enough for its mean to tell. "
    )
    network = subject.network
    if network is None or not network.placed:
        return told
    how = "with" if network.scheme == OWN else "drawn by"
    return f"{told}Dots: the layers of this network, {how} {drawn_by(network.scheme)}."


def _verdict(subject: PhaseSubject) -> Verdict:
    sign, sentence = headline(subject)
    here = f"At σ_w = {subject.here[0]:g}, σ_b = {subject.here[1]:g}: {sentence}"
    layers = layers_sentence(subject)
    lines = (FindingLine(level="info", link=None, label="", message=here),) if layers else ()
    if subject.interrupted and sign == "problem":
        sign = "no_match"
    box = verdict(sign, layers or sentence, lines=lines, facts=facts(subject))
    return replace(box, icon="→", word="phase") if sign == "no_match" else box


def _selects(subject: PhaseSubject) -> tuple[Select, ...]:
    names = dict.fromkeys((*ACTIVATIONS, subject.name))
    found = [
        Select(
            name="act",
            label="Activation",
            options=tuple(Option(value=n, label=n, chosen=n == subject.name) for n in names),
        )
    ]
    network = subject.network
    if network is not None and network.drawable:
        own = (OWN,) if network.valued else ()
        schemes = dict.fromkeys((*own, *OFFERED, network.scheme))
        found.append(
            Select(
                name="scheme",
                label="Layers as drawn by",
                options=tuple(
                    Option(value=one, label=drawn_by(one), chosen=one == network.scheme)
                    for one in schemes
                ),
            )
        )
    return tuple(found)


def _plane_view(plot: PlanePlot, address: str, query: str) -> ChartView:
    legend = [
        LegendEntry(style="ring", family="ink", label="the chosen layer"),
        LegendEntry(style="dotted", family="ink", label="depth scale of 3, 10, 30 layers"),
    ]
    if plot.diagram.edge:
        legend.insert(1, LegendEntry(style="thick", family="ink", label="edge of chaos"))
    if plot.diagram.border:
        legend.append(LegendEntry(style="dash", family="problem", label="beyond it q explodes"))
    if plot.dots:
        legend.insert(1, LegendEntry(style="dot", family="kaiming", label="layers of the network"))
    return ChartView(
        key="plane",
        title=plot.title,
        note="",
        svg=Markup(plane_svg(plot, VARIABLES)),  # noqa: S704 - svg.py escapes
        data=script_json(plane_figure(plot)),
        caption="Depth scale: the layers in which what tells two inputs apart falls by e; next to "
        "the edge it grows without end.",
        svg_url=f"{address}/plane.svg{query}",
        csv_url=f"{address}/plane.csv{query}",
        legend=tuple(legend),
    )


def _map_view(plot: MapPlot, address: str, query: str) -> ChartView:
    return ChartView(
        key=plot.key,
        title=plot.title,
        note="",
        svg=Markup(map_svg(plot, VARIABLES)),  # noqa: S704 - svg.py escapes
        data=script_json(map_figure(plot)),
        caption=f"{plot.sentence} {MAP_CAPTIONS[plot.key]}",
        svg_url=f"{address}/{plot.key}.svg{query}",
        csv_url=f"{address}/{plot.key}.csv{query}",
    )


def _places(placed: Sequence[Placed]) -> list[list[int]]:
    """Indices of the layers that share a place, the most shared first."""
    shared: dict[tuple[str, str], list[int]] = {}
    for at, one in enumerate(placed):
        shared.setdefault((f"{one.weight:.4g}", f"{one.bias:.4g}"), []).append(at)
    return sorted(shared.values(), key=lambda each: -len(each))


def _rows(subject: PhaseSubject, places: Sequence[Sequence[int]]) -> tuple[PlaceRow, ...]:
    if not places:
        return ()
    settled, placed = subject.settled, subject.placed
    return tuple(
        PlaceRow(
            count=filters.integer(len(each)),
            names=_named([placed[at].name for at in each]),
            sigma_w=filters.number(float(np.sqrt(placed[each[0]].weight)), 4),
            sigma_b=filters.number(float(np.sqrt(placed[each[0]].bias)), 3),
            phase=phase_of(subject, each[0]),
            chi=filters.number(float(settled.chi[each[0]]), 3),
            depth=layers_text(float(settled.correlation_depth[each[0]])),
        )
        for each in places
    )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(shortened(name, LONGEST // 2) for name in names[:3])
    return f"{shown} and {len(names) - 3:,} more" if len(names) > 3 else shown


def phase_of(subject: PhaseSubject, at: int) -> str:
    """The phase of one layer, in a word."""
    settled = subject.settled
    if np.isinf(settled.q[at]):
        return "explodes"
    if settled.q[at] == 0 and settled.ordered[at]:
        return "fades"
    if settled.ordered[at]:
        return "ordered"
    return "chaotic" if settled.chaotic[at] else "critical"
