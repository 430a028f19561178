"""Rules of what is random in training: dropout in all its kinds, and random slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from app.core.meanfield.alike import thinning
from app.core.meanfield.nonlinear.nonlinearities import SELU_ALPHA, SELU_SCALE, Array, nonlinearity
from app.core.meanfield.notes import Logits
from app.core.meanfield.rules.activated import activated
from app.core.meanfield.rules.composed import pull_through
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Situation, Step, single

_FLOOR = -SELU_ALPHA * SELU_SCALE  # what a SELU gives far below zero


def dropout(situation: Situation) -> Step:
    """`E x²/(1−p)` at a place; what two places or inputs share stays."""
    signal = situation.signal()
    note = situation.notes.get(situation.name("input"))
    p = situation.number("p", 0.5)
    if not situation.training or p == 0:
        return single(situation, signal, lambda gradient: gradient, note=note)
    if p >= 1:
        raise NoRule("dropout of everything")
    told = _on_weights(note, p) if isinstance(note, Logits) else None
    grown = signal.within.copy()
    if "feature" in situation.operation:
        grown /= 1 - p
    else:
        np.fill_diagonal(grown, np.diag(grown) / (1 - p))
    draw = _kept(signal, p, lambda draws, kept: draws * kept / (1 - p))
    after = replace(signal, within=grown, kurtosis=signal.kurtosis / (1 - p), draw=draw)
    step = single(situation, after, lambda gradient: gradient / (1 - p), note=told)
    together = 1.0 if "feature" in situation.operation else 1 - p
    return replace(step, sharing=thinning(together, 1 - p))


def _on_weights(note: Logits, p: float) -> Logits:
    """What is told of attention weights, with their dropout."""
    if not note.weights or note.dropped:
        raise NoRule("dropout of logits")
    return replace(note, dropped=p)


def alpha_dropout(situation: Situation) -> Step:
    """Numbers set to SELU's floor instead of 0, then moved so that N(0, 1) stays N(0, 1).

    `y = a (x m + α (1 − m)) + b` with m of mean 1 − p, `a² = 1/((1−p)(1 + p α²))`, `b = −a p α`.

    Source:
        Klambauer et al., Self-normalizing neural networks, 2017; ATen/native/Dropout.cpp, torch
        2.13.
    """
    signal = situation.signal()
    p = situation.number("p", 0.5)
    if not situation.training or p == 0:
        return single(situation, signal, lambda gradient: gradient)
    if p >= 1:
        raise NoRule("dropout of everything")
    kept, scale = 1 - p, 1 / math.sqrt((1 - p) * (1 + p * _FLOOR**2))
    shift = -scale * p * _FLOOR
    whole = "feature" in situation.operation

    def moments(values: Array, *, together: bool) -> Array:
        """Of pairs, whose masks are one and the same or independent."""
        sums = signal.mean[:, None] + signal.mean[None, :]
        both = kept if together else kept**2
        neither = p if together else p**2
        one = 0.0 if together else kept * p
        masked = both * values + one * _FLOOR * sums + neither * _FLOOR**2
        means = kept * sums + 2 * p * _FLOOR
        return scale**2 * masked + scale * shift * means + shift**2

    within = moments(signal.within, together=whole)
    np.fill_diagonal(within, np.diag(moments(signal.within, together=True)))
    after = replace(
        signal,
        mean=scale * (kept * signal.mean + p * _FLOOR) + shift,
        within=within,
        across=moments(signal.across, together=False),
        draw=_kept(signal, p, lambda x, m: scale * np.where(m > 0, x, _FLOOR) + shift),
    )
    return single(situation, after, lambda gradient: gradient * scale**2 * kept)


def _kept(signal: Signal, p: float, change: Callable[[Array, Array], Array]) -> Draw:
    def draw() -> Array:
        draws = gaussian_draw(signal)
        kept = np.random.default_rng(~signal.seed & 0xFFFF_FFFF).random(draws.shape) >= p
        found: Array = change(draws, kept.astype(np.float64))
        return found

    return draw


def random_slope(situation: Situation) -> Step:
    """A leaky ReLU whose slope is drawn anew for each number below 0; its mean in evaluation.

    What two numbers share has the mean slope in it, a number's own square the mean square.
    """
    signal = situation.signal("self")
    low, high = situation.number("lower", 1 / 8), situation.number("upper", 1 / 3)
    phi = nonlinearity("LeakyReLU", {"negative_slope": (low + high) / 2})
    found = activated(signal, phi)
    spread = (high - low) ** 2 / 12 if situation.training else 0.0
    below, squares = _below(signal)
    within = found.signal.within.copy()
    np.fill_diagonal(within, np.diag(within) + spread * squares)
    after = replace(found.signal, within=within)
    pull = pull_through(signal, phi, found.slope_second + spread * below)
    return single(situation, after, pull, "self", by_draws=True)


def _below(signal: Signal) -> tuple[Array, Array]:
    """The share of numbers below 0, and `E x² 1(x < 0)`."""
    if signal.draw is not None:
        draws = gaussian_draw(signal)
        negative = draws < 0
        return np.mean(negative, axis=(0, 1)), np.mean(draws**2 * negative, axis=(0, 1))
    spread = np.sqrt(signal.variances)
    at = np.divide(signal.mean, spread, out=np.zeros_like(spread), where=spread > 0)
    density = np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)
    share = special.ndtr(-at)
    squares = (signal.mean**2 + spread**2) * share - signal.mean * spread * density
    return share, squares
