"""ONNX files → the graph, in PyTorch's operators; what is not read gives an inventory.

Weights stay in the file. Data beside it is never opened, and nothing of it is run here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from app.architecture.exported import needed, nodes_of
from app.architecture.exported_calls import Calls, Tensor
from app.architecture.exported_inputs import inputs_of
from app.architecture.exported_parameters import parameters_of, places_of
from app.architecture.exported_signature import Held
from app.architecture.limits import MOST_NODES
from app.architecture.onnx_building import At, Building, Signal
from app.architecture.onnx_folding import folded
from app.architecture.onnx_layers import RULES
from app.architecture.onnx_listing import inventory
from app.core.checkpoint import Checkpoint
from app.core.graph import Constant, Graph, Inventory, Value
from app.errors import CannotRun
from app.readers.assembly import stored_tensors
from app.readers.mapped import Mapped
from app.readers.onnx_file import KIND, OnnxFile, OnnxNode, is_onnx, part_of, read_onnx_file
from app.readers.records import plain_text

__all__ = ["OnnxNetwork", "is_onnx", "read_onnx"]

_OPEN: Final = 2  # inputs, where the file leaves the batch open
_FIXED: Final = "The ONNX file's sizes are written into it, so its batch cannot be changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNetwork:
    """An ONNX file's network, and the tensors that it stores."""

    network: Graph | Inventory
    checkpoint: Checkpoint | None


def read_onnx(mapped: Mapped) -> OnnxNetwork:
    """The network of an ONNX file.

    Args:
        mapped: The file; its weights stay where they are.

    Returns:
        A graph of PyTorch's operators, or an inventory that says which operation has none.

    Raises:
        Malformed: If it is no sound protocol buffer, or holds no graph.
    """
    file = read_onnx_file(mapped)
    unknown = _unknown(file.nodes)
    if unknown:
        reason = f"its operations {unknown} are not among the {len(RULES)} of ONNX that are read."
        return OnnxNetwork(network=inventory(file, reason), checkpoint=None)
    try:
        return _network(mapped, file)
    except CannotRun as refused:
        reason = str(refused.facts.get("reason", ""))
        return OnnxNetwork(network=inventory(file, reason), checkpoint=None)


def _unknown(nodes: Iterable[OnnxNode]) -> str:
    """The operators without a rule, with how often each occurs."""
    counts = Counter(
        plain_text(node.operator, limit=40)
        for node in nodes
        if node.domain not in {"", "ai.onnx"} or not _known(node.operator)
    )
    return ", ".join(f"{name} ×{count:,}" for name, count in counts.most_common(8))


def _known(operator: str) -> bool:
    return operator in RULES or operator in {
        "ConstantOfShape", "Range", "ScatterND", "Trilu", "Mod", "ReduceProd", "Size",
    }  # fmt: skip


def _network(mapped: Mapped, file: OnnxFile) -> OnnxNetwork:
    if len(file.nodes) > MOST_NODES:
        raise CannotRun(reason=f"it has more than {MOST_NODES:,} operations.")
    if any(tensor.external for tensor in file.tensors.values()):
        raise CannotRun(reason="its weights lie in a file beside it, which was not looked for.")
    building = Building(mapped=mapped)
    inputs = [given for given in file.inputs if given.name not in file.tensors]
    for given in inputs:
        shape = tuple(_OPEN if size is None else size for size in given.shape)
        _give(building, given.name, shape, given.dtype)
    names = _store(building, file)
    for node in file.nodes:
        _run(building, node)
    outputs = tuple(_output(building, name) for name in file.outputs)
    if not inputs or not outputs:
        raise CannotRun(reason="it takes nothing, or gives nothing.")
    found = Calls(calls=needed(building.found.calls, outputs), values=building.found.values)
    used = {a.value for call in found.calls for a in _values(call.arguments.values())}
    checkpoint = _checkpoint(mapped, file, {name for value, name in names.items() if value in used})
    held = [
        Held(value=value, name=name, learned=value not in building.buffers)
        for value, name in names.items()
        if value in used
    ]
    graph = Graph(
        origin="onnx",
        inputs=inputs_of(
            [building.signals[i.name].name for i in inputs], found.values, found.calls
        ),
        parameters=parameters_of(held, found, modules=(), places=places_of(checkpoint)),
        constants=_constants(building, used),
        nodes=nodes_of(found, outputs),
        outputs=outputs,
        batch=building.signals[inputs[0].name].shape[0],
        fixed_batch=True,
        notes=(_FIXED,),
    )
    return OnnxNetwork(network=graph, checkpoint=checkpoint)


def _values(arguments: Iterable[object]) -> Iterable[Value]:
    for given in arguments:
        for atom in given if isinstance(given, tuple) else (given,):
            if isinstance(atom, Value):
                yield atom


def _give(building: Building, name: str, shape: tuple[int, ...], dtype: str) -> str:
    """Put a value of the file under a name of our own."""
    own = building.fresh()
    building.signals[name] = Signal(name=own, shape=shape, dtype=dtype)
    building.found.values[own] = Tensor(shape=shape, dtype=dtype)
    return own


def _store(building: Building, file: OnnxFile) -> dict[str, str]:
    """Make every stored tensor a value: small whole numbers known, the rest by its place.

    Returns:
        The file's name of each value that stays in the file.
    """
    names: dict[str, str] = {}
    for name, tensor in file.tensors.items():
        if tensor.dtype.startswith("float") and tensor.shape and part_of(tensor) is not None:
            own = _give(building, name, tensor.shape, tensor.dtype)
            look = partial(building.small, tensor)
            building.signals[name] = replace(building.signals[name], source=look)
            building.stored.add(own)
            names[own] = plain_text(name)
        else:
            building.signals[name] = building.folded(building.small(tensor))
    return names


def _run(building: Building, node: OnnxNode) -> None:
    inputs = tuple(_signal(building, name) for name in node.inputs)
    at = At(building=building, node=node, inputs=inputs)
    try:
        known = folded(at)
        if known is None and node.operator not in RULES:
            at.refuse("depends on the input, which is not read")
        made = known if known is not None else RULES[node.operator](at)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError, MemoryError):
        at.refuse("has arguments that make no sense")
    several = made if isinstance(made, tuple) else (made,)
    for name, signal in zip(node.outputs, several, strict=False):
        if name in building.signals:
            at.refuse("gives a name that is taken")
        building.signals[name] = signal


def _signal(building: Building, name: str) -> Signal | None:
    if not name:
        return None
    found = building.signals.get(name)
    if found is None:
        shown = plain_text(name, limit=80)
        raise CannotRun(reason=f"it uses {shown!r}, which nothing before gives.")
    return found


def _output(building: Building, name: str) -> str:
    signal = _signal(building, name)
    if signal is None or not signal.name:
        raise CannotRun(reason="one of its results does not depend on its input.")
    return signal.name


def _checkpoint(mapped: Mapped, file: OnnxFile, names: set[str]) -> Checkpoint:
    parts = [(plain_text(n), part_of(t)) for n, t in file.tensors.items() if plain_text(n) in names]
    placed = [("", name, part) for name, part in parts if part is not None]
    tensors = stored_tensors(placed, kind=KIND, file_bytes=mapped.size)
    return Checkpoint(format=KIND, tensors=tensors)


def _constants(building: Building, used: set[str]) -> tuple[Constant, ...]:
    return tuple(
        Constant(
            value=name,
            shape=tuple(numbers.shape),
            dtype=numbers.dtype.name,
            values=tuple(np.asarray(numbers).reshape(-1).tolist()),
        )
        for name, numbers in building.constants.items()
        if name in used
    )
