"""The contexts of the report's pages: one frozen dataclass a page, exactly what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.charts.style import Family
from app.core.report import Level, Sign
from app.web.laws import CandidateRow, Derivation
from app.web.render import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(Page):
    """What every page of a report shows around its own content."""

    id: str  # of the run
    file: str  # the upload's name, made visible
    current: str  # "layers" or "tensor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and a value in the verdict's right column."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """One line under the headline: its level, its link and its sentence."""

    level: Level
    link: str | None  # opens the tensor or sets the filter
    label: str  # "70.weight", "5 tensors"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Answer first: sign, sentence, lines, facts."""

    sign: Sign
    icon: str
    word: str
    headline: str
    lines: tuple[FindingLine, ...]
    further: tuple[FindingLine, ...]  # shown when asked for
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorLink:
    """A tensor's name that leads to its page."""

    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """One line of the recipe, and the tensors that it does not explain."""

    text: str
    breaks: tuple[TensorLink, ...]  # the first of them
    further: int  # how many more break it


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A chip, a button or a column that leads to another state of the page."""

    label: str
    href: str
    current: bool
    value: str  # of the query field that it sets
    icon: str = ""
    count: str = ""
    why_off: str = ""  # a disabled one says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A label of the shared axis, in percent of its width."""

    place: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripMark:
    """An exception in the strip beside the heat map, px."""

    tone: str
    top: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The heat map or the ridges with their controls."""

    views: tuple[Choice, ...]
    units: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    heading: str
    note: str
    caption: str
    sentence: str
    height: int  # px
    bins: int
    mask: str  # data address of the heat map's opacity, "" when ridges are shown
    marks: tuple[StripMark, ...]
    constants: tuple[float, ...]
    bounds: tuple[float, float]  # where ±1 stands, in bins
    bound_label: str
    ticks: tuple[Tick, ...]
    ridges: Markup | None
    data: Markup  # what the hover needs, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the tensor table, ready to print."""

    index: int
    sign: Sign
    icon: str
    word: str
    prefix: str  # shown grey
    leaf: str
    group: str
    kind: str
    kind_title: str
    shape: str
    count: int
    size: str
    path: str  # of the small histogram, "" when words stand in its place
    words: str
    low: bool  # values lie left of the axis
    high: bool
    family: Family
    scheme: str
    ratio: str
    bar: tuple[float, float] | None  # left and width of the deviation bar, percent
    deviation: float
    kind_class: str
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Where one is among pages of 500 rows."""

    page: int
    pages: int
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the file says of itself."""

    sha256: str
    format: str
    notes: tuple[str, ...]
    globals: tuple[str, ...]
    metadata: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersPage(Shell):
    """The context of layers.html."""

    verdict: Verdict
    recipe: tuple[RecipeRow, ...]
    seed: str  # what the search for the seed found, or how far it is; "" where none was asked for
    family: str  # the library whose own init the recipe is, "" where none is known
    picture: Picture | None  # None when the file has no weight tensor
    chips: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    sorts: tuple[Choice, ...]
    hidden_fields: tuple[Fact, ...]  # the state that a filter form keeps
    q: str
    only: str  # indices of the finding chosen, comma-separated
    clear: str  # address without any filter
    filtered: bool
    csv_url: str
    png_query: str  # unit and axis, for the picture's files
    rows: tuple[Row, ...]
    shown: int
    total: int
    whole: bool  # the page holds every row, so the script may filter
    paging: Paging | None
    row_ticks: tuple[Tick, ...]
    about: About
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """One line of the figure's legend."""

    style: str  # "bar", "thick", "dotted" or "dashed"
    family: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureView:
    """The histogram: drawn by the server, then by Plotly in the same place."""

    svg: Markup
    data: Markup  # Plotly's data, layout and config, as JSON
    legend: tuple[LegendEntry, ...]
    log_y: Choice
    svg_url: str
    csv_url: str
    caption: str
    bins: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandView:
    """A measured line or dots beside their band: by the server first, then by Plotly."""

    key: str  # "qq" or "units", the file's name too
    title: str
    svg: Markup
    data: Markup  # Plotly's data, layout and config, as JSON
    caption: str
    family: Family
    law: str
    svg_url: str
    csv_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One block of a packed tensor, judged on its own."""

    name: str
    href: str
    current: bool
    rows: str  # "0 to 511"
    shape: str
    std: str
    icon: str
    word: str
    sign: Sign
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPage(Shell):
    """The context of tensor.html."""

    prefix: str
    leaf: str
    description: tuple[str, ...]
    parts: tuple[PartRow, ...]
    whole: str  # address of the whole tensor, "" where that is shown
    previous: str | None
    next: str | None
    verdict: Verdict
    figure: FigureView | None
    no_figure: str  # the sentence in its place
    bands: tuple[BandView, ...]
    candidates: tuple[CandidateRow, ...]
    derivations: tuple[Derivation, ...]
    why: tuple[Choice, ...]
    statistics: tuple[Fact, ...]
    quantiles: tuple[Fact, ...]
    identity: tuple[Fact, ...]
