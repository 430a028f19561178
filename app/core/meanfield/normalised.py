"""Rules of the normalisations: subtract a mean, divide by a size, scale and shift."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Draw, Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Situation, Step, WeightMoments, single

_ONE = WeightMoments(mean=1.0, second=1.0)
_ZERO = WeightMoments(mean=0.0, second=0.0)
EPS = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Centred:
    """A signal without its mean."""

    within: Array
    across: Array
    size: Array  # [P], the variance that each place is divided by
    freedom: float  # degrees of freedom of one measured variance


def batch_norm(situation: Situation) -> Step:
    """Over the batch and all places of a channel, in training; by kept statistics in evaluation."""
    signal = situation.signal()
    if not situation.node.arguments.get("training", True) or not situation.training:
        return _by_kept_statistics(situation, signal)
    batch, places = situation.batch, signal.mean.size
    row = (signal.within.sum(axis=1) + (batch - 1) * signal.across.sum(axis=1)) / (batch * places)
    within, across = _without(signal, row, float(row.mean()))
    trace = float(np.trace(within))
    squares = float(np.sum(within**2) + (batch - 1) * np.sum(across**2))
    freedom = batch * trace**2 / squares if squares > 0 else math.inf
    centred = _Centred(
        within=within,
        across=across,
        size=np.full(places, trace / places),
        freedom=freedom,
    )
    return _normalised(situation, signal, centred, lost=1 / freedom)


def layer_norm(situation: Situation) -> Step:
    """Over the channels of each place, or of all places where the shape says so."""
    signal = situation.signal()
    shape = situation.integers("normalized_shape", ())
    axes = signal.axes[len(signal.axes) - len(shape) :]
    folded = [factor for axis in axes for factor in axis if factor.role == "place"]
    if folded and len(folded) != len(signal.grid):
        raise NoRule("a layer norm over a part of the places")
    if not any(factor.role == "channel" for axis in axes for factor in axis):
        raise NoRule("a layer norm over places alone")
    return _over_channels(situation, signal, channels=signal.channels, folded=bool(folded))


def group_norm(situation: Situation) -> Step:
    """Over a group's channels and all places."""
    signal = situation.signal()
    groups = int(situation.number("num_groups", 1))
    return _over_channels(situation, signal, channels=signal.channels // groups, folded=True)


def instance_norm(situation: Situation) -> Step:
    """Over the places of each channel."""
    return _over_channels(situation, situation.signal(), channels=1, folded=True)


def rms_norm(situation: Situation) -> Step:
    """By the root mean square over the channels of each place; the mean stays."""
    signal = situation.signal()
    if len(situation.integers("normalized_shape", ())) != 1:
        raise NoRule("an RMS norm over several axes")
    freedom = 2 * signal.channels / max(signal.kurtosis - 1, 1e-9)
    centred = _Centred(
        within=signal.within,
        across=signal.across,
        size=np.diag(signal.within).copy(),
        freedom=freedom,
    )
    return _normalised(situation, signal, centred, lost=1 / signal.channels, mean=signal.mean)


def _over_channels(situation: Situation, signal: Signal, *, channels: int, folded: bool) -> Step:
    mean = np.full_like(signal.mean, signal.mean.mean()) if folded else signal.mean
    outer = np.outer(signal.mean, signal.mean)
    if folded:
        row = signal.mean * mean + (signal.within - outer).mean(axis=1) / channels
        within, _ = _without(signal, row, float(row.mean()))
        other = signal.mean * mean + (signal.across - outer).mean(axis=1) / channels
        across = signal.across - other[:, None] - other[None, :] + float(other.mean())
    else:
        kept = 1 - 1 / channels
        within, across = (signal.within - outer) * kept, (signal.across - outer) * kept
    spread = np.diag(within)
    size = np.full_like(spread, spread.mean()) if folded else spread.copy()
    freedom = _freedom(within, channels) if folded else max(channels - 1, 1)
    centred = _Centred(within=within, across=across, size=size, freedom=freedom)
    return _normalised(situation, signal, centred, lost=2 / (freedom + 1))


def _without(signal: Signal, row: Array, whole: float) -> tuple[Array, Array]:
    """Second moments of x − m, for E x_α m by place and E m²."""
    away = row[:, None] + row[None, :] - whole
    return signal.within - away, signal.across - away


def _freedom(within: Array, channels: int) -> float:
    squares = float(np.sum(within**2))
    return channels * float(np.trace(within)) ** 2 / squares if squares > 0 else math.inf


def _normalised(
    situation: Situation,
    signal: Signal,
    centred: _Centred,
    *,
    lost: float,
    mean: Array | None = None,
) -> Step:
    eps = situation.number("eps", EPS)
    size = centred.size + eps
    root = 1 / np.sqrt(size)
    scale = np.outer(root, root)
    gamma, beta = situation.weight("weight") or _ONE, situation.weight("bias") or _ZERO
    plain = np.zeros_like(size) if mean is None else mean * root
    mixed = gamma.mean * beta.mean * (plain[:, None] + plain[None, :])
    after = replace(
        signal,
        mean=gamma.mean * plain + beta.mean,
        within=gamma.second * centred.within * scale + mixed + beta.second,
        across=gamma.second * centred.across * scale + mixed + beta.second,
        inherited=0.0,
        draw=_drawn(signal, root, gamma, beta, centred=mean is None),
    )
    # A measured variance of ν degrees of freedom has E 1/v̂ = ν/(ν−2)/v.
    finite = centred.freedom / (centred.freedom - 2) if centred.freedom > 4 else 2.0
    back = gamma.second / size * finite * max(1 - lost, 0.0)
    return single(situation, after, lambda gradient: gradient * back)


def _drawn(
    signal: Signal, root: Array, gamma: WeightMoments, beta: WeightMoments, *, centred: bool
) -> Draw | None:
    if signal.draw is None:
        return None

    def draw() -> Array:
        middle = signal.mean if centred else 0.0
        normalised: Array = gamma.mean * (gaussian_draw(signal) - middle) * root + beta.mean
        return normalised

    return draw


def _by_kept_statistics(situation: Situation, signal: Signal) -> Step:
    kept = situation.weight("running_mean") or _ZERO
    spread = situation.weight("running_var") or _ONE
    gamma, beta = situation.weight("weight") or _ONE, situation.weight("bias") or _ZERO
    factor = 1 / (spread.mean + situation.number("eps", EPS))
    root = math.sqrt(factor)
    moved = signal.mean[:, None] + signal.mean[None, :]
    shift = kept.second - kept.mean * moved
    mean = (signal.mean - kept.mean) * root
    mixed = gamma.mean * beta.mean * (mean[:, None] + mean[None, :])
    after = replace(
        signal,
        mean=gamma.mean * mean + beta.mean,
        within=gamma.second * factor * (signal.within + shift) + mixed + beta.second,
        across=gamma.second * factor * (signal.across + shift) + mixed + beta.second,
        draw=_drawn(signal, np.full_like(signal.mean, root), gamma, beta, centred=False),
    )
    return single(situation, after, lambda gradient: gradient * (gamma.second * factor))
