"""The contexts of the pages that put two checkpoints beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.core.movements import Movement
from app.core.report import Sign
from app.web.contexts import Choice, Fact, Paging, Shell, Verdict
from app.web.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two files."""

    role: str  # "before" or "after"
    name: str
    sha256: str
    size: str
    href: str  # of its report, or of the page that tells how far that is
    state: str  # "analysed", or why its laws are not known


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One line of the table."""

    place: int
    movement: Movement
    sign: Sign
    icon: str
    word: str
    before_href: str
    after_href: str
    prefix: str
    leaf: str
    shape: str
    relative: str
    bar: float | None  # percent of the axis that its drift reaches
    cosine: str
    unchanged: str
    largest: str
    mean: str  # "0 → 0.01"
    std: str
    law: str  # "PyTorch default → no scheme fits"
    left: bool  # the law
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPage(Shell):
    """The context of drift.html."""

    other: str  # id of the second file
    sides: tuple[Side, Side]
    state: str  # "none" where nobody asked for the comparison
    live: bool
    step: str
    percent: float | None
    status_url: str
    problem: Problem | None
    verdict: Verdict | None
    picture: Markup | None
    caption: str
    svg_url: str
    csv_url: str
    chips: tuple[Choice, ...]
    sorts: tuple[Choice, ...]
    q: str
    hidden_fields: tuple[Fact, ...]
    clear: str
    filtered: bool
    rows: tuple[DriftRow, ...]
    shown: int
    total: int
    paging: Paging | None
    swap: str  # address of the comparison the other way round


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFile:
    """A report that this file may be compared with."""

    id: str
    name: str
    line: str
    when: str
    compared: str  # "compared", "being compared", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftChoicePage(Shell):
    """The context of drift_choice.html."""

    others: tuple[OtherFile, ...]
    most: int  # others that are listed
    max_bytes: int
