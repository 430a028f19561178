"""Joint draws of one channel at many places, with exactly the moments that theory gives them.

A sample's own second moments differ from what it was drawn from by a few percent, and every later
layer would inherit that. So each sample is turned by the small matrix that makes them equal; what
is left to chance are the higher moments.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from scipy import linalg, special

from app.core.meanfield.nonlinear.nonlinearities import Array

Lean: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

DRAWS: Final = 8192  # of one channel where it is not Gaussian, at few places
FEWEST: Final = 512
_PRODUCT: Final = 2**18  # draws times places: 4 MB for two inputs
_JITTER: Final = 1e-7  # of a mean variance: what a matrix without full rank lacks
_ENOUGH: Final = 2  # draws for each place, for their covariance to be turned


def draws_of(places: int) -> int:
    """How many joint draws stand for a channel at so many places; a multiple of 4."""
    return min(max(_PRODUCT // places, FEWEST), DRAWS) // 4 * 4


def gaussian(seed: int, mean: Array, within: Array, across: Array, *, loose: bool = False) -> Array:
    """Draws of a Gaussian channel at all places of two inputs: [draws, 2, P].

    Args:
        seed: Of the draws.
        mean: [P].
        within: [P, P], second moments of one input.
        across: [P, P], of two inputs.
        loose: Whether their own second moments may be a sample's.
    """
    outer = np.outer(mean, mean)
    noise = np.random.default_rng(seed)
    # Of the sum of two inputs, and of their difference.
    total = _antithetic(noise, within + across - 2 * outer, loose=loose)
    apart = _antithetic(noise, within - across, loose=loose)
    return _two(total, apart) + mean


def matched(draws: Array, mean: Array, within: Array, across: Array) -> Array:
    """The draws with these moments: [draws, 2, P].

    Args:
        draws: Whose moments are these but for chance.
        mean: [P].
        within: [P, P], second moments of one input.
        across: [P, P], of two inputs.
    """
    if len(draws) < _ENOUGH * draws.shape[-1]:
        return draws
    centred = draws - draws.mean(axis=(0, 1))
    outer = np.outer(mean, mean)
    total = (centred[:, 0] + centred[:, 1]) / math.sqrt(2)
    apart = (centred[:, 0] - centred[:, 1]) / math.sqrt(2)
    total, apart = _turned(total, within + across - 2 * outer), _turned(apart, within - across)
    return _two(total, apart) + mean


def scale_of(squares: Array) -> float:
    """The root of the mean square, by which numbers of any size fit float32; 1 for none."""
    mean = float(squares.mean())
    return math.sqrt(mean) if mean > 0 else 1.0


def _two(total: Array, apart: Array) -> Array:
    draws = np.empty((len(total), 2, total.shape[1]))
    np.add(total, apart, out=draws[:, 0])
    np.subtract(total, apart, out=draws[:, 1])
    draws *= math.sqrt(0.5)
    return draws


def _antithetic(noise: np.random.Generator, covariance: Array, *, loose: bool) -> Array:
    """Gaussian draws of which each has its negative among them: odd moments are exact."""
    places = len(covariance)
    half = noise.standard_normal((draws_of(places) // 2, places), dtype=np.float32)
    size = scale_of(covariance.diagonal())
    root = _root(covariance) / size
    half = _spread_evenly(noise, half, root.sum(axis=0))
    if not loose and len(half) >= _ENOUGH * places:
        own = np.linalg.cholesky((half.T @ half).astype(np.float64) / len(half))
        root = _solved(np.asarray(own, np.float64), root.T).T
    half = half @ root.T.astype(np.float32)
    # The sum and the difference must not be negated together: their halves are laid apart.
    order = noise.permutation(2 * len(half))
    return np.concatenate([half, -half])[order].astype(np.float64) * size


def _spread_evenly(noise: np.random.Generator, half: Lean, towards: Array) -> Lean:
    """The draws, of which that part is spread evenly over its law that all places share most."""
    size = float(np.linalg.norm(towards))
    if size == 0:
        return half
    way = towards / size
    levels = special.ndtri((np.arange(len(half)) + 0.5) / (2 * len(half)))
    even = noise.permutation(levels) * noise.choice([-1.0, 1.0], size=len(half))
    return half + np.outer(even - half @ way, way).astype(np.float32)


def _turned(draws: Array, covariance: Array) -> Array:
    """Draws with a mean of 0, with this covariance."""
    if not np.trace(covariance) > 0:
        return np.zeros_like(draws)
    size = scale_of(covariance.diagonal())
    lean = (draws / size).astype(np.float32)
    own = _root((lean.T @ lean).astype(np.float64) / len(draws))
    turn = _solved(own, _root(covariance / size**2).T)
    return (lean @ turn.astype(np.float32)).astype(np.float64) * size


def _solved(lower: Array, right: Array) -> Array:
    """X with Lᵀ·X as given, for a lower triangular L."""
    found = linalg.solve_triangular(lower, right, trans=1, lower=True, check_finite=False)
    return np.asarray(found, np.float64)


def _root(matrix: Array) -> Array:
    """A lower triangular R with R·Rᵀ as given, up to the rounding that made it indefinite."""
    places = len(matrix)
    jitter = max(_JITTER * float(np.trace(matrix)) / places, 1e-300)
    try:
        return np.asarray(np.linalg.cholesky(matrix + jitter * np.eye(places)))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        mended = (vectors * np.maximum(values, jitter)) @ vectors.T
        return np.asarray(np.linalg.cholesky(mended + jitter * np.eye(places)), np.float64)
