"""The context of the propagation page: exactly what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.charts.style import Family
from app.core.report import Level, Sign
from app.web.contexts import Fact, LegendEntry, Shell, Verdict
from app.web.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One entry of a list or one box of several."""

    value: str
    label: str
    chosen: bool
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """One list of the form."""

    name: str
    label: str
    options: tuple[Option, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The form: its lists, its boxes, and what it carries along."""

    selects: tuple[Select, ...]
    schemes: tuple[Option, ...]
    chosen: int  # schemes
    own: Option | None  # the box of the file's own weights, where it has any
    hidden: tuple[Fact, ...]
    measured: bool  # exactly these choices have a report
    query: str  # of the address that holds them


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A measurement on its way."""

    line: str
    percent: float | None
    notice: str  # why nothing moves, "" while something does
    status_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One series: sentence and three numbers."""

    name: str
    label: str  # as at the end of its line
    family: Family
    mark: Markup  # its marker
    sign: Sign
    icon: str
    word: str
    message: str
    line: str  # what else the verdict says first
    notes: tuple[str, ...]  # the rest of it, and how the series was drawn
    facts: tuple[Fact, ...]
    theory: tuple[str, ...] = ()  # where it departs from what theory expects


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """One chart over depth: by the server first, by Plotly once a person points at it."""

    key: str
    title: str
    note: str
    svg: Markup
    data: Markup  # Plotly's data, layout and config, as JSON; null of very many layers
    caption: str
    svg_url: str
    csv_url: str
    legend: tuple[LegendEntry, ...] = ()  # what lines and areas of every series mean


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatView:
    """One heat map."""

    key: str
    title: str
    name: str  # the whole of it
    family: Family
    svg: Markup
    svg_url: str
    csv_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHead:
    """A group of columns of the table."""

    name: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """One operation: what it is, and three numbers a series."""

    place: int
    layer: str  # its number on the charts' axis, "" without a weight
    name: str
    kind: str
    shape: str
    cells: tuple[tuple[str, str, str], ...]  # size, input share, gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence about the measurement."""

    level: Level
    text: str
    names: tuple[str, ...] = ()  # what it is about, shown when asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRow:
    """One module of a network that cannot run from its source."""

    path: str
    kind: str
    text: str
    parameters: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryView:
    """What can be said of such a network, and how it could run."""

    reason: str
    suggestion: str  # a spec to confirm or edit, "" without
    rows: tuple[InventoryRow, ...]
    lined: bool  # whether rows know their line of a text
    further: int  # rows that are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationPage(Shell):
    """The context of propagation.html."""

    analysed: bool  # whether the file has a layers page
    question: str
    intro: str
    controls: Controls
    going: Going | None
    problem: Problem | None
    inventory: InventoryView | None
    earlier: str  # why what is shown is not what is asked for, "" where it is
    verdict: Verdict | None
    cards: tuple[Card, ...]
    charts: tuple[ChartView, ...]
    heats: tuple[HeatView, ...]
    heads: tuple[SeriesHead, ...]
    rows: tuple[OperationRow, ...]
    total: int  # operations in all
    remarks: tuple[Remark, ...]
    csv_url: str
    phase_url: str  # where the network's layers lie between order and chaos
    delete_url: str
