"""A plan expanded to a graph; what it would cost is counted before anything is expanded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.architecture.building import BATCH, Building, Given, Place, Signal
from app.architecture.dense import shown
from app.architecture.entries import entry_of
from app.architecture.expense import check, copies
from app.architecture.layers import COPIES
from app.architecture.lowering import lowered
from app.architecture.plan import Entry, Item, Layer, Parallel, Plan, Repeat, Residual, Sequence
from app.core.context import Named, model_context
from app.core.graph import Graph, Origin, Parameter
from app.errors import NotANetwork


def assembled(plan: Plan, *, origin: Origin) -> Graph:
    """The graph of a plan.

    Args:
        plan: Of any size; nothing is expanded that would pass the limits.
        origin: Where the plan came from.

    Raises:
        NotANetwork: If it is too large, or a layer cannot take what arrives.
    """
    if check(plan).layers == 0:
        raise NotANetwork(reason="it names no layer; write at least one, such as Linear(512, 512).")
    entry, note = entry_of(plan)
    building = Building()
    for sentence in (*plan.notes, *([note] if note else [])):
        building.notes[sentence] = None
    x = _given(building, entry)
    y = _Expansion(building=building).sequence(plan.body, "", x)
    if not building.nodes:
        raise NotANetwork(reason="it has no operations; name at least one layer.")
    return Graph(
        origin=origin,
        inputs=tuple(building.inputs),
        parameters=_placed(building.parameters),
        nodes=tuple(building.nodes),
        outputs=(y.value,),
        batch=BATCH,
        fixed_batch=False,
        notes=tuple(building.notes),
        name=plan.name,
    )


def _given(building: Building, entry: Entry) -> Signal:
    where = "the input" if entry.line is None else f"the input on line {entry.line}"
    if entry.tokens is not None:
        x = building.give("input", (entry.tokens,), dtype="int64", high=entry.vocabulary)
    else:
        x = building.give("input", entry.shape)
    return replace(x, source=where)


def _placed(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """The parameters with what their names tell of the model: depth, width, part."""
    named = [
        Named(path=p.facts.module, leaf=p.name.rpartition(".")[2], shape=p.shape)
        for p in parameters
    ]
    context = model_context(named)
    found = []
    for parameter, name in zip(parameters, named, strict=True):
        attributes = {**parameter.facts.attributes, **context.attributes(name)}
        found.append(replace(parameter, facts=replace(parameter.facts, attributes=attributes)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expansion:
    building: Building

    def sequence(self, sequence: Sequence, path: str, x: Signal) -> Signal:
        """All items in order; repeats stand among them by their numbers."""
        for name, item in _numbered(sequence):
            x = self.item(item, _below(path, name), x)
        return x

    def item(self, item: Item, path: str, x: Signal) -> Signal:
        """One item under its path."""
        if isinstance(item, Layer):
            return self._layer(item, path, x)
        if isinstance(item, Sequence):
            return self.sequence(item, path, x)
        if isinstance(item, Residual):
            return self._residual(item, path, x)
        if isinstance(item, Parallel):
            return self._parallel(item, path, x)
        for number in range(item.times):
            x = self.sequence(item.body, _below(path, str(number)), x)
        return x

    def _layer(self, layer: Layer, path: str, x: Signal) -> Signal:
        at = Place(
            building=self.building,
            path=path,
            kind=layer.kind,
            text=layer.text,
            line=layer.line,
        )
        if not layer.items:
            return lowered(at, dict(layer.arguments), x)
        return self._stack(layer, at, x)

    def _stack(self, layer: Layer, at: Place, x: Signal) -> Signal:
        """A TransformerEncoder or -Decoder: copies of one layer, and a norm."""
        at.note(COPIES)
        inner, *norm = layer.items
        for number in range(copies(layer)):
            x = self.item(inner, _below(at.path, f"layers.{number}"), x)
        return self.item(norm[0], _below(at.path, "norm"), x) if norm else x

    def _residual(self, residual: Residual, path: str, x: Signal) -> Signal:
        at = self._joint(path, "Residual", residual.line)
        y = self.sequence(residual.body, path, x)
        short = x
        if residual.shortcut is not None:
            short = self.sequence(residual.shortcut, _below(path, "shortcut"), x)
        if short.shape != y.shape:
            at.refuse(
                f"adds {shown(y)} from its body to {shown(short)} from its shortcut; both must "
                "have one shape. Give it a `shortcut` that changes the shape too."
            )
        arguments: dict[str, Given] = {"self": short, "other": y}
        if residual.scale != 1.0:
            arguments["alpha"] = residual.scale
        return at.op("add.Tensor", arguments, y.shape, part="add")

    def _parallel(self, parallel: Parallel, path: str, x: Signal) -> Signal:
        at = self._joint(path, "Parallel", parallel.line)
        ends = [
            self.sequence(branch, _below(path, branch.name or str(number)), x)
            for number, branch in enumerate(parallel.branches)
        ]
        return _joined(at, parallel, ends)

    def _joint(self, path: str, kind: str, line: int | None) -> Place:
        return Place(
            building=self.building, path=path, kind=kind, text=f"The {kind.lower()}", line=line
        )


def _joined(at: Place, parallel: Parallel, ends: list[Signal]) -> Signal:
    if parallel.joint == "concat":
        return _concatenated(at, parallel.dim, ends)
    shapes = {end.shape for end in ends}
    if len(shapes) > 1:
        at.refuse(
            f"joins branches of the shapes {_listed(ends)} by {parallel.joint}; they must have one "
            "shape."
        )
    op = "add.Tensor" if parallel.joint == "add" else "mul.Tensor"
    whole = ends[0]
    for end in ends[1:]:
        arguments: dict[str, Given] = {"self": whole, "other": end}
        whole = at.op(op, arguments, whole.shape, part=parallel.joint)
    return whole


def _concatenated(at: Place, dim: int, ends: list[Signal]) -> Signal:
    axes = len(ends[0].shape)
    place = dim % axes if -axes <= dim < axes else 0
    rests = {(*end.shape[:place], *end.shape[place + 1 :]) for end in ends}
    if place == 0 or any(len(end.shape) != axes for end in ends) or len(rests) > 1:
        at.refuse(
            f"joins branches of the shapes {_listed(ends)} along axis {dim}, where axis 0 is the "
            "batch; all other axes must agree."
        )
    whole = sum(end.shape[place] for end in ends)
    shape = (*ends[0].shape[:place], whole, *ends[0].shape[place + 1 :])
    return at.op("cat.default", {"tensors": tuple(ends), "dim": place}, shape, part="concat")


def _listed(ends: list[Signal]) -> str:
    shapes = [shown(end) for end in ends[:4]]
    return " and ".join(shapes) + (" …" if len(ends) > 4 else "")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _numbered(sequence: Sequence) -> Iterator[tuple[str, Item]]:
    """Each item with its name in the sequence, as torch.nn.Sequential numbers them."""
    counter = itertools.count()
    for item in sequence.items:
        yield from _of_item(item, counter)


def _of_item(item: Item, counter: itertools.count[int]) -> Iterator[tuple[str, Item]]:
    if not isinstance(item, Repeat) or item.name is not None:
        number = next(counter)
        yield str(number) if item.name is None else item.name, item
        return
    for time in range(item.times):
        for inner in item.body.items:
            for name, each in _of_item(inner, counter):
                yield (name if name.isdigit() else f"{name}.{time}"), each
