"""What each value is random by: signals that share it are not independent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.core.graph import Node
from app.core.meanfield.opening import names_of
from app.core.meanfield.signals.signal import Signal
from app.core.operators import FAMILY

_FRESH: Final = frozenset({"linear", "convolution", "recurrent", "embedding"})
_TOLD_APART: Final = frozenset({"linear", "convolution"})  # by their weights, which may be shared


def roots_of(
    node: Node,
    after: Sequence[Signal],
    before: Mapping[str, Signal],
    roots: Mapping[str, frozenset[str]],
    weights: Collection[str],
) -> dict[str, frozenset[str]]:
    """The roots of each of a node's results.

    A sum with random weights is a root of its own, as its channels are independent of those that
    it sums up but for means; of another sum with the same weights it is not. So is each piece that
    is cut out of the channels. Everything else hands on the roots of what it is made of.

    Args:
        node: The operation.
        after: Its signals.
        before: Signals of values before it.
        roots: Of values before it.
        weights: Values that are parameters, or views of them.
    """
    used = names_of(node)
    if FAMILY.get(node.op) in _FRESH:
        shared = _of_weights(used, weights, roots) if FAMILY[node.op] in _TOLD_APART else set()
        return {name: frozenset([name, *shared]) for name in node.results if name}
    names = {name for name in used if name in before}
    union = frozenset().union(*(roots.get(name, frozenset()) for name in names))
    cut = len(names) == 1
    widest = before[next(iter(names))].channels if cut else 0
    found = {}
    for at, (name, signal) in enumerate(zip(node.results, after, strict=False)):
        if name and cut and signal.channels < widest:
            found[name] = frozenset(f"{root}/{node.name}/{at}" for root in union)
        elif name:
            found[name] = union
    return found


def roots_of_view(
    node: Node, roots: Mapping[str, frozenset[str]], weights: Collection[str]
) -> dict[str, frozenset[str]]:
    """The roots of a view of a parameter: its own, or of a piece of it one for each piece."""
    if FAMILY.get(node.op) == "selection":
        return {name: frozenset([name]) for name in node.results}
    return dict.fromkeys(node.results, frozenset(_of_weights(names_of(node), weights, roots)))


def _of_weights(
    used: Sequence[str], weights: Collection[str], roots: Mapping[str, frozenset[str]]
) -> set[str]:
    return {root for name in used if name in weights for root in roots.get(name, {name})}
