"""Moments of an activation of Gaussian numbers of many variances at once, exact to rounding.

Kinks that are not at 0 stand elsewhere in each number's law, so each has a rule of its own with as
many nodes as the others: Gauss-Legendre between fixed places and the kinks in sorted order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.gaussian import POINTS, REACH, rule
from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.nonlinear.series import ORDERS

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(POINTS)
_PLACES: Final = np.linspace(-REACH, REACH, 9)  # 2.5 standard deviations apart
_ROOT: Final = math.sqrt(2 * math.pi)


def seconds(activation: Nonlinearity, variances: Array) -> tuple[Array, Array]:
    """E φ² and E φ'² of numbers of these variances.

    Args:
        activation: φ.
        variances: At least 0: [n].
    """
    second, slope = np.empty_like(variances), np.empty_like(variances)
    for members, z, weight in _rules(activation, variances):
        x = np.sqrt(variances[members])[:, None] * z
        second[members] = _summed(activation.value(x) ** 2, weight)
        slope[members] = _summed(activation.slope(x) ** 2, weight)
    return second, slope


def squared_series(activation: Nonlinearity, variances: Array) -> Array:
    """The squared Hermite coefficients of φ(σz) for each σ²: [n, ORDERS].

    Args:
        activation: φ.
        variances: Above 0: [n].
    """
    found = np.empty((variances.size, ORDERS))
    for members, z, weight in _rules(activation, variances):
        value = activation.value(np.sqrt(variances[members])[:, None] * z) * weight
        before, now = np.zeros_like(z), np.ones_like(z)
        for order in range(ORDERS):
            found[members, order] = _summed(value, now) ** 2
            before *= math.sqrt(order)
            before, now = now, (z * now - before) / math.sqrt(order + 1)
    return found


def _summed(values: Array, weight: Array) -> Array:
    """Of each row, with its own weights or those of all."""
    total: Array = values @ weight if weight.ndim == 1 else np.einsum("ij,ij->i", values, weight)
    return total


def _rules(
    activation: Nonlinearity, variances: Array
) -> Iterator[tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Array, Array]]:
    """Numbers with the nodes and weights of their laws: those of all, or a row for each."""
    fixed = tuple(kink for kink in activation.kinks if kink == 0)
    moving = np.array([kink for kink in activation.kinks if kink != 0])
    nearest = np.min(np.abs(moving)) if moving.size else math.inf
    alike = np.sqrt(variances) * REACH <= nearest
    if alike.any():
        yield np.flatnonzero(alike), *rule(fixed)
    if not alike.all():
        own = np.flatnonzero(~alike)
        places = moving / np.sqrt(variances[own])[:, None]
        yield own, *_own_rules(np.clip(places, -REACH, REACH))


def _own_rules(places: Array) -> tuple[Array, Array]:
    """Nodes and weights for kinks at these places, and at 0, which is a fixed one: [n, nodes]."""
    shared = np.broadcast_to(_PLACES, (len(places), _PLACES.size))
    edges = np.sort(np.concatenate([places, shared], axis=1), axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    z = edges[:, :-1, None] + half + half * _NODES
    weight = half * _WEIGHTS * np.exp(-z * z / 2) / _ROOT
    return z.reshape(len(places), -1), weight.reshape(len(places), -1)
