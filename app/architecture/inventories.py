"""Modules that cannot be run from what is known of them: what they hold, why, and a suggestion."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from app.architecture.activations import POINTWISE
from app.architecture.layers import layer_of
from app.architecture.plan import Layer
from app.architecture.signatures import KINDS, SIGNATURES
from app.architecture.tree import Module, leaves
from app.core.composites import all_parameters
from app.core.graph import Inventory, InventoryLayer, Origin
from app.core.layers import KINDS as WEIGHTED
from app.errors import InitscopeError

MOST_LISTED = 2000
SIDE = 224  # of the images that printed networks are usually given
REMEDY = (
    "To measure it, export it where it runs: torch.export.save(torch.export.export(model, (x,)), "
    "'model.pt2'), and give the .pt2 file; or edit the spec suggested here."
)
WARNING = (
    "# Suggested from the modules' order alone. Activations, strides, residual sums and the order "
    "itself\n# are assumed: correct them before you run it."
)
_SHORTCUT = re.compile(r"(?:^|[._])(?:downsample|shortcut|skip)(?:[._]|$)")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,100}")


def inventory(module: Module, reason: str, *, origin: Origin) -> Inventory:
    """What a tree of modules holds.

    Args:
        module: The whole network.
        reason: Why it cannot run.
        origin: Where it came from.
    """
    found = list(itertools.islice(leaves(module), MOST_LISTED + 1))
    listed = tuple(_layer(path, leaf) for path, leaf in found[:MOST_LISTED])
    more = "" if len(found) <= MOST_LISTED else f" Only the first {MOST_LISTED:,} are listed."
    lines = list(_lines(found[:MOST_LISTED]))
    return Inventory(
        origin=origin,
        layers=listed,
        reason=f"{reason} {REMEDY}{more}",
        suggestion=suggestion(lines) if any(line.startswith("-") for line in lines) else None,
    )


def suggestion(lines: Iterable[str], *, head: str = WARNING) -> str:
    """A spec of these lines."""
    return "\n".join([head, *lines, ""])


def line_of(path: str, text: str) -> str:
    """A line of a suggested spec: the layer under its own name."""
    return f"- {path}: {text}" if _NAME.fullmatch(path) and path not in KINDS else f"- {text}"


def _layer(path: str, leaf: Module) -> InventoryLayer:
    return InventoryLayer(
        path=path,
        kind=leaf.kind,
        text=leaf.words,
        parameters=_values(leaf),
        line=leaf.line,
    )


def _bound(leaf: Module) -> Layer | None:
    """The leaf as a layer, where it is one of torch.nn's with arguments that it takes."""
    if leaf.own or leaf.kind not in SIGNATURES:
        return None
    try:
        return layer_of(leaf.kind, leaf.placed, leaf.named, line=leaf.line)
    except InitscopeError:
        return None


def _values(leaf: Module) -> int:
    layer = _bound(leaf)
    if layer is None or leaf.kind not in WEIGHTED or layer.items:
        return 0
    try:
        return sum(math.prod(p.shape) for p in all_parameters(layer.kind, layer.arguments))
    except InitscopeError:
        return 0


def _lines(found: Sequence[tuple[str, Module]]) -> Iterator[str]:
    """The spec's lines; where a linear layer follows an image, it is flattened between them."""
    first = next((layer for layer in (_bound(leaf) for _, leaf in found) if layer), None)
    if first is not None and first.kind == "Conv2d":
        yield f"input: [{first.arguments['in_channels']}, {SIDE}, {SIDE}]"
        yield "layers:"
    before = ""
    for path, leaf in found:
        if leaf.kind == "Linear" and before[-2:] == "2d":
            yield "- Flatten()"
        line = _suggested(path, leaf)
        yield line
        passes = leaf.kind in POINTWISE or leaf.kind in {"Dropout", "Identity"}
        before = before if passes or line.startswith("#") else leaf.kind


def _suggested(path: str, leaf: Module) -> str:
    layer = _bound(leaf)
    if layer is None or layer.items:
        named = path if _NAME.fullmatch(path) else "a module"
        kind = leaf.kind if _NAME.fullmatch(leaf.kind) else "a class of its own"
        return f"# {named}: {kind} is left out"
    if _SHORTCUT.search(path) and _NAME.fullmatch(path):
        return f"# {path}: {leaf.kind}({leaf.words}) is left out, as its name says a shortcut"
    return line_of(path, f"{leaf.kind}({leaf.words})")
