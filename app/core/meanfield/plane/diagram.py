"""The phase diagram of an activation: regions, the edge of chaos, lines of equal depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.plane.edge import critical_weight
from app.core.meanfield.plane.plane import Flags, Settled, table

Region: TypeAlias = Literal["ordered", "chaotic", "explodes"]
REGIONS: Final[tuple[Region, ...]] = ("ordered", "chaotic", "explodes")
Line: TypeAlias = tuple[tuple[float, float], ...]  # (σ_w, σ_b), unbroken
Codes: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

ROWS, COLUMNS = 61, 121
LEVELS: Final = (3, 10, 30)  # layers
WIDE, TALL = 2.5, 0.5  # σ_w and σ_b that a diagram holds at least
WIDEST: Final = 4.0  # times that, at most; what lies further out stands at the rim
_KEPT: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """One activation's plane of (σ_w, σ_b)."""

    sigma_w: Array  # [COLUMNS]
    sigma_b: Array  # [ROWS], from 0
    regions: Codes  # [ROWS, COLUMNS], places of REGIONS
    settled: Settled  # of each place
    edge: tuple[Line, ...]  # χ₁ = 1 where q settles
    depths: tuple[tuple[int, tuple[Line, ...]], ...]  # layers, and the lines where they are that
    border: tuple[Line, ...]  # beyond it q grows without end


@lru_cache(maxsize=_KEPT)
def diagram(activation: Nonlinearity, *, sigma_w: float, sigma_b: float) -> Diagram:
    """The diagram up to these σ_w and σ_b; calculated once.

    Args:
        activation: φ.
        sigma_w: Above 0.
        sigma_b: Above 0.
    """
    across = np.linspace(sigma_w / (COLUMNS - 1), sigma_w, COLUMNS)
    up = np.linspace(0.0, sigma_b, ROWS)
    weight, bias = np.meshgrid(across**2, up**2)
    found = table(activation).settled(weight, bias)
    alive = np.isfinite(found.q)
    chi = np.where(alive, found.chi, np.nan)
    # Rises with σ_w where χ₁ does: 1 at the edge, then 2 − the slope of the map at c*.
    parting = np.where(found.chi <= 1, chi, 2 - _rates(found.correlation_depth))
    parting[~alive] = np.nan
    return Diagram(
        sigma_w=across,
        sigma_b=up,
        regions=_regions(found, alive),
        settled=found,
        edge=_edge(activation, _level(chi, 1.0, across, up)),
        depths=tuple(
            (
                layers,
                _level(chi, math.exp(-1 / layers), across, up)
                + _level(parting, 2 - math.exp(-1 / layers), across, up),
            )
            for layers in LEVELS
        ),
        border=_border(activation, sigma_w, up),
    )


def reach(
    activation: Nonlinearity, points: Sequence[tuple[float, float]] = ()
) -> tuple[float, float]:
    """The σ_w and σ_b up to which a diagram is drawn so that it holds its edge and these points.

    Args:
        activation: φ.
        points: (σ_w, σ_b); those too far out do not stretch it.
    """
    critical = (
        critical_weight(activation, bias=0.01) or critical_weight(activation, bias=0.0) or 0.0
    )
    wide = max(WIDE, 1.3 * math.sqrt(critical))
    far_w = max([1.1 * w for w, _ in points], default=0.0)
    far_b = max([1.1 * b for _, b in points], default=0.0)
    return (
        _rounded_up(min(max(wide, far_w), WIDEST * wide)),
        _rounded_up(min(max(TALL, far_b), WIDEST * TALL)),
    )


def _edge(activation: Nonlinearity, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The edge with its exact end without biases: a grid's cells are too wide for its last turn."""
    weight = critical_weight(activation, bias=0.0)
    if weight is None or not lines or lines[0][0][1] > 0:
        return lines
    rest = lines if len(lines[0]) > 1 else lines[1:]
    onwards = lines[0][1:] or (rest[0] if rest else ())
    return ((math.sqrt(weight), 0.0), *onwards), *rest[1:]


def _rounded_up(value: float) -> float:
    step = 0.25 if value < 4 else 1.0
    return step * math.ceil(value / step - 1e-9)


def _regions(found: Settled, alive: Flags) -> Codes:
    codes: Codes = np.where(alive, np.where(found.chi <= 1, 0, 1), 2).astype(np.uint8)
    return codes


def _border(activation: Nonlinearity, sigma_w: float, up: Array) -> tuple[Line, ...]:
    found = table(activation)
    places = [(math.sqrt(found.explosion(float(at) ** 2)), float(at)) for at in up]
    line = tuple(place for place in places if place[0] < sigma_w)
    return (line,) if line else ()


def _rates(depth: Array) -> Array:
    """By what a deviation that falls by e in so many layers shrinks in one."""
    found: Array = np.exp(-1 / np.maximum(depth, 1e-12))
    return found


def _level(height: Array, wanted: float, across: Array, up: Array) -> tuple[Line, ...]:
    """The line where each row first crosses a height, broken where rows do not."""
    lines: list[list[tuple[float, float]]] = [[]]
    for row, sigma_b in zip(height, up, strict=True):
        with np.errstate(invalid="ignore"):
            crossed = np.flatnonzero((row[:-1] < wanted) & (row[1:] >= wanted))
        if not crossed.size:
            lines.append([])
            continue
        at = int(crossed[0])
        part = (wanted - row[at]) / (row[at + 1] - row[at])
        place = float(across[at] + part * (across[at + 1] - across[at]))
        if lines[-1] and abs(lines[-1][-1][0] - place) > 4 * float(across[1] - across[0]):
            lines.append([])
        lines[-1].append((place, float(sigma_b)))
    return tuple(tuple(line) for line in lines if line)
