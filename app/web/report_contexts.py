"""What a report that can be printed, sent and kept shows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.charts.style import Family
from app.core.report import Sign
from app.web.contexts import Fact, Shell, StripMark, Tick, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """The heat map without its controls."""

    heading: str
    caption: str
    sentence: str
    height: int  # px
    bins: int
    mask: str  # data address of its opacity
    marks: tuple[StripMark, ...]
    constants: tuple[float, ...]
    bounds: tuple[float, float]  # where ±1 stands, in bins
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A tensor that stands out, and why."""

    sign: Sign
    icon: str
    word: str
    name: str
    shape: str
    scheme: str
    sentence: str
    svg: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Further tensors that stand out for one reason."""

    sign: Sign
    icon: str
    word: str
    sentence: str
    names: tuple[str, ...]
    further: int  # more that only the table tells of


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCard:
    """One set of weights carried through the network, in words."""

    name: str
    family: Family
    sign: Sign
    icon: str
    word: str
    message: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalChart:
    """One chart over depth."""

    title: str
    note: str
    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPart:
    """The propagation as the report shows it."""

    question: str
    intro: str
    verdict: Verdict | None  # None where it is the whole report's
    cards: tuple[SignalCard, ...]
    charts: tuple[SignalChart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorLine:
    """One line of the table."""

    place: int
    sign: Sign
    icon: str
    word: str
    name: str
    kind: str
    shape: str
    size: str
    scheme: str
    std: str
    ratio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The report itself: the same on its page, in its file and on paper."""

    name: str
    identity: tuple[Fact, ...]
    verdict: Verdict
    recipe: tuple[str, ...]
    heat: Heat | None
    oddities: tuple[Oddity, ...]  # drawn
    alike: tuple[Alike, ...]  # the rest, in words
    seed: str
    signal: SignalPart | None
    counts: tuple[Fact, ...]  # tensors of each sign
    rows: tuple[TensorLine, ...]
    total: int  # tensors of the file
    made: str  # moment of the analysis or measurement
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage(Shell):
    """The context of summary.html."""

    report: Document
    analysed: bool
    html_url: str
    markdown_url: str
    badge_url: str
    badge_markdown: str  # to be pasted into a README
    summary_markdown: str  # the short report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """The context of report_file.html: one file that loads nothing."""

    title: str
    report: Document
    css: Markup
    policy: str  # its Content-Security-Policy
