"""Rules on signals of which a sample of places is kept: as they are, or with every place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from app.core.graph import Node, Value
from app.core.meanfield.gradients import settled
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Factor
from app.core.meanfield.signals.resampled import all_places, gradient_back
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step, Unfit, bare
from app.core.operators import FAMILY

Rule: TypeAlias = Callable[[Situation], Step]

PLACES: Final = 1100  # of one signal; matrices of their pairs are what theory costs
_FAMILIES: Final = frozenset(
    {"norm", "activation", "arithmetic", "dropout", "cast", "attention", "embedding"}
)
_WINDOWS: Final = frozenset({"convolution", "pooling"})  # of neighbours, which tokens have none of
_OPERATORS: Final = frozenset({
    "_unsafe_view", "abs", "add", "addmm", "alias", "cat", "chunk", "clone", "concat", "contiguous",
    "detach", "div", "erf", "flatten", "linear", "mean", "mul", "narrow", "permute", "reshape",
    "select", "sin", "slice", "split", "split_with_sizes", "square", "squeeze", "sub", "swapaxes",
    "t", "transpose", "unflatten", "unsqueeze", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_nearest3d", "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d",
    "upsample_bicubic2d", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d", "pad", "constant_pad_nd", "channel_shuffle", "view",
})  # fmt: skip
_ALONG: Final = frozenset(
    {"cat", "chunk", "concat", "narrow", "select", "slice", "split", "split_with_sizes"}
)


def followed(rule: Rule, situation: Situation) -> Step:
    """What the rule says, with every place of its signals where a sample is not enough.

    Raises:
        NoRule: If there are too many places for that.
    """
    used = {name: situation.signals[name] for name in names_of(situation.node)
            if name in situation.signals}  # fmt: skip
    if not any(factor.sample for signal in used.values() for factor in signal.grid):
        return rule(situation)
    if _is_local(situation, list(used.values())):
        try:
            return rule(situation)
        except Unfit:
            pass
    full = {name: _opened(signal) for name, signal in used.items()}
    step = rule(replace(situation, signals={**situation.signals, **full}))
    pulls = tuple(
        {
            name: _closed(pull, used[name], full[name]) if name in used else pull
            for name, pull in each.items()
        }
        for each in step.pulls
    )
    return replace(step, pulls=pulls, by_draws=False)


def names_of(node: Node) -> list[str]:
    """Values that a node uses."""
    found = []
    for argument in node.arguments.values():
        items = argument if isinstance(argument, tuple) else (argument,)
        found += [item.value for item in items if isinstance(item, Value)]
    return found


def expect_room(places: int) -> None:
    """Refuse what would have more places than theory follows one by one.

    Raises:
        NoRule: If these are more.
    """
    if places > PLACES:
        raise NoRule(too_many(places))


def too_many(places: int) -> str:
    """Why theory ends at a signal of so many places."""
    return f"{places:,} places, more than the {PLACES:,} that theory follows one by one"


def _is_local(situation: Situation, used: Sequence[Signal]) -> bool:
    """Whether the rule weighs the places that are kept by what they stand for."""
    name, family = bare(situation.node.op), FAMILY.get(situation.node.op)
    if family in _WINDOWS:
        return not any(f.sample and f.sample.starts for signal in used for f in signal.grid)
    if family not in _FAMILIES and name not in _OPERATORS:
        return False
    samples = {(f.whole, f.sample) for signal in used for f in signal.grid if f.whole > 1}
    if len(samples) > len({whole for whole, _ in samples}):
        return False
    if name in ("linear", "addmm"):
        return not _is_sampled(used[0].axes[-1])
    if name in _ALONG:
        return not _is_sampled(used[0].axes[int(situation.number("dim", 0))])
    return True


def _is_sampled(axis: Sequence[Factor]) -> bool:
    return any(factor.sample is not None for factor in axis)


def _opened(signal: Signal) -> Signal:
    places = math.prod(factor.whole for factor in signal.grid)
    if places > PLACES:
        raise NoRule(too_many(places))
    return replace(all_places(signal), seed=signal.seed)


def _closed(pull: Pull, given: Signal, full: Signal) -> Pull:
    """The gradient at the kept places: the mean of those that each stands for."""
    if given.grid == full.grid:
        return pull

    def closed(gradient: Array) -> Array:
        return gradient_back(settled(pull(gradient)), given.grid, full.grid)

    return closed
