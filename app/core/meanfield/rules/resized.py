"""Rules of borders, interpolation and shifts: fixed linear maps along each axis of places."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.convolved import picture_of
from app.core.meanfield.rules.placing import mapped
from app.core.meanfield.signals.axes import Factor, place
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Situation, Step, Unfit

_CUBIC: Final = -0.75  # torch's coefficient of cubic interpolation


def pad(situation: Situation) -> Step:
    """A border around the last axes: constants, or places of the tensor again."""
    amounts = situation.integers("pad", ()) or situation.integers("padding", ())
    mode = _mode(situation)
    value = situation.node.arguments.get("value") or 0.0
    if not isinstance(value, int | float):
        raise NoRule("a border of calculated numbers")
    signal = situation.signal("self")
    count = len(signal.axes)
    sides = {
        count - 1 - at: (amounts[2 * at], amounts[2 * at + 1])
        for at in range(len(amounts) // 2)
        if amounts[2 * at] or amounts[2 * at + 1]
    }
    sizes = {at: math.prod(f.whole for f in signal.axes[at]) for at in sides}
    if mode == "constant" and any(f.role == "channel" for at in sides for f in signal.axes[at]):
        raise NoRule("a border along channels")
    matrices = {at: bordered(sizes[at], pair, mode) for at, pair in sides.items()}
    step = mapped(situation, "self", matrices, _factors(situation, matrices))
    if mode != "constant" or value == 0:
        return step
    return replace(step, signals=(_filled(step.signals[0], matrices, float(value)),))


def _mode(situation: Situation) -> str:
    for word, mode in (("reflection", "reflect"), ("replication", "replicate")):
        if word in situation.operation:
            return mode
    return str(situation.node.arguments.get("mode", "constant"))


def bordered(size: int, sides: tuple[int, int], mode: str) -> Array:
    """The matrix of one axis with a border; rows of a constant's border are empty.

    Source:
        torch.nn.functional.pad, torch 2.13.
    """
    at = np.arange(-sides[0], size + sides[1])
    inside = (at >= 0) & (at < size)
    if mode == "reflect":
        at = np.abs(at)
        at = np.where(at >= size, 2 * (size - 1) - at, at)
    elif mode == "replicate":
        at = np.clip(at, 0, size - 1)
    elif mode == "circular":
        at = at % size
    matrix = np.zeros((at.size, size))
    rows = np.flatnonzero(inside) if mode == "constant" else np.arange(at.size)
    matrix[rows, at[rows]] = 1.0
    return matrix


def _filled(after: Signal, matrices: dict[int, Array], value: float) -> Signal:
    """With a constant where no input stands."""
    border = np.ones(1)
    keys = {axis[0].key: matrices[at] for at, axis in enumerate(after.axes) if at in matrices}
    for factor in after.grid:
        held = (
            keys[factor.key].sum(axis=1)[factor.span.kept]
            if factor.key in keys
            else np.ones(factor.size)
        )
        border = np.outer(border, held).ravel()
    shift = value * (1 - border)
    moved = after.mean[:, None] * shift[None, :] + shift[:, None] * after.mean[None, :]
    moved += np.outer(shift, shift)
    return replace(
        after,
        mean=after.mean + shift,
        within=after.within + moved,
        across=after.across + moved,
        draw=None if after.draw is None else (lambda: gaussian_draw(after) + shift),
    )


def _factors(situation: Situation, matrices: dict[int, Array]) -> dict[int, Factor]:
    """New axes of places: a picture's where all of its sides change, else with every place."""
    count = len(situation.node.shapes[0])
    sides = list(range(2, count))
    if count > 2 and set(matrices) <= set(sides):
        picture = picture_of(situation.node.shapes[0][2:])
        return {at: picture[at - 2] for at in matrices}
    return {at: place(len(matrix)) for at, matrix in matrices.items()}


def upsample(situation: Situation) -> Step:
    """Nearest, linear or cubic interpolation: `x' = M x` along each axis."""
    outputs = situation.node.shapes[0][2:]
    argument = "input" if "input" in situation.node.arguments else "self"
    signal = situation.signal(argument)
    sizes = [math.prod(f.whole for f in axis) for axis in signal.axes[2:]]
    corners = bool(situation.node.arguments.get("align_corners", False))
    scales = _scales(situation, len(outputs))
    kind = _KINDS[situation.operation.strip("_").removeprefix("upsample_").rstrip("123d")]
    matrices = {
        at + 2: kind(size, wanted, _sources(size, wanted, scale, corners=corners))
        for at, (size, wanted, scale) in enumerate(zip(sizes, outputs, scales, strict=True))
        if size != wanted
    }
    even = all(outputs[at - 2] in (sizes[at - 2], 2 * sizes[at - 2]) for at in matrices)
    factors = _factors(situation, matrices)
    if not even:
        if any(factor.sample for factor in signal.grid):
            raise Unfit
        factors = {at: place(outputs[at - 2]) for at in matrices}
    return mapped(situation, argument, matrices, factors)


def _scales(situation: Situation, count: int) -> tuple[float | None, ...]:
    """Factors that were told; where sizes were, torch takes those of the sizes."""
    given = situation.node.arguments.get("scale_factors")
    if isinstance(given, tuple) and len(given) == count:
        return tuple(float(one) if isinstance(one, int | float) else None for one in given)
    return (None,) * count


def _sources(size: int, wanted: int, scale: float | None, *, corners: bool) -> Array:
    """Where in the input each output's middle lies, and for nearest neighbours its left edge."""
    at = np.arange(wanted)
    if corners:
        middle = at * ((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
        return np.stack([middle, middle])
    step = size / wanted if scale is None else 1 / scale
    return np.stack([(at + 0.5) * step - 0.5, at * step])


def _nearest(size: int, wanted: int, sources: Array) -> Array:
    return _weighted(size, wanted, [(np.floor(sources[1]), np.ones(wanted))])


def _nearest_exact(size: int, wanted: int, sources: Array) -> Array:
    return _weighted(size, wanted, [(np.floor(sources[0] + 0.5), np.ones(wanted))])


def _linear(size: int, wanted: int, sources: Array) -> Array:
    middle = np.maximum(sources[0], 0.0)
    low = np.floor(middle)
    return _weighted(size, wanted, [(low, 1 - (middle - low)), (low + 1, middle - low)])


def _cubic(size: int, wanted: int, sources: Array) -> Array:
    low = np.floor(sources[0])
    away = sources[0] - low
    taps = [(low + at, _cubic_weight(np.abs(away - at))) for at in (-1, 0, 1, 2)]
    return _weighted(size, wanted, taps)


def _cubic_weight(away: Array) -> Array:
    a = _CUBIC
    near = ((a + 2) * away - (a + 3)) * away**2 + 1
    far = ((away - 5) * away + 8) * a * away - 4 * a
    return np.where(away <= 1, near, np.where(away < 2, far, 0.0))


def _weighted(size: int, wanted: int, taps: list[tuple[Array, Array]]) -> Array:
    """The matrix of these taps; what lies outside takes the border's place."""
    matrix = np.zeros((wanted, size))
    for index, weight in taps:
        inside = np.clip(index, 0, size - 1).astype(np.intp)
        np.add.at(matrix, (np.arange(wanted), inside), weight)
    return matrix


_KINDS: Final[dict[str, Callable[[int, int, Array], Array]]] = {
    "nearest": _nearest,
    "nearest_exact": _nearest_exact,
    "linear": _linear,
    "bilinear": _linear,
    "trilinear": _linear,
    "bicubic": _cubic,
}
"""Interpolation → its matrix along one axis.

Source:
    torch.nn.functional.interpolate and ATen/native/UpSample.h, torch 2.13.
"""


def roll(situation: Situation) -> Step:
    """A shift along axes of places that comes in again at the other side."""
    signal = situation.signal("self")
    count = len(signal.axes)
    dims = tuple(axis % count for axis in situation.integers("dims", ()))
    shifts = situation.integers("shifts", ())
    if not dims:
        raise NoRule("a roll of the flattened tensor")
    matrices = {}
    for axis, shift in zip(dims, shifts, strict=True):
        size = situation.node.shapes[0][axis]
        matrices[axis] = np.roll(np.eye(size), shift, axis=0)
    return mapped(situation, "self", matrices, {at: place(len(m)) for at, m in matrices.items()})


def flip(situation: Situation) -> Step:
    """Axes of places turned around."""
    signal = situation.signal("self")
    dims = {axis % len(signal.axes) for axis in situation.integers("dims", ())}
    matrices = {axis: np.eye(situation.node.shapes[0][axis])[::-1] for axis in dims}
    return mapped(situation, "self", matrices, {at: place(len(m)) for at, m in matrices.items()})
