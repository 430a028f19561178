"""Rules of the normalisations: subtract a mean, divide by a size, scale and shift."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from app.core.meanfield.alike import over_batch, over_channels
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw, matched_draw
from app.core.meanfield.signals.sized import is_few, mean_inverse, sized
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
    inverse: float  # E 1/v̂ of one measured variance, times what it should be
    draw: Draw | None = None  # where each channel is divided by a size of its own


def batch_norm(situation: Situation) -> Step:
    """Over the batch and all places of a channel, in training; by kept statistics in evaluation."""
    signal = situation.signal()
    if not situation.node.arguments.get("training", True):
        return _by_kept_statistics(situation, signal)
    batch, eps = situation.batch, situation.number("eps", EPS)
    row = (signal.averages(signal.within) + (batch - 1) * signal.averages(signal.across)) / batch
    within, across = _without(signal, row, signal.average(row))
    size = signal.average(np.diag(within))
    squares = signal.paired(within**2) + (batch - 1) * signal.paired(across**2)
    freedom = batch * size**2 / squares if squares > 0 else math.inf
    inverse = _chi_inverse(freedom)
    if signal.places == signal.mean.size:
        inverse = mean_inverse(within, across, batch=batch, freedom=freedom)
    draw = None
    if is_few(signal, freedom, batch):
        within, across, draw = sized(signal, within, across, batch=batch, eps=eps)
    centred = _Centred(
        within=within,
        across=across,
        size=np.full(signal.mean.size, size),
        inverse=inverse * _chi_inverse(signal.summands),
        draw=draw,
    )
    step = _normalised(situation, signal, centred)
    kept = max(1 - 2 / signal.summands, 0.0)
    damped = {situation.name("input"): kept}
    return replace(step, damped=damped, sharing=over_batch(step.signals[0], batch))


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
        inverse=_chi_inverse(freedom),
    )
    return _normalised(situation, signal, centred, lost=1 / signal.channels, mean=signal.mean)


def _over_channels(situation: Situation, signal: Signal, *, channels: int, folded: bool) -> Step:
    # Of the energy, the share that no norm before has centred and sized.
    loose = min(max((signal.kurtosis - 1) / 2, 0.0), 1.0)
    free = 1.0 if folded else 1 - math.sqrt(1 - loose)
    mean = np.full_like(signal.mean, signal.first) if folded else signal.mean
    outer = np.outer(signal.mean, signal.mean)
    if folded:
        row = signal.mean * mean + signal.averages(signal.within - outer) / channels
        within, _ = _without(signal, row, signal.average(row))
        other = signal.mean * mean + signal.averages(signal.across - outer) / channels
        across = signal.across - other[:, None] - other[None, :] + signal.average(other)
    else:
        kept = 1 - free / channels
        within, across = (signal.within - outer) * kept, (signal.across - outer) * kept
    spread = np.diag(within)
    size = np.full_like(spread, signal.average(spread)) if folded else spread.copy()
    places = _freedom(signal, within, channels) if folded else max(channels - 1, 1)
    # Of a sum with what a norm has sized already, only the rest varies.
    freedom = places if folded else 2 * places / max(signal.kurtosis - 1, 1e-9)
    centred = _Centred(within=within, across=across, size=size, inverse=_chi_inverse(freedom))
    if not folded:
        return _normalised(situation, signal, centred, lost=(free + loose) / channels)
    step = _normalised(situation, signal, centred)
    return replace(step, sharing=over_channels(step.signals[0], channels))


def _without(signal: Signal, row: Array, whole: float) -> tuple[Array, Array]:
    """Second moments of x − m, for E x_α m by place and E m²."""
    away = row[:, None] + row[None, :] - whole
    return signal.within - away, signal.across - away


def _freedom(signal: Signal, within: Array, channels: int) -> float:
    squares = signal.paired(within**2)
    return channels * signal.average(np.diag(within)) ** 2 / squares if squares > 0 else math.inf


def _normalised(
    situation: Situation,
    signal: Signal,
    centred: _Centred,
    *,
    lost: float = 0.0,  # beyond what the gradient shares takes
    mean: Array | None = None,
) -> Step:
    eps = situation.number("eps", EPS)
    size = centred.size + eps
    root = 1 / np.sqrt(size)
    scale = np.outer(root, root)
    gamma, beta = situation.weight("weight") or _ONE, situation.weight("bias") or _ZERO
    plain = np.zeros_like(size) if mean is None else mean * root
    mixed = gamma.mean * beta.mean * (plain[:, None] + plain[None, :])
    draw = centred.draw or _scaled(signal, root, middle=signal.mean if mean is None else 0.0)
    after = replace(
        signal,
        mean=gamma.mean * plain + beta.mean,
        within=gamma.second * centred.within * scale + mixed + beta.second,
        across=gamma.second * centred.across * scale + mixed + beta.second,
        inherited=0.0,
        kurtosis=1.0,
        joint=1.0,
        summands=math.inf,
        draw=_weighed(draw, signal.seed, gamma, beta),
    )
    back = gamma.second / size * centred.inverse * max(1 - lost, 0.0)
    after = _with_own_moments(after, gamma, beta)
    return single(situation, after, lambda gradient: gradient * back)


def _chi_inverse(freedom: float) -> float:
    """`E 1/v̂` of a variance measured with ν degrees of freedom, times v: `ν/(ν−2)`."""
    return 1 + 2 / max(freedom - 2, 2.0)


def _scaled(signal: Signal, root: Array | float, *, middle: Array | float) -> Draw | None:
    if signal.draw is None:
        return None
    return lambda: np.asarray((gaussian_draw(signal) - middle) * root)


def _weighed(
    draw: Draw | None, seed: int, gamma: WeightMoments, beta: WeightMoments
) -> Draw | None:
    if draw is None:
        return None

    def weighed() -> Array:
        draws = draw()
        noise = np.random.default_rng(~seed & 0xFFFF_FFFF)
        steep, shift = (_of_channels(law, len(draws), noise) for law in (gamma, beta))
        return np.asarray(steep * draws + shift)

    return weighed


def _of_channels(law: WeightMoments, count: int, noise: np.random.Generator) -> Array | float:
    """A weight of each draw's channel: [draws, 1, 1]; Gaussian where they differ."""
    if _are_alike(law):
        return law.mean
    spread = math.sqrt(max(law.second - law.mean**2, 0.0))
    return law.mean + spread * noise.standard_normal((count, 1, 1))


def _are_alike(law: WeightMoments) -> bool:
    return math.isclose(law.second, law.mean**2, rel_tol=1e-12)


def _with_own_moments(signal: Signal, *laws: WeightMoments) -> Signal:
    """The signal, its draws with its moments where weights that differ have changed them."""
    if signal.draw is None or all(_are_alike(law) for law in laws):
        return signal
    return replace(signal, draw=matched_draw(signal, signal.draw))


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
        draw=_weighed(_scaled(signal, root, middle=0.0), signal.seed, gamma, beta),
    )
    after = _with_own_moments(after, gamma, beta)
    return single(situation, after, lambda gradient: gradient * (gamma.second * factor))
