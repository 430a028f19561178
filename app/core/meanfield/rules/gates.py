"""Rules of layers in which two signals are multiplied: GLU and bilinear layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array, nonlinearity
from app.core.meanfield.rules.activated import activated
from app.core.meanfield.rules.dense import NOTHING
from app.core.meanfield.rules.operands import aligned
from app.core.meanfield.signals.axes import Factor
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Pull, Situation, Step, multiplied, single


def glu(situation: Situation) -> Step:
    """`a σ(b)` of the halves of the channels, which have weights of their own: `K_a ∘ K_σ(b)`.

    Draws of the gate are laid beside those of other channels: both may come from the same ones.
    """
    signal = situation.signal("self")
    axis = int(situation.number("dim", -1)) % len(signal.axes)
    if any(factor.role != "channel" for factor in signal.axes[axis]):
        raise NoRule("a gated linear unit along places")
    phi = nonlinearity("Sigmoid")
    half = situation.node.shapes[0][axis]
    cut = (Factor("channel", half),) if half > 1 else ()
    gate = activated(replace(signal, seed=~signal.seed & 0xFFFF_FFFF), phi)
    after = replace(
        signal,
        axes=(*signal.axes[:axis], cut, *signal.axes[axis + 1 :]),
        mean=signal.mean * gate.signal.mean,
        within=signal.within * gate.signal.within,
        across=signal.across * gate.signal.across,
        kurtosis=signal.kurtosis * gate.signal.kurtosis,
        joint=signal.joint * gate.signal.joint,
        draw=lambda: gaussian_draw(signal) * np.roll(gaussian_draw(gate.signal), 1, axis=0),
    )
    own = np.diag(signal.within) * gate.slope_second + np.diag(gate.signal.within)
    return single(situation, after, lambda gradient: gradient * own / 2, "self")


def bilinear(situation: Situation) -> Step:
    """`y = x₁ᵀ W x₂ + b`: `q = n₁ n₂ E[w²] q₁ q₂ + E[b²]`, of each input's own means as well.

    Both inputs may be one and the same: their channels are squared on the diagonal of W alone,
    which is 1/n of it.
    """
    law, bias = situation.weight("weight"), situation.weight("bias") or NOTHING
    if law is None:
        raise NoRule("a bilinear layer without weights")
    names = situation.name("input1"), situation.name("input2")
    shapes = [*situation.node.shapes[0][:-1], 1]
    channels = situation.shape("weight")
    cut = [replace(situation.signal(name), axes=(*situation.signal(name).axes[:-1], ()))
           for name in ("input1", "input2")]  # fmt: skip
    if any(f.role != "channel" for n in ("input1", "input2") for f in situation.signal(n).axes[-1]):
        raise NoRule("a bilinear layer over places as channels")
    pair = aligned(cut[0], cut[1], shapes)
    same = names[0] == names[1]
    within = _form(pair.left, pair.right, "within", channels[1:], same=same)
    across = _form(pair.left, pair.right, "across", channels[1:], same=same)
    mean = np.prod(channels[1:]) * law.mean * pair.left.mean * pair.right.mean
    spread = law.second - law.mean**2
    fixed = np.outer(mean, mean) + bias.mean * (mean[:, None] + mean[None, :]) + bias.second
    after = Signal(
        axes=(*pair.axes[:-1], (Factor("channel", channels[0]),)),
        grid=pair.grid,
        mean=mean + bias.mean,
        within=spread * within + fixed,
        across=spread * across + fixed,
        inherited=sum(situation.signal(n).log_variance(situation.batch)
                      for n in ("input1", "input2")),
    )  # fmt: skip
    after = replace(after, joint=_joint(after))
    back = channels[0] * law.second
    pulls: dict[str, Pull] = {}
    for name, width, other in (
        (names[0], channels[2], pair.right), (names[1], channels[1], pair.left)
    ):  # fmt: skip
        pulls[name] = multiplied(back * width * np.diag(other.within) * (1 + same))
    return Step(signals=(after,), pulls=(pulls,))


def _form(left: Signal, right: Signal, name: str, sizes: tuple[int, ...], *, same: bool) -> Array:
    """`E (Σ_ij x_i y_j)(Σ_ij x'_i y'_j)` per unit variance of the weights, term by term."""
    one: Array = getattr(left, name)
    other: Array = getattr(right, name)
    found: Array = sizes[0] * sizes[1] * one * other
    if not same:
        return found
    # Of x with itself the squares on the diagonal: E x_i² x'_i² instead of (E x x')².
    own = np.outer(np.diag(left.within), np.diag(left.within)) + 2 * one**2
    return found + sizes[0] * (own - one**2)


def _joint(after: Signal) -> float:
    second = after.second
    shared = after.average(np.diag(after.across)) / second if second > 0 else 0.0
    return 1 + 2 * shared**2
