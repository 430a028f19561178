"""What theory says of a network: of each of its nodes, and where it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.signal import Signal
from app.core.propagation import Theory


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where theory ends, and why."""

    node: str  # its name
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Theory of one set of weights."""

    nodes: dict[str, Theory]  # by node name
    stops: tuple[Stop, ...] = ()
    gradients: dict[str, float] = field(default_factory=dict)  # of values, second moments


def theory_of(signal: Signal, gradient: float | None, *, batch: int) -> Theory | None:
    """A signal in the numbers that are measured; None where they leave the range of float64.

    Args:
        signal: At a node's output.
        gradient: Its second moment there; None where none arrives.
        batch: Inputs over which the network's mean square is taken.
    """
    try:
        doubt = math.sqrt(max(signal.log_variance(batch), 0.0))
        found = Theory(
            mean=signal.first,
            std=signal.std,
            rms=math.sqrt(max(signal.second, 0.0)),
            grad_rms=None if gradient is None else math.sqrt(max(gradient, 0.0)),
            input_share=signal.input_share,
            sd_log=doubt,
        )
    except ArithmeticError:
        return None
    known = found.mean, found.std, found.rms, found.grad_rms, doubt
    return found if all(one is None or math.isfinite(one) for one in known) else None


def is_finite(signal: Signal | None) -> bool:
    """Whether all moments of a signal are numbers."""
    if signal is None:
        return True
    numbers = signal.first, signal.second, signal.kurtosis, signal.joint, signal.inherited
    return all(math.isfinite(one) for one in numbers) and bool(
        np.isfinite(signal.within).all() and np.isfinite(signal.across).all()
    )


def mean_square(signal: Signal, gradient: Array) -> float:
    """The mean over a value's places of its gradient there: [P] or [1]."""
    if gradient.size == 1:
        return float(gradient.reshape(-1)[0])
    return signal.average(gradient)
