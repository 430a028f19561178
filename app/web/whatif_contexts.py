"""The context of the What if page: exactly what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.contexts import Fact, Shell, Verdict
from app.web.problems import Problem
from app.web.propagation_contexts import Card, ChartView, Going, InventoryView, Remark, Select


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField:
    """A field for one number; empty is its default."""

    name: str
    label: str  # for those who do not see the column
    value: str
    placeholder: str  # what an empty field means
    least: str  # "" for none


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """What the layers of one kind are to be drawn from."""

    label: str  # "Linear"
    count: str  # "40 weights"
    scheme: Select
    gain: NumberField
    bias: NumberField | None  # None where they have none


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A value that a link sets."""

    label: str
    value: str  # of its field
    href: str
    current: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchField:
    """The factor of the last weight of each residual branch."""

    count: str  # "24 residual branches"
    field: NumberField
    presets: tuple[Preset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm:
    """The form: a row a kind of layer, then what changes in all of them."""

    kinds: tuple[KindRow, ...]
    selects: tuple[Select, ...]  # base, activation, normalisation
    branch: BranchField | None  # None of a network without residual branches
    around: tuple[Select, ...]  # what it is laid over, and the inputs
    hidden: tuple[Fact, ...]
    reset: str  # address without a plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of what changes: layers that are alike, before and after."""

    name: str  # "Linear 512 → 512"
    count: str  # "×40", "" of one
    part: str  # "weight", "bias"
    before: str
    after: str
    factor: str  # of the std, "" where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One line of what comes of it."""

    name: str
    before: str
    after: str
    measured_before: str  # "" where it is not measured
    measured_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionLink:
    """A change that is worth a try, and what it does."""

    title: str
    sentence: str  # why, and what theory says of it
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """The context of _suggestions.html."""

    none: str  # what is said where there are none
    links: tuple[SuggestionLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The context of _whatif.html: what theory and measurement say of a plan."""

    query: str  # of the address that holds the state
    said: str  # one sentence for those who do not see the charts
    verdict: Verdict
    cards: tuple[Card, ...]
    charts: tuple[ChartView, ...]
    changes: tuple[Change, ...]
    further: int  # changes that are not shown
    same: str  # what of the parameters stays as it is, "" for nothing
    outcomes: tuple[Outcome, ...]
    measured: bool  # whether a column of measured numbers is shown
    suggestions: Suggestions | None  # None until somebody asks for them
    suggestions_url: str  # of the part that holds them; "" where there are none
    suggesting_url: str  # of the page with them
    remarks: tuple[Remark, ...]
    going: Going | None
    problem: Problem | None
    measure_url: str
    measure_label: str  # "Measure it"; "" while that is on its way
    base_name: str  # what draws all that no choice speaks of
    json_url: str
    csv_url: str
    code_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfPage(Shell):
    """The context of compare.html."""

    analysed: bool  # whether the file has a layers page
    intro: str
    form: PlanForm | None  # None where the network is not known, or cannot run
    shown: Shown | None
    inventory: InventoryView | None
    going: Going | None  # these two where nothing else is shown
    problem: Problem | None
    missing: str  # why there is nothing to show yet, "" where there is
    measure_url: str
