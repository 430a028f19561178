"""How much alike a gradient is at the places of one input, and for two inputs.

A norm takes a gradient's mean and its part along the signal. Of N independent numbers each is one
N-th. Behind a mean over P places all of an input have one and the same gradient: its mean is P
times as much, and what slopes and borders leave of that goes on to every norm before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.nonlinear.series import Expansion, expansion
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.signals.windows import AxisSum

FEW: Final = 8  # one of so many draws tells a share of a share
_LEAST: Final = 1e-12  # of a gradient: less is nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Of a channel's gradient g at P places of B inputs, relative to `Σ_α E g_α²` of one input."""

    places: float = 1.0  # E (Σ_α g_α)²: 1 of independent places, P of equal ones
    inputs: float = 0.0  # E (Σ_α g_α)(Σ_α g'_α) of two inputs
    along: float | None = None  # E (Σ g x̂)²/B over all inputs, x̂ the signal of variance 1
    left: float = 1.0  # what a norm has just left of E g²

    def mean(self, batch: int) -> float:
        """`E (Σ g)²/B` over all places of a batch's inputs: 1 of independent numbers."""
        return max(self.places + (batch - 1) * self.inputs, 0.0)

    def thinned(self, places: float, inputs: float) -> Alike:
        """With these shares of what two places, and two inputs, have in common."""
        return Alike(places=1 + (self.places - 1) * places, inputs=self.inputs * inputs)


Sharing: TypeAlias = Callable[[Alike, Array], Alike]
"""From what a gradient shares at an operation's output, and that gradient as a pull takes it, to
what it shares at the inputs."""


def unmixed(alike: Alike, _gradient: Array) -> Alike:
    """Of what only moves numbers, and of sums of independent signals."""
    return alike


def mixed(alike: Alike, _gradient: Array) -> Alike:
    """Of sums with random weights, the same at each place: the signal before is another one."""
    return replace(alike, along=None)


def merged(one: Alike, other: Alike, sizes: tuple[float, float]) -> Alike:
    """Of the sum of two independent gradients.

    Args:
        one: Of a gradient.
        other: Of another one.
        sizes: `Σ E g²` of each.
    """
    whole = sum(sizes)
    if not 0 < whole < math.inf:
        return one
    a, b = (size / whole for size in sizes)
    along = None
    if one.along is not None and other.along is not None:
        along = a * one.along + b * other.along
    return Alike(
        places=a * one.places + b * other.places,
        inputs=a * one.inputs + b * other.inputs,
        along=along,
    )


def joining(sums: Sequence[AxisSum]) -> Sharing:
    """Of means over windows: each hands one gradient to all its places, and its sum stays.

    Args:
        sums: The windows along each axis.
    """
    count = 1 / math.prod(float((one.places**2).sum(axis=1).mean()) for one in sums)
    return lambda alike, _: Alike(places=alike.places * count, inputs=alike.inputs * count)


def thinning(places: float, inputs: float) -> Sharing:
    """Of masks, and of windows of random weights that do not see all outputs at the borders.

    Args:
        places: The share that stays of what two places have in common, in [0, 1].
        inputs: The same of two inputs.
    """
    return lambda alike, _: alike.thinned(places, inputs)


def sloped(signal: Signal, phi: Nonlinearity, batch: int) -> Sharing:
    """Of φ: its slopes at two places go together as the signal does there.

    Args:
        signal: Before φ; one that is not Gaussian counts as one of its mean and variance.
        phi: φ.
        batch: Inputs.
    """

    def sharing(alike: Alike, gradient: Array) -> Alike:
        slopes = _slopes(signal, phi)
        if slopes is None:
            return mixed(alike, gradient)
        own, slope, slant = slopes
        near, far = _correlations(signal, alike)
        first = slant(1.0) / own
        if gradient.ndim == 3:
            first = _along(signal, phi, gradient)
        two = (alike.places - 1) * slant(near) + (batch - 1) * alike.inputs * slant(far)
        thin = alike.thinned(slope(near) / own, slope(far) / own)
        return replace(thin, along=max(first + two / own, 0.0))

    return sharing


def over_batch(after: Signal, batch: int) -> Sharing:
    """Of a norm over all places of a batch.

    Args:
        after: The signal that it gives.
        batch: Inputs.
    """
    numbers = batch * after.places

    def sharing(alike: Alike, _gradient: Array) -> Alike:
        along = alike.along
        if along is None:
            near, far = _correlations(after, alike)
            along = 1 + (alike.places - 1) * near + (batch - 1) * alike.inputs * far
        mean = alike.mean(batch)
        gone = after.places * mean / numbers
        rest = max(1 - mean / numbers, _LEAST)
        return Alike(
            places=max(alike.places - gone, 0.0) / rest,
            inputs=(alike.inputs - gone) / rest,
            along=0.0,
            left=max(1 - (mean + along) / numbers, 0.0),
        )

    return sharing


def over_channels(after: Signal, channels: int) -> Sharing:
    """Of a norm over all places of some channels.

    Args:
        after: The signal that it gives.
        channels: Of one group.
    """
    numbers = channels * after.places

    def sharing(alike: Alike, _gradient: Array) -> Alike:
        along = alike.along
        if along is None:
            along = 1 + (alike.places - 1) * _correlations(after, alike)[0]
        rest = max(1 - alike.places / numbers, _LEAST)
        return Alike(
            places=alike.places * (1 - 1 / channels) / rest,
            inputs=alike.inputs * (1 - 1 / channels) / rest,
            along=0.0,
            left=max(1 - (alike.places + along) / numbers, 0.0),
        )

    return sharing


def _correlations(signal: Signal, alike: Alike) -> tuple[float, float]:
    """The mean correlation of two places of an input, and of two inputs; 0 where none is asked."""
    size, mean = signal.average(signal.variances), signal.first
    if size <= 0:
        return 0.0, 0.0
    near = far = 0.0
    if alike.places != 1 and signal.places > 1:
        whole = (signal.paired(signal.within) - mean**2) / size
        near = (signal.places * whole - 1) / (signal.places - 1)
    if alike.inputs:
        far = (signal.paired(signal.across) - mean**2) / size
    return min(max(near, -1.0), 1.0), min(max(far, -1.0), 1.0)


_Series: TypeAlias = Callable[[float], float]


def _slopes(signal: Signal, phi: Nonlinearity) -> tuple[float, _Series, _Series] | None:
    """`E φ'²`, and of two numbers with a correlation `E φ'φ'` and `E zφ' zφ'` for z = x/σ.

    None where φ has no slope, or is not defined for all that a Gaussian takes.
    """
    variance = signal.average(signal.variances)
    if variance <= 0:
        return None
    with np.errstate(all="ignore"):
        one = expansion(phi, variance=variance, mean=signal.first)
    own = one.moments.slope_second
    if not 0 < own < math.inf or not np.isfinite(one.coefficients).all():
        return None
    slope, slant = _slope_series(one, variance)
    return own, slope, slant


def _slope_series(one: Expansion, variance: float) -> tuple[_Series, _Series]:
    """On Hermite polynomials.

    φ' has the coefficients `√(k+1) a_{k+1}/σ`, and `z h_k = √k h_{k−1} + √(k+1) h_{k+1}`.
    """
    roots = np.sqrt(np.arange(1, one.coefficients.size))
    slope = roots * one.coefficients[1:] / math.sqrt(variance)
    beside = np.pad(slope, 1)
    slant = np.append(0.0, roots[:-1]) * beside[:-2] + roots * beside[2:]
    slant[-1] = 0.0  # the last one lacks its upper neighbour
    return partial(_series, slope**2), partial(_series, slant**2)


def _series(factors: Array, correlation: float) -> float:
    """`Σ f_k ρ^k`."""
    if correlation == 0:
        return float(factors[0])
    return float(factors @ correlation ** np.arange(factors.size))


def _along(signal: Signal, phi: Nonlinearity, gradient: Array) -> float:
    """`E (gφ'z)²/E (gφ')²` of a gradient by draws: a maximum sends it where the signal is large."""
    draws = gaussian_draw(signal)[::FEW]
    back = np.nan_to_num(gradient[::FEW] * phi.slope(draws) ** 2)
    z = (draws - signal.mean) / np.sqrt(np.maximum(signal.variances, _LEAST))
    whole = float(back.sum())
    return float(np.sum(back * z**2)) / whole if whole > 0 else 1.0
