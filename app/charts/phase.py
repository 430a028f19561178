"""The phase view as data to draw: the plane of (σ_w, σ_b), and the maps of one layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from app.charts.frame import Frame
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity
from app.core.meanfield.nonlinear.series import expansion
from app.core.meanfield.placement import Placed
from app.core.meanfield.plane.diagram import Diagram, diagram, reach
from app.core.meanfield.plane.phase import FixedPoint, next_q
from app.core.meanfield.plane.sweep import seconds

Key: TypeAlias = Literal["plane", "length", "correlation"]
Points: TypeAlias = tuple[tuple[float, float], ...]
Mapped: TypeAlias = Callable[[float], float]

PLANE_HEIGHT, MAP_HEIGHT = 460.0, 300.0  # px
STEPS = 24  # of the path that layers take
CURVE = 96  # points of a map
MOST_NAMES = 4  # of layers that share a point
DIGITS = 3  # to which layers share one
HIGHEST = 20.0  # q on the axis where q explodes
FAINT, STRONG = 1e-6, 1e6  # q that stands for one that vanishes, or explodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """Layers of a network that share a place."""

    sigma_w: float
    sigma_b: float
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """How many they are, and the first of their names."""
        shown = ", ".join(self.names[:MOST_NAMES])
        more = len(self.names) - MOST_NAMES
        tail = f" and {more} more" if more > 0 else ""
        return f"{len(self.names)} layers: {shown}{tail}" if len(self.names) > 1 else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanePlot:
    """The phase plane with the chosen layer and a network's layers."""

    diagram: Diagram
    frame: Frame
    here: tuple[float, float]  # σ_w, σ_b
    dots: tuple[Dot, ...]
    beyond: int  # layers that stand at the rim because they lie further out
    title: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPlot:
    """What one layer makes of a number: curve, diagonal, and the path of layer after layer."""

    key: Key
    frame: Frame
    curve: Points
    path: Points  # of steps: across to the diagonal, up or down to the curve
    end: tuple[float, float] | None  # the fixed point, where it is in the picture
    title: str
    sentence: str


def plane_plot(
    activation: Nonlinearity, *, here: tuple[float, float], placed: Sequence[Placed], sentence: str
) -> PlanePlot:
    """The plane of an activation.

    Args:
        activation: φ.
        here: σ_w and σ_b of the chosen layer.
        placed: Layers of a network.
        sentence: What the picture shows.
    """
    points = [(math.sqrt(one.weight), math.sqrt(one.bias)) for one in placed]
    far_w, far_b = reach(activation, [here, *points])
    beyond = sum(w > far_w or b > far_b for w, b in points)
    return PlanePlot(
        diagram=diagram(activation, sigma_w=far_w, sigma_b=far_b),
        frame=Frame(
            x_range=(0.0, far_w),
            y_range=(0.0, far_b),
            x_title="σ_w = √(fan_in · E w²)",
            y_title="σ_b = √E b²",
            height=PLANE_HEIGHT,
        ),
        here=(min(here[0], far_w), min(here[1], far_b)),
        dots=_dots(placed, far_w, far_b),
        beyond=beyond,
        title=f"Phases of {activation.name}",
        sentence=sentence,
    )


def _dots(placed: Sequence[Placed], far_w: float, far_b: float) -> tuple[Dot, ...]:
    """Layers by their place, the largest groups first."""
    shared: dict[tuple[float, float], list[str]] = {}
    for one in placed:
        w, b = min(math.sqrt(one.weight), far_w), min(math.sqrt(one.bias), far_b)
        shared.setdefault((_digits(w), _digits(b)), []).append(one.name)
    found = [Dot(sigma_w=w, sigma_b=b, names=tuple(names)) for (w, b), names in shared.items()]
    return tuple(sorted(found, key=lambda dot: -len(dot.names)))


def _digits(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def length_plot(
    activation: Nonlinearity, found: FixedPoint, *, weight: float, bias: float, sentence: str
) -> MapPlot:
    """How one layer changes the second moment of its pre-activations.

    Args:
        activation: φ.
        found: Where such layers settle.
        weight: σ_w².
        bias: σ_b².
        sentence: What the picture shows.
    """
    end = found.q if math.isfinite(found.q) else HIGHEST
    top = min(max(1.3, 1.3 * end), 1e6)

    def mapped(q: float) -> float:
        return next_q(activation, q, weight=weight, bias=bias)

    places = np.linspace(0.0, top, CURVE + 1)
    after = weight * seconds(activation, places)[0] + bias
    return MapPlot(
        key="length",
        frame=_square(top, "q of a layer", "q of the next"),
        curve=tuple(zip(places.tolist(), after.tolist(), strict=True)),
        path=_path(1.0, mapped, top),
        end=(found.q, found.q) if found.q <= top else None,
        title="Size: q from layer to layer",
        sentence=sentence,
    )


def correlation_plot(
    activation: Nonlinearity, found: FixedPoint, *, bias: float, sentence: str
) -> MapPlot:
    """How one layer changes the correlation of two inputs, where q has settled.

    Where q vanishes or explodes, the map is the one that it tends to.
    """
    q = min(max(found.q, FAINT), STRONG)
    series = expansion(activation, variance=q)
    fixed = bias / q if math.isfinite(found.q) and found.q > 0 else 0.0
    second = series.moments.second or 1.0

    def mapped(correlation: float) -> float:
        return min((1 - fixed) * series.product(correlation) / second + fixed, 1.0)

    return MapPlot(
        key="correlation",
        frame=_square(1.0, "correlation of two inputs", "after the layer"),
        curve=tuple((at / CURVE, mapped(at / CURVE)) for at in range(CURVE + 1)),
        path=_path(0.0, mapped, 1.0),
        end=(found.correlation, found.correlation) if 0 < found.q < math.inf else None,
        title="Likeness: correlation of two inputs",
        sentence=sentence,
    )


def _square(top: float, x_title: str, y_title: str) -> Frame:
    span = (0.0, top)
    return Frame(x_range=span, y_range=span, x_title=x_title, y_title=y_title, height=MAP_HEIGHT)


def _path(start: float, mapped: Mapped, top: float) -> Points:
    """Up to the curve, across to the diagonal, and so on, as long as it is in the picture."""
    here = start
    found = [(here, here)]
    for _ in range(STEPS):
        after = mapped(here)
        found += [(here, after), (after, after)]
        if after > top or abs(after - here) < 1e-4 * top:
            break
        here = after
    return tuple(found)
