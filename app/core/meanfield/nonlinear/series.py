"""An activation as a series of Hermite polynomials: its moments and its products at many places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.meanfield.nonlinear.gaussian import Moments, rule
from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity

ORDERS: Final = 80  # of Hermite polynomials, where there are too many pairs for quadrature
EXACT: Final = 1e-13  # of E φ²: what later orders add is left out
_RULES: Final = 256  # kept
_SINGLE: Final = 1024  # expansions kept, of 1.3 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """φ(μ + σz) on the Hermite polynomials of z."""

    moments: Moments
    coefficients: Array  # E φ h_k: [ORDERS]
    square: Array  # φ² at the nodes of the rule, times their weights
    kinks: tuple[float, ...]  # of the rule
    elasticity: float  # d log E φ² / d log E x², the mean growing with the root

    @property
    def squares(self) -> Array:
        """`E φ² h_k`: [ORDERS]."""
        return np.asarray(_polynomials(self.kinks) @ self.square)

    @property
    def remainder(self) -> float:
        """What E φ² holds beyond the orders."""
        return max(self.moments.second - float(self.coefficients @ self.coefficients), 0.0)

    def product(self, correlation: float) -> float:
        """`E φ(u)φ(v)` of two numbers of this law with this correlation."""
        powers = correlation ** np.arange(ORDERS)
        return float(self.coefficients**2 @ powers) + self.remainder * correlation**ORDERS

    def joint(self, correlation: float) -> float:
        """`E φ(u)²φ(v)² / (E φ²)²` for this correlation; 1 where φ is 0."""
        second = self.moments.second
        if second <= 0:
            return 1.0
        powers = correlation ** np.arange(ORDERS)
        squares = self.squares**2
        rest = max(self.moments.fourth - float(squares.sum()), 0.0)
        both = float(squares @ powers) + rest * correlation**ORDERS
        return both / second**2


def expansion(activation: Nonlinearity, *, variance: float, mean: float = 0.0) -> Expansion:
    """The activation of one Gaussian number as a series, for its products with others.

    Args:
        activation: φ.
        variance: Of x, at least 0.
        mean: Of x.
    """
    return expansions(activation, variances=np.array([variance]), means=np.array([mean]))[0]


def expansions(activation: Nonlinearity, *, variances: Array, means: Array) -> list[Expansion]:
    """The activation of each of several Gaussian numbers as a series.

    Args:
        activation: φ.
        variances: Of each number, at least 0: [n].
        means: Of each number: [n].
    """
    spreads = np.sqrt(np.maximum(variances, 0.0))
    if activation.homogeneous is not None and not means.any():
        return [_scaled(activation, float(spread)) for spread in spreads]
    if len(means) == 1:
        return [_single(activation, float(means[0]), float(spreads[0]))]
    alike: dict[tuple[float, ...], list[int]] = {}
    for at, (mean, spread) in enumerate(zip(means, spreads, strict=True)):
        kinks = _kinks(activation, mean, spread)
        alike.setdefault(kinks, []).append(at)
    found: dict[int, Expansion] = {}
    for kinks, members in alike.items():
        each = _expanded(activation, kinks, means[members], spreads[members])
        found |= dict(zip(members, each, strict=True))
    return [found[at] for at in range(len(means))]


def _kinks(activation: Nonlinearity, mean: float, spread: float) -> tuple[float, ...]:
    return tuple((kink - mean) / spread for kink in activation.kinks) if spread else ()


@lru_cache(maxsize=_SINGLE)
def _single(activation: Nonlinearity, mean: float, spread: float) -> Expansion:
    """Of one number; the way back asks for it again."""
    kinks = _kinks(activation, mean, spread)
    return _expanded(activation, kinks, np.array([mean]), np.array([spread]))[0]


def _expanded(
    activation: Nonlinearity, kinks: tuple[float, ...], means: Array, spreads: Array
) -> list[Expansion]:
    """Of numbers whose kinks stand at the same places of their laws."""
    z, weight = rule(kinks)
    x = means[:, None] + spreads[:, None] * z
    value, slope = activation.value(x), activation.slope(x)
    # A number that does not vary has its own slope, whichever side of a kink it is on.
    square = value * value
    first, second, steep = value @ weight, square @ weight, (slope * slope) @ weight
    fourth, growth = (square * square) @ weight, (value * slope * x) @ weight
    polynomials = _polynomials(kinks)
    coefficients, weighted = (value * weight) @ polynomials.T, square * weight
    return [
        Expansion(
            moments=Moments(
                mean=float(first[at]),
                second=float(second[at]),
                slope_second=float(steep[at]),
                fourth=float(fourth[at]),
            ),
            coefficients=coefficients[at],
            square=weighted[at],
            kinks=kinks,
            elasticity=float(growth[at] / second[at]) if second[at] > 0 else 1.0,
        )
        for at in range(len(means))
    ]


def _scaled(activation: Nonlinearity, spread: float) -> Expansion:
    """Of a scale-free activation of a number with a mean of 0: the unit's, times its spread."""
    assert activation.homogeneous is not None  # noqa: S101 - the caller's condition
    unit = _unit(activation.homogeneous)
    return Expansion(
        moments=Moments(
            mean=unit.moments.mean * spread,
            second=unit.moments.second * spread**2,
            slope_second=unit.moments.slope_second,
            fourth=unit.moments.fourth * spread**4,
        ),
        coefficients=unit.coefficients * spread,
        square=unit.square * spread**2,
        kinks=unit.kinks,
        elasticity=1.0,
    )


@lru_cache(maxsize=_RULES)
def _unit(slopes: tuple[float, float]) -> Expansion:
    """Of slopes a below 0 and b above, of a unit normal."""
    sides = Nonlinearity(
        name="",
        value=lambda x: np.where(x > 0, slopes[1] * x, slopes[0] * x),
        slope=lambda x: np.where(x > 0, slopes[1], slopes[0]),
        kinks=(0.0,),
    )
    return _expanded(sides, (0.0,), np.zeros(1), np.ones(1))[0]


@lru_cache(maxsize=_RULES)
def _polynomials(kinks: tuple[float, ...]) -> Array:
    """Normalised Hermite polynomials at the rule's nodes: [ORDERS, nodes]."""
    z, _ = rule(kinks)
    found = np.empty((ORDERS, z.size))
    before, now = np.zeros_like(z), np.ones_like(z)
    for order in range(ORDERS):
        found[order] = now
        before, now = now, (z * now - math.sqrt(order) * before) / math.sqrt(order + 1)
    return found


def products(each: Sequence[Expansion], kind: NDArray[np.intp], correlation: Array) -> Array:
    """`E φ(x_α) φ(x_α')` for each pair of places with this correlation: [P, P].

    Args:
        each: The different expansions.
        kind: Which of them each place has: [P].
        correlation: Of each pair, in [-1, 1]: [P, P].
    """
    if len(kind) == 1:
        return np.array([[each[0].product(float(correlation[0, 0]))]])
    if len(each) == 1:
        return _alike(each[0], correlation)
    coefficients = np.stack([one.coefficients for one in each])
    seconds = np.array([one.moments.second for one in each])
    rests = np.sqrt(np.maximum(seconds - np.einsum("nk,nk->n", coefficients, coefficients), 0.0))
    orders = _orders(coefficients, rests, correlation)
    series = coefficients[kind, :orders].T
    total = np.outer(rests[kind], rests[kind]) if orders == ORDERS else np.zeros_like(correlation)
    for order in range(orders - 1, -1, -1):
        total *= correlation
        total += np.multiply.outer(series[order], series[order])
    return total


def _alike(one: Expansion, correlation: Array) -> Array:
    """Of places that are all alike, in one product per order."""
    inner = correlation[~np.eye(len(correlation), dtype=bool)]
    low, high = float(inner.min()), float(inner.max())
    if high - low < EXACT:
        found = np.full_like(correlation, one.product(low))
        own, which = np.unique(np.diag(correlation), return_inverse=True)
        np.fill_diagonal(found, np.array([one.product(float(value)) for value in own])[which])
        return found
    squares = one.coefficients**2
    orders = _orders(one.coefficients[None], np.array([math.sqrt(one.remainder)]), correlation)
    total = np.full_like(correlation, one.remainder if orders == ORDERS else 0.0)
    for order in range(orders - 1, -1, -1):
        total *= correlation
        total += squares[order]
    return total


def _orders(coefficients: Array, rests: Array, correlation: Array) -> int:
    """How many orders matter for correlations of this size."""
    largest = float(np.max(np.abs(correlation), initial=0.0))
    if largest >= 1:
        return ORDERS
    powers = largest ** np.arange(ORDERS + 1)
    held = np.max(np.concatenate([coefficients**2, rests[:, None] ** 2], axis=1), axis=0) * powers
    after = np.cumsum(held[::-1])[::-1]
    small = after < EXACT * held.sum()
    return int(np.argmax(small)) if small.any() else ORDERS
