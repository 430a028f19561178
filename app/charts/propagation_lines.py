"""Lines and labels of a chart over depth, from what is read of each layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.charts.names import visible
from app.charts.propagation import (
    EndLabel,
    Key,
    Level,
    SignalLine,
    SignalPlot,
    Values,
    points,
    short_names,
)
from app.charts.propagation_frame import (
    BOTTOM,
    HEIGHT,
    TOP,
    WIDTH,
    DepthFrame,
    Span,
    layer_places,
)
from app.charts.propagation_layout import Row, Strip, pushed_apart, runs_of
from app.charts.propagation_marks import Mark, marks
from app.core.expectations import held
from app.core.propagation import Layer, PropagationReport, Series

Band: TypeAlias = tuple[float, float] | None

MARKED = 8  # marks along a line
TOLD = 6  # series in the sentence
WORDS = 132  # px that the words of a level take
ENOUGH = 14.0  # px between words and lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a chart takes from a layer."""

    value: Callable[[Layer], float | None]
    band: Callable[[Layer], Band]
    theory: Callable[[Layer], float | None]
    nonfinite: Callable[[Layer], int]
    expected: Callable[[Layer], Band] = lambda _layer: None  # of single networks, by theory


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a chart says of itself."""

    key: Key
    title: str
    note: str
    caption: str
    y_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One series as a chart names and marks it, and its place among them all."""

    series: Series
    label: str
    mark: Mark
    place: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around the lines."""

    floor: float
    zone: Span | None = None
    levels: tuple[Level, ...] = ()
    strips: tuple[Strip, ...] = ()


def drawn_series(report: PropagationReport) -> list[Drawn]:
    """Each series with its name at the end of a line, its look and its place."""
    looks = zip(report.series, short_names(report.series), marks(report.series), strict=True)
    return [
        Drawn(series=one, label=label, mark=mark, place=place, of=len(report.series))
        for place, (one, label, mark) in enumerate(looks)
    ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _value(reading: Reading, layer: Layer) -> float | None:
    """The value; a 0 beside values that are not finite is what was left, and says nothing."""
    found = _finite(reading.value(layer))
    return None if found == 0 and reading.nonfinite(layer) else found


def line(
    one: Drawn,
    y: Values,
    *,
    bands: Sequence[Band] = (),
    theory: Values = (),
    expected: Sequence[Band] = (),
) -> SignalLine:
    """One line, its marks staggered so that lines that lie on each other are all seen."""
    step = max(1, -(-len(y) // MARKED))
    first = one.place * step // max(one.of, 1)
    return SignalLine(
        scheme=one.series.scheme,
        name=visible(one.series.name),
        label=one.label,
        mark=one.mark,
        y=y,
        low=_edge(bands, 0),
        high=_edge(bands, 1),
        theory=theory if any(value is not None for value in theory) else (),
        marked=tuple(range(first, len(y), step)),
        expected_low=_edge(expected, 0) if any(expected) else (),
        expected_high=_edge(expected, 1) if any(expected) else (),
    )


def _edge(bands: Sequence[Band], side: int) -> Values:
    return tuple(_finite(band[side]) if band else None for band in bands)


def read(report: PropagationReport, reading: Reading) -> list[SignalLine]:
    """The lines of a report under one reading."""
    found = []
    for one in drawn_series(report):
        layers = points(one.series)
        found.append(
            line(
                one,
                tuple(_value(reading, layer) for layer in layers),
                bands=[reading.band(layer) for layer in layers],
                theory=tuple(_finite(reading.theory(layer)) for layer in layers),
                expected=[
                    reading.expected(layer) if holds else None
                    for layer, holds in zip(layers, held(layers), strict=True)
                ],
            )
        )
    return found


def zeros(lines: Sequence[SignalLine]) -> list[Row]:
    """Where lines are exactly 0, which a logarithmic axis has no place for."""
    found = [
        (line.label, runs_of(at for at, value in enumerate(line.y, start=1) if value == 0))
        for line in lines
    ]
    return [Row(name=name, runs=runs) for name, runs in found if runs]


def lost(report: PropagationReport, reading: Reading, lines: Sequence[SignalLine]) -> list[Row]:
    """Where values were not finite."""
    found = []
    for one, drawn in zip(report.series, lines, strict=True):
        layers = enumerate(points(one), start=1)
        runs = runs_of(at for at, layer in layers if reading.nonfinite(layer))
        if runs:
            found.append(Row(name=drawn.label, runs=runs))
    return found


def plot(
    report: PropagationReport,
    words: Words,
    lines: Sequence[SignalLine],
    frame: DepthFrame,
    around: Around,
) -> SignalPlot:
    """The chart with its names at the ends of the lines."""
    longest = max(report.series, key=lambda one: len(points(one)))
    return SignalPlot(
        key=words.key,
        title=words.title,
        note=words.note,
        caption=words.caption,
        sentence=_sentence(words.title, lines, around.strips),
        operations=tuple(visible(layer.name) for layer in points(longest)),
        lines=tuple(lines),
        frame=frame,
        floor=around.floor,
        zone=around.zone,
        levels=tuple(_placed(level, lines, frame, around.strips) for level in around.levels),
        strips=around.strips,
        labels=_labels(lines, frame, around.strips),
    )


def _placed(
    level: Level, lines: Sequence[SignalLine], frame: DepthFrame, rows: Sequence[Strip]
) -> Level:
    """The level with its words in the emptiest of the four places along it."""
    spots = [(left, above) for above in (True, False) for left in (True, False)]
    room = {spot: _room(level, lines, frame, spot=spot) for spot in spots}
    if any(abs(row.words_at - frame.y(level.value) - 13) < ENOUGH for row in rows):
        room |= {spot: -1.0 for spot in spots if not spot[1]}  # words of a strip stand there
    left, above = max(spots, key=lambda spot: room[spot])
    return replace(level, left=left, above=above)


def _room(
    level: Level, lines: Sequence[SignalLine], frame: DepthFrame, *, spot: tuple[bool, bool]
) -> float:
    """Pixels between the words in that place and the nearest line; more than a few are alike."""
    left, above = spot
    start = frame.left if left else WIDTH - frame.right - WORDS
    middle = frame.y(level.value) + (-8 if above else 9)
    if not TOP + 6 <= middle <= HEIGHT - BOTTOM - 6:
        return -1.0
    below = [at for at, x in enumerate(layer_places(frame)) if start <= x <= start + WORDS]
    near = [
        abs(frame.y(value) - middle)
        for line in lines
        for at in below
        if at < len(line.y) and (value := line.y[at])
    ]
    return min([ENOUGH, *near])


def _labels(
    lines: Sequence[SignalLine], frame: DepthFrame, rows: Sequence[Strip]
) -> tuple[EndLabel, ...]:
    """Names at the ends of the lines; a line that ends in a strip is named there."""
    ends: list[tuple[int, int, float]] = []
    for place, line in enumerate(lines):
        end = _end(line, frame)
        if end is not None:
            ends.append((place, end[0], end[1]))
    below = [row.words_at - 11 for row in rows if row.zero]
    above = [row.marks_at + 20 for row in rows if not row.zero]
    low, high = max([TOP + 4.0, *above]), min([HEIGHT - BOTTOM - 2.0, *below])
    places = pushed_apart([at for _, _, at in ends], low=low, high=high)
    return tuple(
        EndLabel(line=line, place=place, end=at, layer=layer)
        for (line, layer, at), place in zip(ends, places, strict=True)
    )


def _end(line: SignalLine, frame: DepthFrame) -> tuple[int, float] | None:
    """The layer and the pixel at which a line ends on the side of the names."""
    told = list(enumerate(line.y, start=1))
    for layer, value in told if frame.names_left else reversed(told):
        if value is None:
            continue
        return None if frame.log and value == 0 else (layer, frame.y(value))
    return None


def _sentence(title: str, lines: Sequence[SignalLine], rows: Sequence[Strip]) -> str:
    told = []
    for line in lines[:TOLD]:
        values = [value for value in line.y if value is not None]
        if values:
            told.append(f"{line.name} from {values[0]:.3g} to {values[-1]:.3g}")
    more = f"; and {len(lines) - TOLD} more" if len(lines) > TOLD else ""
    marked = "".join(f" {row.text}." for row in rows)
    return f"{title}, first to last layer: {'; '.join(told) or 'no values'}{more}.{marked}"
