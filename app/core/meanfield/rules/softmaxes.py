"""Rules of softmax over channels; over keys it belongs to attention."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity
from app.core.meanfield.nonlinear.softmax import concentration
from app.core.meanfield.notes import Logits
from app.core.meanfield.rules.activated import activated
from app.core.meanfield.rules.composed import pull_through
from app.core.meanfield.rules.written_attention import softmax as over_keys
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import NoRule, Situation, Step, single

_FAR: Final = 1.5  # times as concentrated as in truth: where the wide law has no say


def softmax(situation: Situation) -> Step:
    """`e^{x_c} / Σ e^{x_c'}` over the channels of each place.

    In wide layers the sum is `C E e^x`, the same for all inputs, so that each output is a function
    of its own number; how it varies adds 1/C to that and is left out.
    """
    note = situation.notes.get(situation.name("self"))
    if isinstance(note, Logits):
        return over_keys(situation, note)
    signal, count = _over_channels(situation)
    total = np.log(count) + signal.mean + signal.variances / 2
    flat = replace(signal, mean=signal.mean - total, draw=None, within=_moved(signal, total),
                   across=_moved(signal, total, across=True))  # fmt: skip
    phi = Nonlinearity(name="softmax", value=np.exp, slope=np.exp)
    found = activated(flat, phi)
    return single(situation, found.signal, pull_through(flat, phi, found.slope_second), "self")


def log_softmax(situation: Situation) -> Step:
    """`x_c − log Σ e^{x_c'}` over the channels: x less `log C + μ + σ²/2` in wide layers."""
    signal, count = _over_channels(situation)
    total = np.log(count) + signal.mean + signal.variances / 2
    after = replace(
        signal,
        mean=signal.mean - total,
        within=_moved(signal, total),
        across=_moved(signal, total, across=True),
        draw=None,
    )
    # g_c − p_c Σ g: what all outputs share comes back by the share of each.
    extra = np.exp(signal.variances) / count
    return single(situation, after, lambda gradient: gradient * (1 + extra), "self")


def _expect_many(signal: Signal, count: int) -> None:
    """Refuse logits so wide that the sum over the channels is not its mean.

    Raises:
        NoRule: If few channels take nearly all of it.
    """
    widest = np.array([signal.variances.max()])
    exact = float(concentration(np.array([float(count)]), widest)[0][0])
    if widest[0] > math.log(_FAR * exact * count):
        raise NoRule(f"a softmax over {count:,} channels of which few take nearly all")


def _moved(signal: Signal, shift: np.ndarray, *, across: bool = False) -> np.ndarray:
    """Second moments of x − s."""
    moments = signal.across if across else signal.within
    away = np.outer(signal.mean, shift)
    return np.asarray(moments - away - away.T + np.outer(shift, shift))


def _over_channels(situation: Situation) -> tuple[Signal, int]:
    signal = situation.signal("self")
    axis = int(situation.number("dim", -1)) % len(signal.axes)
    factors = signal.axes[axis]
    if not factors or any(factor.role != "channel" for factor in factors):
        raise NoRule(f"a {situation.operation} over anything but channels or attention's keys")
    if signal.draw is not None:
        raise NoRule(f"a {situation.operation} of a signal that is not Gaussian")
    count = math.prod(factor.size for factor in factors)
    _expect_many(signal, count)
    return signal, count
