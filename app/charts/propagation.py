"""A propagation report as data to draw: what a chart over depth holds, and its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.charts.names import shortened, visible
from app.charts.propagation_frame import DepthFrame, Span
from app.charts.propagation_layout import Strip
from app.charts.propagation_marks import Mark
from app.core.propagation import Layer, PropagationReport, Series

Key: TypeAlias = Literal["forward", "backward", "share", "dead", "saturated"]
Values: TypeAlias = tuple[float | None, ...]  # one a layer

LONGEST_LABEL = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLine:
    """One series in one chart, a value for each layer; None where there is none."""

    scheme: str
    name: str
    label: str
    mark: Mark
    y: Values
    low: Values  # lowest seed
    high: Values
    theory: Values  # what single networks centre on, where their spread is known; else the mean
    marked: tuple[int, ...]  # places of the marks
    expected_low: Values = ()  # between these lie 95 % of single networks, by theory
    expected_high: Values = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLabel:
    """A name at the end of its line, px from the top."""

    line: int
    place: float  # where the name stands
    end: float  # where the line ends
    layer: int  # at which it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A dotted line across the chart, with its words where the fewest lines pass."""

    value: float
    text: str
    left: bool = True  # end of the line at which the words stand
    above: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPlot:
    """One chart over depth."""

    key: Key
    title: str
    note: str
    caption: str
    sentence: str
    operations: tuple[str, ...]  # name of each layer's operation
    lines: tuple[SignalLine, ...]
    frame: DepthFrame
    floor: float  # lowest place of values on the axis, log10 where that is logarithmic
    zone: Span | None
    levels: tuple[Level, ...]
    strips: tuple[Strip, ...]
    labels: tuple[EndLabel, ...]


def points(series: Series) -> tuple[Layer, ...]:
    """The layers of the x axis: operations with a weight; all of them where none has one."""
    weighted = tuple(layer for layer in series.layers if layer.weighted)
    return weighted or series.layers


def depth(report: PropagationReport) -> int:
    """Layers on the x axis."""
    return max((len(points(one)) for one in report.series), default=0)


def short_names(series: Sequence[Series]) -> tuple[str, ...]:
    """Names for the ends of lines: with as little of what stands in brackets as stays clear."""
    whole = [visible(one.name) for one in series]
    bases = [name.partition(" (")[0] for name in whole]
    firsts = [_with_first(name) for name in whole]
    often, oftener = Counter(firsts), Counter(bases)
    return tuple(
        shortened(
            base if oftener[base] == 1 else first if often[first] == 1 else name, LONGEST_LABEL
        )
        for base, first, name in zip(bases, firsts, whole, strict=True)
    )


def _with_first(name: str) -> str:
    """A name with the first of its arguments: "Kaiming normal fan_in"."""
    base, _, arguments = name.partition(" (")
    first = arguments.rstrip(")").partition(",")[0]
    return f"{base} {first}" if first else base
