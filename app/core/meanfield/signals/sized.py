"""A channel divided by its own size over a batch, which varies with what it divides.

By the mean size of all channels a Gaussian channel stays Gaussian. By its own, and without its own
mean, it has lighter tails and other correlations, and its gradient grows: the more, the fewer
independent numbers it holds.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import integrate

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.matched import gaussian, matched
from app.core.meanfield.signals.signal import Draw, Signal

FREEDOM: Final = 24.0  # degrees of freedom beyond which E |x| is within 1 % of a Gaussian's
OF_PLACES: Final = 64.0  # the same where the means of places over all inputs are a part of the size
_FEWEST: Final = 4  # inputs of a batch
_LIGHT: Final = 200.0  # degrees of freedom beyond which χ² tells E 1/S to 1e-3
_HEAVY: Final = 4.0  # below which E 1/S of χ² is not finite, or eps alone bounds it


def is_few(signal: Signal, freedom: float, batch: int) -> bool:
    """Whether a channel's variance over the batch has too few degrees of freedom to be its mean."""
    each_place = signal.places == signal.mean.size
    most = OF_PLACES if signal.places > 1 else FREEDOM
    return signal.draw is None and each_place and freedom < most and batch >= _FEWEST


def sized(
    signal: Signal, within: Array, across: Array, *, batch: int, eps: float
) -> tuple[Array, Array, Draw]:
    """Each channel without its own mean and divided by its own root mean square.

    Args:
        signal: A Gaussian one, with each of its places.
        within: [P, P], second moments of one input without the channel's mean.
        across: [P, P], of two inputs.
        batch: Inputs, at least 4.
        eps: Added to a variance.

    Returns:
        The same moments, each channel divided by its own size instead of that of all channels; and
        draws of such a channel: [draws, 2, P], of variance 1.
    """
    pair = gaussian(signal.seed, signal.mean, signal.within, signal.across)
    middle, variance = _over_batch(signal, pair, batch)
    centred = pair - middle[:, None, None]
    own = centred / np.sqrt(variance + eps)[:, None, None]
    own *= math.sqrt(float(np.mean(centred * centred)) / float(np.mean(own * own)))
    # What chance does to the draws, it does before and after.
    near, far = (
        moments + after - before
        for moments, after, before in zip(
            (within, across), _second_moments(own), _second_moments(centred), strict=True
        )
    )
    size = float(within.diagonal().mean()) + eps
    draws = _balanced(own) / math.sqrt(size)
    still = np.zeros(len(within))
    return near, far, lambda: matched(draws, still, near / size, far / size)


def mean_inverse(within: Array, across: Array, *, batch: int, freedom: float) -> float:
    """`E S` times `E 1/S` of a Gaussian channel's measured variance S.

    S is a sum of squares; the shifted Γ law with its first three cumulants stands for its own. A
    part that all inputs share varies much, but what they do not share bounds S from below.

    Args:
        within: [P, P], second moments of one input.
        across: [P, P], of two inputs.
        batch: Inputs.
        freedom: Degrees of freedom of S, `2 (E S)²/Var S`.
    """
    if not _HEAVY < freedom < _LIGHT:
        return 1 + 2 / max(freedom - 2, _HEAVY - 2)
    apart = within - across
    shared = apart + batch * across
    size = (batch - 1) * float(np.trace(apart)) + float(np.trace(shared))
    cubes = ((batch - 1) * _cubed(apart) + _cubed(shared)) / size**3
    scale = max(freedom * cubes, 1 / freedom) * 2
    shape = 2 / (freedom * scale**2)
    floor = max(1 - shape * scale, 0.0)
    found, _ = integrate.quad(
        lambda t: math.exp(-t * floor) * (1 + t * scale) ** -shape, 0, math.inf
    )
    return float(found)


def _cubed(matrix: Array) -> float:
    """The trace of the third power of a symmetric matrix."""
    return float(np.sum((matrix @ matrix) * matrix))


def _over_batch(signal: Signal, pair: Array, batch: int) -> tuple[Array, Array]:
    """Mean and variance over batch and places of the channels of which two inputs are known.

    All inputs x of a channel are m + c + e: c they share, with the covariance that two of them
    have; e is each one's own. Of the n others c is drawn as the two leave it open, and s = Σe;
    Σ|e|² is |s|²/n and a rest that is independent of both, nearly Γ-distributed.
    """
    outer = np.outer(signal.mean, signal.mean)
    across, apart = signal.across - outer, signal.within - signal.across
    others = batch - 2
    noise = np.random.default_rng(~signal.seed & 0xFFFF_FFFF)
    towards = np.linalg.solve(2 * across + apart + _jitter(apart), across)
    known = (pair - signal.mean).sum(axis=1) @ towards
    left = noise.standard_normal(known.shape) @ _root(across - 2 * across @ towards).T
    sums = noise.standard_normal(known.shape) @ _root(others * apart).T
    alike = signal.mean + known + left + sums / others
    mean, spread = (others - 1) * float(np.trace(apart)), 2 * (others - 1) * float(np.sum(apart**2))
    rest = noise.gamma(mean**2 / spread, spread / mean, size=len(pair))
    numbers = batch * len(apart)
    middle = (pair.sum(axis=(1, 2)) + others * alike.sum(axis=1)) / numbers
    squares = np.sum(pair**2, axis=(1, 2)) + others * np.sum(alike**2, axis=1) + rest
    return middle, squares / numbers - middle**2


def _second_moments(draws: Array) -> tuple[Array, Array]:
    first, second = draws[:, 0], draws[:, 1]
    crossed = first.T @ second
    near = (first.T @ first + second.T @ second) / (2 * len(draws))
    return near, (crossed + crossed.T) / (2 * len(draws))


def _balanced(draws: Array) -> Array:
    """Half of them and their negatives."""
    half = draws[: len(draws) // 2]
    return np.concatenate([half, -half])


def _jitter(matrix: Array) -> Array:
    return np.eye(len(matrix)) * max(1e-9 * float(np.trace(matrix)) / len(matrix), 1e-300)


def _root(matrix: Array) -> Array:
    """R with R·Rᵀ as given, without what rounding has made negative."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
