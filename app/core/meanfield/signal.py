"""A random tensor as theory sees it: moments over the weights, place by place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from app.core.meanfield.axes import Axes, Factor, Unfit, channels_of, places_of
from app.core.meanfield.nonlinearities import Array

MOST_AXES: Final = 8  # of a grid
DRAWS: Final = 4096  # joint draws of one channel where it is not Gaussian
Draw: TypeAlias = Callable[[], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Moments of one channel, over random weights, at P places of a grid.

    The rows and columns of `within` and `across` are the places in row-major order of `grid`.
    """

    axes: Axes
    grid: tuple[Factor, ...]
    mean: Array  # [P]
    within: Array  # [P, P], E x_α x_α' of one input
    across: Array  # [P, P], E x_α y_α' of two inputs
    draw: Draw | None = None  # [DRAWS, 2, P], two inputs; None where the channel is Gaussian
    kurtosis: float = 3.0  # E x⁴/(E x²)² of one input, averaged over places
    joint: float = 3.0  # E x²y²/(E x²)² of two inputs, averaged over places
    inherited: float = 0.0  # variance of log E x² over networks, from the layers before
    seed: int = 0  # of its draws while it is Gaussian: one for each independent signal

    @property
    def second(self) -> float:
        """E x², averaged over places."""
        return float(np.mean(np.diag(self.within)))

    @property
    def first(self) -> float:
        """E x, averaged over places."""
        return float(np.mean(self.mean))

    @property
    def std(self) -> float:
        """Population std over everything."""
        return math.sqrt(max(self.second - self.first**2, 0.0))

    @property
    def input_share(self) -> float | None:
        """Root mean square of the spread over inputs ÷ root mean square."""
        if self.second <= 0:
            return None
        spread = float(np.mean(np.diag(self.within) - np.diag(self.across)))
        return math.sqrt(max(spread, 0.0) / self.second)

    def log_variance(self, batch: int) -> float:
        """Variance of the logarithm of one network's mean square, over a batch of inputs.

        What the layers before leave, and what the finite number of these channels adds.
        """
        squares = (self.kurtosis + (batch - 1) * self.joint) / batch
        return self.inherited + max(squares - 1, 0.0) / max(self.channels, 1)

    @property
    def channels(self) -> int:
        """How many channels share these moments."""
        return channels_of(self.axes)

    @property
    def variances(self) -> Array:
        """Var x_α: [P]."""
        spread: Array = np.maximum(np.diag(self.within) - self.mean**2, 0.0)
        return spread


def gaussian_draw(signal: Signal) -> Array:
    """Joint draws of one channel at all places of two inputs: [DRAWS, 2, P].

    The seeds are fixed: the same network gives the same theory.
    """
    if signal.draw is not None:
        return signal.draw()
    outer = np.outer(signal.mean, signal.mean)
    within, across = signal.within - outer, signal.across - outer
    noise = np.random.default_rng(signal.seed)
    total = _antithetic(noise, within + across)  # of two inputs, and their difference
    apart = _antithetic(noise, within - across)
    draws: Array = np.stack([total + apart, total - apart], axis=1) / math.sqrt(2) + signal.mean
    return draws


def _antithetic(noise: np.random.Generator, covariance: Array) -> Array:
    """Gaussian draws of which each has its negative among them: odd moments are exact."""
    half = noise.standard_normal((DRAWS // 2, len(covariance))) @ _root(covariance).T
    # The sum and the difference must not be negated together: their halves are laid apart.
    return noise.permutation(np.concatenate([half, -half]))


def from_draws(signal: Signal, draws: Array) -> Signal:
    """The signal with the moments of its draws, which it keeps: [DRAWS, 2, P]."""
    first, second = draws[:, 0], draws[:, 1]
    squares = np.mean(draws**2, axis=(0, 1))
    return replace(
        signal,
        mean=draws.mean(axis=(0, 1)),
        within=(first.T @ first + second.T @ second) / (2 * len(draws)),
        across=(first.T @ second + second.T @ first) / (2 * len(draws)),
        draw=lambda: draws,
        kurtosis=_ratio(float(np.mean(draws**4)), float(np.mean(squares**2))),
        joint=_ratio(float(np.mean(first**2 * second**2)), float(np.mean(squares**2))),
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


def _root(matrix: Array) -> Array:
    """A matrix R with R·Rᵀ as given, up to the rounding that made it indefinite."""
    jitter = 1e-9 * float(np.trace(matrix)) / len(matrix)
    try:
        root: Array = np.asarray(np.linalg.cholesky(matrix + jitter * np.eye(len(matrix))))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else 1.0
