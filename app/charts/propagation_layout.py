"""Where things stand in a chart over depth: ends of the axis, rows of zeros, names pushed apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.charts.propagation_frame import BOTTOM, HEIGHT, TOP, Span

Run: TypeAlias = tuple[int, int]  # first and last layer

STRIP = 25  # px of one row of marks with its words
STRIPS = 3  # rows at most; what is left shares the last
RUNS = 3  # named in a row
GAP = 14  # px between two names
PAD = 0.12  # decades of room above and below
TINY = 1e-320


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One row of marks at an edge of the axes, where values have no place on it."""

    text: str  # "PyTorch default: exactly 0 in layers 1–35"
    runs: tuple[Run, ...]
    zero: bool  # at the floor; else at the ceiling, for what is not finite
    marks_at: float  # px from the top
    words_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a strip is to show."""

    name: str
    runs: tuple[Run, ...]


def runs_of(layers: Iterable[int]) -> tuple[Run, ...]:
    """Layers as first and last of each unbroken stretch."""
    found: list[Run] = []
    for layer in sorted(layers):
        if found and found[-1][1] == layer - 1:
            found[-1] = (found[-1][0], layer)
        else:
            found.append((layer, layer))
    return tuple(found)


def runs_text(runs: Sequence[Run]) -> str:
    """Runs in words: "layers 1–35", "layer 3", "layers 1–4, 9 and 2 more stretches"."""
    told = [str(a) if a == b else f"{a}–{b}" for a, b in runs[:RUNS]]
    word = "layer" if len(runs) == 1 and runs[0][0] == runs[0][1] else "layers"
    more = len(runs) - RUNS
    tail = f" and {more} more stretch{'es' if more > 1 else ''}" if more > 0 else ""
    return f"{word} {', '.join(told)}{tail}"


def strips(rows: Sequence[Row], *, zero: bool) -> tuple[Strip, ...]:
    """The rows, outermost first; more than STRIPS share the last one."""
    what = "exactly 0" if zero else "not finite"
    told = [(f"{row.name}: {what} in {runs_text(row.runs)}", row.runs) for row in rows]
    if len(told) > STRIPS:
        rest = rows[STRIPS - 1 :]
        layers = {at for row in rest for a, b in row.runs for at in range(a, b + 1)}
        shared = runs_of(layers)
        text = f"{len(rest)} more series: {what} in {runs_text(shared)}"
        told = [*told[: STRIPS - 1], (text, shared)]
    return tuple(
        _strip(text, runs, zero=zero, place=place) for place, (text, runs) in enumerate(told)
    )


def _strip(text: str, runs: tuple[Run, ...], *, zero: bool, place: int) -> Strip:
    if zero:
        edge = HEIGHT - BOTTOM - STRIP * place
        return Strip(text=text, runs=runs, zero=True, marks_at=edge - 6, words_at=edge - 13)
    edge = TOP + STRIP * place
    return Strip(text=text, runs=runs, zero=False, marks_at=edge + 6, words_at=edge + 21)


def log_range(values: Iterable[float], *, keep: Span, below: int, above: int) -> tuple[Span, float]:
    """The ends of a logarithmic axis with room for its strips.

    Args:
        values: What is drawn; those not above 0 do not count.
        keep: Values that the axis always holds.
        below: Strips at the floor.
        above: Strips at the ceiling.

    Returns:
        log10 of both ends, and of the lowest place where values stand.
    """
    drawn = [value for value in values if value > 0 and math.isfinite(value)]
    low = math.log10(max(min(drawn, default=keep[0]), TINY))
    high = math.log10(max(drawn, default=keep[1]))
    low = min(low, math.log10(keep[0])) - PAD
    high = max(high, math.log10(keep[1])) + PAD
    low, high = low - 0.02 * (high - low), high + 0.02 * (high - low)
    room = HEIGHT - TOP - BOTTOM
    unit = (high - low) / (room - STRIP * (below + above))
    return (low - unit * STRIP * below, high + unit * STRIP * above), low


def pushed_apart(wanted: Sequence[float], *, low: float, high: float) -> tuple[float, ...]:
    """Places as near as can be to those wanted, a line apart and between the ends.

    Args:
        wanted: Pixels, in any order.
        low: The smallest place, px.
        high: The largest.
    """
    if not wanted:
        return ()
    steps = len(wanted) - 1
    gap = min(GAP, (high - low) / max(steps, 1))
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = [0.0] * len(wanted)
    spread = _spread([wanted[at] for at in order], gap)
    for rank, (place, at) in enumerate(zip(spread, order, strict=True)):
        places[at] = min(max(place, low + gap * rank), high - gap * (steps - rank))
    return tuple(places)


def _spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Sorted places at least a gap apart: neighbours that touch move as one, about their mean."""
    groups: list[tuple[float, int]] = []  # middle, members
    for value in wanted:
        groups.append((value, 1))
        while len(groups) > 1 and _touch(groups[-2], groups[-1], gap):
            (a, m), (b, n) = groups[-2], groups[-1]
            groups[-2:] = [((a * m + b * n) / (m + n), m + n)]
    return [
        middle + gap * (member - (members - 1) / 2)
        for middle, members in groups
        for member in range(members)
    ]


def _touch(one: tuple[float, int], other: tuple[float, int], gap: float) -> bool:
    return other[0] - one[0] < gap * (one[1] + other[1]) / 2
