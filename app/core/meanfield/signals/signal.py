"""A random tensor as theory sees it: moments over the weights, place by place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals import sampled
from app.core.meanfield.signals.axes import Axes, Factor, Unfit, channels_of, places_of
from app.core.meanfield.signals.matched import DRAWS, draws_of, gaussian, matched, scale_of
from app.core.meanfield.signals.sampled import Sampling

MOST_AXES: Final = 8  # of a grid
Draw: TypeAlias = Callable[[], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Moments of one channel, over random weights, at P places of a grid.

    The rows and columns of `within` and `across` are the places in row-major order of `grid`; of a
    long axis they are those of its sample, which `average`, `averages` and `paired` weigh.
    """

    axes: Axes
    grid: tuple[Factor, ...]
    mean: Array  # [P]
    within: Array  # [P, P], E x_α x_α' of one input
    across: Array  # [P, P], E x_α y_α' of two inputs
    draw: Draw | None = None  # [draws, 2, P], two inputs; None where the channel is Gaussian
    kurtosis: float = 3.0  # E x⁴/(E x²)² of one input, averaged over places
    joint: float = 3.0  # E x²y²/(E x²)² of two inputs, averaged over places
    inherited: float = 0.0  # variance of log E x² over networks, from the layers before
    seed: int = 0  # of its draws while it is Gaussian: one for each independent signal
    stray: float = 0.0  # variance of two inputs' correlation over networks, from the layers before
    summands: float = math.inf  # independent weights in a channel, which all its places share
    _drawn: list[Array] = field(init=False, repr=False, compare=False, default_factory=list)
    _doubts: dict[int, float] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def places(self) -> int:
        """How many places there are, kept or not."""
        return math.prod(factor.whole for factor in self.grid)

    def average(self, values: Array) -> float:
        """The mean over all places of a number of each kept one: [P]."""
        return float(values[0]) if values.size == 1 else sampled.averaged(values, self._axes())

    def averages(self, matrix: Array) -> Array:
        """For each kept place the mean over its pairs with all places: [P, P] → [P]."""
        return sampled.rows_averaged(matrix, self._axes())

    def paired(self, matrix: Array) -> float:
        """The mean over all pairs of places, each with itself among them: [P, P]."""
        if matrix.size == 1:
            return float(matrix[0, 0])
        return sampled.pairs_averaged(matrix, self._axes())

    def _axes(self) -> list[tuple[int, Sampling | None]]:
        return [(factor.size, factor.sample) for factor in self.grid]

    @property
    def second(self) -> float:
        """E x², averaged over places."""
        return self.average(self.within.diagonal())

    @property
    def first(self) -> float:
        """E x, averaged over places."""
        return self.average(self.mean)

    @property
    def std(self) -> float:
        """Population std over everything."""
        return math.sqrt(max(self.second - self.first**2, 0.0))

    @property
    def input_share(self) -> float | None:
        """Root mean square of the spread over inputs ÷ root mean square."""
        if self.second <= 0:
            return None
        spread = self.average(self.within.diagonal() - self.across.diagonal())
        return math.sqrt(max(spread, 0.0) / self.second)

    def log_variance(self, batch: int) -> float:
        """Variance of the logarithm of one network's mean square, over a batch of inputs.

        What the layers before leave, and what the finite number of these channels adds.
        """
        if batch not in self._doubts:
            near = (self.kurtosis - 1) * self._alike(self.within)
            far = (self.joint - 1) * self._alike(self.across)
            squares = (near + (batch - 1) * far) / batch
            self._doubts[batch] = self.inherited + max(squares, 0.0) / max(self.channels, 1)
        return self._doubts[batch]

    def _alike(self, moments: Array) -> float:
        """What the squares at two places vary together, of what they vary at one: at most 1.

        Of a Gaussian it goes with the square of the covariance; of others nearly with itself.
        """
        if moments.size == 1:
            return 1.0
        shared = moments - np.outer(self.mean, self.mean) if self.mean.any() else moments
        shared = shared * shared if self.draw is None else np.abs(shared)
        own = self.average(shared.diagonal())
        return min(self.paired(shared) / own, 1.0) if own > 0 else 1.0

    @property
    def channels(self) -> int:
        """How many channels share these moments."""
        return channels_of(self.axes)

    @property
    def variances(self) -> Array:
        """Var x_α: [P]."""
        spread: Array = np.maximum(self.within.diagonal() - self.mean**2, 0.0)
        return spread


def gaussian_draw(signal: Signal) -> Array:
    """Joint draws of one channel at all places of two inputs: [draws, 2, P].

    The seeds are fixed: the same network gives the same theory. A Gaussian's draws have its own
    means and variances at each place, to rounding.
    """
    if not signal._drawn:
        if signal.draw is None:
            drawn = gaussian(signal.seed, signal.mean, signal.within, signal.across)
        else:
            drawn = _counted(signal.draw())
        signal._drawn.append(drawn)
    return signal._drawn[0]


def _counted(draws: Array) -> Array:
    """As many draws as there should be for these places, whatever they were made from."""
    count = draws_of(draws.shape[-1])
    if len(draws) == count:
        return draws
    return np.resize(draws, (count, *draws.shape[1:]))


def matched_draw(signal: Signal, draw: Draw) -> Draw:
    """A draw whose second moments are those of the signal, not those of a sample."""
    return lambda: matched(_counted(draw()), signal.mean, signal.within, signal.across)


def summed_draw(after: Signal, left: Signal, right: Signal) -> Draw:
    """Draws of the sum of two independent signals, with the moments that it has."""
    return matched_draw(after, lambda: _loose_draw(left) + _loose_draw(right))


def _loose_draw(signal: Signal) -> Array:
    """Draws whose second moments may be a sample's."""
    if signal.draw is not None or signal._drawn:
        return gaussian_draw(signal)
    return gaussian(signal.seed, signal.mean, signal.within, signal.across, loose=True)


def from_draws(signal: Signal, draws: Array) -> Signal:
    """The signal with the moments of its draws, which it keeps: [draws, 2, P]."""
    unit = scale_of(np.mean(draws * draws, axis=(0, 1)))
    lean = (draws / unit).astype(np.float32)  # sums of draws, which are a percent off anyway
    first, second = lean[:, 0], lean[:, 1]
    crossed = (first.T @ second).astype(np.float64)
    paired = (first.T @ first).astype(np.float64) + second.T @ second
    squares = lean * lean
    size = squares.mean(axis=(0, 1), dtype=np.float64)
    np.fill_diagonal(paired, size * 2 * len(draws))
    found = replace(
        signal,
        mean=draws.mean(axis=(0, 1)),
        within=paired * (unit**2 / (2 * len(draws))),
        across=(crossed + crossed.T) * (unit**2 / (2 * len(draws))),
        draw=lambda: draws,
    )
    whole = found.average(size**2)
    fourth = np.einsum("dip,dip->p", squares, squares) / (2 * len(draws))
    both = np.einsum("dp,dp->p", squares[:, 0], squares[:, 1]) / len(draws)
    return replace(
        found,
        kurtosis=_ratio(found.average(fourth.astype(np.float64)), whole),
        joint=_ratio(found.average(both.astype(np.float64)), whole),
    )


def over_places(signal: Signal, grid: Sequence[Factor]) -> Signal:
    """The signal on a grid that holds all its places, in that grid's order.

    Along places that it lacks the signal is one and the same number.
    """
    wanted = tuple(grid)
    if wanted == signal.grid:
        return signal
    keys = [factor.key for factor in signal.grid]
    if not set(keys) <= {factor.key for factor in wanted} or len(wanted) > MOST_AXES:
        raise Unfit
    kept = [factor for factor in wanted if factor.key in keys]
    order = [keys.index(factor.key) for factor in kept]
    old = tuple(factor.size for factor in signal.grid)
    lean = tuple(factor.size if factor.key in keys else 1 for factor in wanted)
    full = tuple(factor.size for factor in wanted)

    def matrix(values: Array) -> Array:
        turned = values.reshape(old + old).transpose([*order, *(len(old) + i for i in order)])
        places = math.prod(full)
        return np.broadcast_to(turned.reshape(lean + lean), full + full).reshape(places, places)

    mean = signal.mean.reshape(old).transpose(order).reshape(lean)
    draw = None if signal.draw is None else _spread(signal.draw, old, order, lean, full)
    return replace(
        signal,
        grid=wanted,
        mean=np.broadcast_to(mean, full).reshape(-1),
        within=matrix(signal.within),
        across=matrix(signal.across),
        draw=draw,
    )


def _spread(
    draw: Draw,
    old: tuple[int, ...],
    order: list[int],
    lean: tuple[int, ...],
    full: tuple[int, ...],
) -> Draw:
    def drawn() -> Array:
        values = draw()
        turned = values.reshape(-1, 2, *old).transpose([0, 1, *(2 + i for i in order)])
        grown = turned.reshape(-1, 2, *lean)
        return np.broadcast_to(grown, (len(values), 2, *full)).reshape(len(values), 2, -1)

    return drawn


def in_axis_order(signal: Signal) -> Signal:
    """The signal with its grid in the order of its axes."""
    return over_places(signal, places_of(signal.axes))


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else 1.0


__all__ = [
    "DRAWS",
    "Draw",
    "Signal",
    "draws_of",
    "from_draws",
    "gaussian_draw",
    "in_axis_order",
    "matched_draw",
    "over_places",
    "summed_draw",
]
