"""The context of the phase view: exactly what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.contexts import Shell, Verdict
from app.web.propagation_contexts import ChartView, Select


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """Layers that share a place of the plane."""

    count: str
    names: str
    sigma_w: str
    sigma_b: str
    phase: str
    chi: str
    depth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePage(Shell):
    """The context of phase.html; `id` is "" without a file."""

    analysed: bool  # whether the file has a layers page
    own: str  # the page's path
    question: str
    intro: str
    selects: tuple[Select, ...]
    sigma_w: str
    sigma_b: str
    largest: str
    verdict: Verdict
    plane: ChartView
    maps: tuple[ChartView, ...]
    rows: tuple[PlaceRow, ...]
    further: int  # places that are not in the table
    notes: tuple[str, ...]
    csv_url: str
