"""Rules of sums, means and sizes over axes of a tensor."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.notes import Average
from app.core.meanfield.rules import pooled
from app.core.meanfield.signals.axes import Axes, Factor
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Pull, Situation, Step, single


def mean(situation: Situation) -> Step:
    """The mean over axes of places, or over the channels of each place."""
    signal, folded = _ready(situation)
    if not _roles(signal, folded) <= {"channel"}:
        return pooled.mean(situation)
    after = _over_channels(signal, _without(situation, signal, folded))
    share = 1 / _terms(signal, folded)
    pull: Pull = lambda gradient: gradient * share**2  # noqa: E731 - one line
    return single(situation, after, pull, "self", note=Average())


def total(situation: Situation) -> Step:
    """The sum over axes: their mean times how many there are."""
    signal, folded = _ready(situation)
    step, count = mean(situation), _terms(signal, folded)
    one = step.signals[0]
    grown = replace(
        one,
        mean=one.mean * count,
        within=one.within * count**2,
        across=one.across * count**2,
        draw=None if one.draw is None else (lambda: gaussian_draw(one) * count),
    )
    name = situation.name("self")
    inner = step.pulls[0][name]
    return replace(
        step, signals=(grown,), pulls=({name: lambda gradient: inner(gradient) * count**2},)
    )


def variance(situation: Situation) -> Step:
    """The variance over the channels of each place, or its root."""
    signal, folded = _ready(situation)
    if _roles(signal, folded) != {"channel"}:
        raise NoRule(f"{situation.operation} over anything but channels")
    count = _terms(signal, folded)
    correction = situation.node.arguments.get("correction", 1)
    less = float(correction) if isinstance(correction, int | float) else 1.0
    if situation.node.arguments.get("unbiased") is False:
        less = 0.0
    values = signal.variances * (count - 1) / max(count - less, 1.0)
    if "std" in situation.operation:
        values = np.sqrt(values)
    return _measured(situation, signal, folded, values)


def norm(situation: Situation) -> Step:
    """The Euclidean length over the channels of each place.

    Raises:
        NoRule: Of another order, or over other axes.
    """
    signal, folded = _ready(situation)
    order = situation.node.arguments.get("ord", situation.node.arguments.get("p", 2))
    if order != 2 or _roles(signal, folded) != {"channel"}:
        raise NoRule("a norm of another kind than the Euclidean over channels")
    values = np.sqrt(_terms(signal, folded) * np.diag(signal.within))
    return _measured(situation, signal, folded, values)


def _measured(situation: Situation, signal: Signal, folded: set[int], values: Array) -> Step:
    """Numbers that are the same for all inputs in wide layers."""
    outer = np.outer(values, values)
    after = replace(
        signal,
        axes=_without(situation, signal, folded),
        mean=values,
        within=outer,
        across=outer,
        draw=None,
        kurtosis=1.0,
        joint=1.0,
    )
    return Step(signals=(after,), pulls=({},), notes=(Average(),))


def _over_channels(signal: Signal, axes: Axes) -> Signal:
    outer = np.outer(signal.mean, signal.mean)
    share = 1 / max(signal.channels, 1)
    return replace(
        signal,
        axes=axes,
        within=outer + (signal.within - outer) * share,
        across=outer + (signal.across - outer) * share,
        draw=None,
        kurtosis=3.0,
        joint=3.0,
    )


def _ready(situation: Situation) -> tuple[Signal, set[int]]:
    signal = situation.signal("self")
    everything = tuple(range(len(signal.axes)))
    given = situation.node.arguments.get("dim")
    dims = everything if given is None else situation.integers("dim", everything)
    return signal, {axis % len(signal.axes) for axis in dims or everything}


def _roles(signal: Signal, folded: set[int]) -> set[str]:
    return {factor.role for axis in folded for factor in signal.axes[axis]}


def _terms(signal: Signal, folded: set[int]) -> int:
    return math.prod(factor.whole for axis in folded for factor in signal.axes[axis])


def _without(situation: Situation, signal: Signal, folded: set[int]) -> Axes:
    keep = bool(situation.node.arguments.get("keepdim", False))
    none: tuple[Factor, ...] = ()
    return tuple(
        none if at in folded else axis
        for at, axis in enumerate(signal.axes)
        if keep or at not in folded
    )
