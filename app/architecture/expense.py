"""What a plan would cost, counted without expanding it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.architecture.building import too_many_parameters
from app.architecture.limits import MOST_NODES, MOST_PARAMETERS
from app.architecture.plan import Item, Layer, Parallel, Plan, Repeat, Sequence
from app.core.arguments import Argument, Arguments
from app.core.composites import all_parameters
from app.core.layers import KINDS
from app.errors import Invalid, NotANetwork


@dataclass(frozen=True, slots=True)
class Expense:
    """Layers and parameter values."""

    layers: int
    values: int

    def times(self, count: int) -> Expense:
        """So many of it."""
        return Expense(self.layers * count, self.values * count)


def check(plan: Plan) -> Expense:
    """What a plan costs, where its layers and parameters keep to the limits.

    Raises:
        NotANetwork: With both numbers, or for a layer whose arguments torch would refuse.
    """
    whole = _of(plan.body, {})
    if whole.layers > MOST_NODES:
        raise NotANetwork(
            reason=f"expected at most {MOST_NODES:,} layers, got {_big(whole)}. Describe a "
            "shallower network, or repeat fewer times."
        )
    if whole.values > MOST_PARAMETERS:
        raise too_many_parameters(whole.values)
    return whole


def _big(whole: Expense) -> str:
    return f"{whole.layers:,}" if whole.layers < 10**21 else f"about {whole.layers:.0e}"


def _of(item: Item, known: dict[object, int]) -> Expense:
    if isinstance(item, Layer):
        return _of_layer(item, known)
    if isinstance(item, Repeat):
        once = _of(item.body, known)
        return Expense(max(1, once.layers), once.values).times(item.times)
    if isinstance(item, Sequence):
        return _sum([_of(one, known) for one in item.items])
    if isinstance(item, Parallel):
        return _sum([Expense(1, 0), *(_of(one, known) for one in item.branches)])
    parts = [item.body, *([item.shortcut] if item.shortcut else [])]
    return _sum([Expense(1, 0), *(_of(one, known) for one in parts)])


def _sum(parts: list[Expense]) -> Expense:
    return Expense(sum(p.layers for p in parts), sum(p.values for p in parts))


def _of_layer(layer: Layer, known: dict[object, int]) -> Expense:
    if layer.items:
        first, *rest = (_of(one, known) for one in layer.items)
        return _sum([first.times(copies(layer)), *rest])
    key = (layer.kind, tuple(sorted((n, repr(v)) for n, v in layer.arguments.items())))
    if key not in known:
        known[key] = _values(layer)
    return Expense(1, known[key])


def copies(layer: Layer) -> int:
    """How many layers a TransformerEncoder or -Decoder stacks."""
    try:
        return Arguments(layer.kind, layer.arguments).size("num_layers")
    except Invalid as wrong:
        raise _on_line(layer, wrong) from wrong


def _values(layer: Layer) -> int:
    """Values in the layer's parameters; a lazy layer's are not known yet."""
    if layer.kind not in KINDS or layer.kind.startswith("Lazy"):
        return 0
    told: dict[str, Argument] = {
        name: value
        for name, value in layer.arguments.items()
        if name != "causal" and not name.startswith("custom_")
    }
    try:
        found = all_parameters(layer.kind, told)
    except Invalid as wrong:
        raise _on_line(layer, wrong) from wrong
    return sum(math.prod(parameter.shape) for parameter in found)


def _on_line(layer: Layer, wrong: Invalid) -> NotANetwork:
    where = "" if layer.line is None else f"line {layer.line}: "
    return NotANetwork(reason=f"{where}{wrong.message}")
