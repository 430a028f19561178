"""One tensor's histogram beside the laws it may have been drawn from, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.charts.densities import curve_points
from app.charts.style import Family, family
from app.core.report import Candidate, Histogram, TensorReport

BESIDE = 3  # laws dotted beside the picked one
REACH = 4.0  # a bound further out than this many times the largest |value| is left out of sight
HEADROOM = 1.08
NEARBY = 1.6  # a law at most this many times taller is shown whole
DRAWN = ("uniform", "positive_uniform", "normal", "truncated_normal")  # laws with a density


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The density of one candidate law."""

    id: str
    name: str
    family: Family
    x: tuple[float, ...]
    y: tuple[float, ...]  # per weight unit
    beside: tuple[str, ...]  # ids drawn dotted while this one is picked
    top: float  # of the linear y axis while this one is picked


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A dashed vertical line of the PyTorch default: an edge of its support, or its constant."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFigure:
    """The histogram as a density, the laws and the default's bound, in weight units."""

    edges: tuple[float, ...]
    density: tuple[float, ...]
    counts: tuple[float, ...]
    curves: tuple[Curve, ...]
    picked: str | None  # id of the thick curve
    marks: tuple[Mark, ...]
    x_range: tuple[float, float]
    floor: float  # of the logarithmic y axis, density
    sentence: str

    @property
    def chosen(self) -> Curve | None:
        """The curve drawn thick."""
        return next((curve for curve in self.curves if curve.id == self.picked), None)

    @property
    def dotted(self) -> tuple[Curve, ...]:
        """The curves drawn beside it."""
        names = self.chosen.beside if self.chosen else ()
        return tuple(curve for curve in self.curves if curve.id in names)

    @property
    def top(self) -> float:
        """The end of the linear y axis, density."""
        return self.chosen.top if self.chosen else HEADROOM * max(self.density)


def densities(histogram: Histogram) -> tuple[float, ...]:
    """Counts as share of all values per weight unit; the whole area is 1."""
    total = sum(histogram.counts)
    widths = [b - a for a, b in zip(histogram.edges, histogram.edges[1:], strict=False)]
    return tuple(
        count / total / width if total and width > 0 else 0.0
        for count, width in zip(histogram.counts, widths, strict=True)
    )


def drawable(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates whose law is a curve: constants and orthogonal matrices are none."""
    return tuple(item for item in candidates if item.law in DRAWN and item.std > 0)


def pick(report: TensorReport, asked: str | None) -> Candidate | None:
    """The candidate to draw thick: the one asked for, else the best that fits, else the nearest."""
    known = drawable(report.candidates)
    for wish in (asked, *report.schemes):
        for item in known:
            if wish in item.ids:
                return item
    return known[0] if known else None


def _beside(known: Sequence[Candidate], picked: Candidate | None) -> tuple[Candidate, ...]:
    """PyTorch's default first, then one of each family not yet drawn, then the next in line."""
    rest = [item for item in known if item is not picked]
    rest.sort(key=lambda item: "torch_default" not in item.ids)
    seen = {family(picked.ids[0])} if picked else set()
    fresh: list[Candidate] = []
    further: list[Candidate] = []
    for item in rest:
        hue = family(item.ids[0])
        (further if hue in seen else fresh).append(item)
        seen.add(hue)
    return tuple([*fresh, *further][:BESIDE])


def _marks(report: TensorReport, largest: float) -> tuple[Mark, ...]:
    default = report.default
    if default is None:
        return ()
    if default.value is not None:
        return (Mark(x=default.value, label=f"PyTorch default: all {default.value:g}"),)
    if default.bound is None or default.bound > REACH * largest:
        return ()
    label = "bound of the PyTorch default"
    return (Mark(x=-default.bound, label=label), Mark(x=default.bound, label=label))


def _x_range(edges: Sequence[float], marks: Sequence[Mark]) -> tuple[float, float]:
    ends = [edges[0], edges[-1], *(mark.x for mark in marks)]
    low, high = min(ends), max(ends)
    pad = 0.04 * (high - low) or max(abs(high), 1e-6) * 0.1
    return low - pad, high + pad


def _curves(known: Sequence[Candidate], span: tuple[float, float], peak: float) -> list[Curve]:
    points = {item.ids[0]: curve_points(item, span) for item in known}
    return [
        Curve(
            id=item.ids[0],
            name=item.names[0],
            family=family(item.ids[0]),
            x=points[item.ids[0]][0],
            y=points[item.ids[0]][1],
            beside=tuple(other.ids[0] for other in _beside(known, item)),
            top=_top(max(peak, *points[item.ids[0]][1]), [max(y) for _, y in points.values()]),
        )
        for item in known
    ]


def _top(tallest: float, peaks: Sequence[float]) -> float:
    """Room for the measured and the picked, and for others that are not much taller."""
    return HEADROOM * max([tallest, *(peak for peak in peaks if peak <= NEARBY * tallest)])


def figure(report: TensorReport, *, scheme: str | None = None) -> TensorFigure | None:
    """The figure of one tensor, or None when its values make no histogram.

    Args:
        report: The tensor.
        scheme: Id of the law to draw thick; None takes the one that fits best.
    """
    if report.histogram is None or sum(report.histogram.counts) <= 0:
        return None
    edges, density = report.histogram.edges, densities(report.histogram)
    marks = _marks(report, max(abs(edges[0]), abs(edges[-1])))
    span = _x_range(edges, marks)
    picked = pick(report, scheme)
    return TensorFigure(
        edges=edges,
        density=density,
        counts=report.histogram.counts,
        curves=tuple(_curves(drawable(report.candidates), span, max(density))),
        picked=picked.ids[0] if picked else None,
        marks=marks,
        x_range=span,
        floor=min(value for value in density if value > 0) / 2,
        sentence=_sentence(report, picked),
    )


def _sentence(report: TensorReport, picked: Candidate | None) -> str:
    beside = f" beside the density of {picked.names[0]}" if picked else ""
    return f"Histogram of {report.count:,} values{beside}. {report.sentence}"
