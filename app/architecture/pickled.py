"""The modules of a pickled whole model → a graph, or an inventory where its class is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.architecture.assembly import assembled
from app.architecture.chains import Chain
from app.architecture.inventories import inventory
from app.architecture.joining import with_stored
from app.architecture.layers import Written
from app.architecture.limits import MOST_DEPTH, MOST_NODES
from app.architecture.plan import Entry
from app.architecture.signatures import SIGNATURES, names
from app.architecture.tree import Module
from app.core.checkpoint import Attribute, Checkpoint, ModuleRecord
from app.core.graph import Graph, Inventory
from app.errors import NotANetwork

_PACKAGES = ("torch.nn.modules.", "torch.nn.parallel.")
_RENAMED = {"NonDynamicallyQuantizableLinear": "Linear"}
_SHOWN = 200  # characters of a module's arguments
_BIASED = frozenset({"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"})  # record their bias
_RELU, _GELU = 1, 2  # what TransformerEncoderLayer.activation_relu_or_gelu holds


def recorded(checkpoint: Checkpoint, *, entry: Entry | None = None) -> Graph | Inventory:
    """What a checkpoint's module records say of the network.

    Args:
        checkpoint: With the records of a pickled whole model.
        entry: What the network is given; None to go by its first layer.

    Raises:
        NotANetwork: If it has no records, or they are too many or too deep.
    """
    if not checkpoint.modules:
        raise NotANetwork(
            reason="expected a whole pickled model, but the file holds tensors alone. Save the "
            "model itself, or describe the network as a spec."
        )
    root = _tree(checkpoint)
    chain = Chain()
    plan = replace(chain.plan(root), entry=entry)
    if not chain.foreign:
        return with_stored(assembled(plan, origin="pickled module"), checkpoint.tensors)
    first = next(iter(chain.foreign.values()))
    reason = (
        f"{first.kind} is a class of its own: the file holds its attributes, and its forward() is "
        "code, which is never run."
    )
    return inventory(root, reason, origin="pickled module")


def _tree(checkpoint: Checkpoint) -> Module:
    if len(checkpoint.modules) > MOST_NODES:
        raise NotANetwork(reason=f"expected at most {MOST_NODES:,} modules.")
    children: dict[str, list[ModuleRecord]] = {}
    root: ModuleRecord | None = None
    seen: set[str] = set()
    for record in checkpoint.modules:
        if record.path in seen:
            continue  # one module under two names is recorded once
        seen.add(record.path)
        parent, _, _ = record.path.rpartition(".")
        if record.path:
            children.setdefault(parent, []).append(record)
        else:
            root = record
    tensors = {tensor.name for tensor in checkpoint.tensors}
    return _module(root or _whole(checkpoint), children, tensors, 0)


def _whole(checkpoint: Checkpoint) -> ModuleRecord:
    """A model inside a container has no record at the root: its outermost module is the model."""
    return min(checkpoint.modules, key=lambda record: record.path.count("."))


def _module(
    record: ModuleRecord,
    children: Mapping[str, list[ModuleRecord]],
    tensors: set[str],
    depth: int,
) -> Module:
    if depth > MOST_DEPTH:
        raise NotANetwork(reason=f"its modules are nested more than {MOST_DEPTH} deep.")
    inside = children.get(record.path, [])
    kind = record.class_name.rpartition(".")[2]
    kind = _RENAMED.get(kind, kind)
    own = not record.class_name.startswith(_PACKAGES)
    named = {} if own else _arguments(kind, record, tensors)
    return Module(
        name=record.path.rpartition(".")[2],
        kind=kind,
        named=dict(named),
        children=tuple(_module(child, children, tensors, depth + 1) for child in inside),
        own=own,
        words=_words(named),
    )


def _words(named: Mapping[str, Written]) -> str:
    return ", ".join(f"{name}={value}" for name, value in named.items())[:_SHOWN]


def _arguments(kind: str, record: ModuleRecord, tensors: set[str]) -> dict[str, Written]:
    """The constructor's arguments, from the attributes of the same names and from the tensors."""
    told: dict[str, Attribute] = dict(record.attributes)
    if kind in {"TransformerEncoderLayer", "TransformerDecoderLayer"}:
        return {"norm_first": bool(told.get("norm_first", False)), **_activation(told)}
    placed, by_name, _ = names(kind) if kind in SIGNATURES else ([], [], set())
    known = [*placed, *by_name]
    found: dict[str, Written] = {name: told[name] for name in known if name in told}
    for name in ("device", "dtype", "scale_grad_by_freq", "sparse"):
        found.pop(name, None)
    prefix = f"{record.path}." if record.path else ""
    if "bias" in known and kind not in _BIASED:
        found["bias"] = bool({f"{prefix}bias", f"{prefix}in_proj_bias"} & tensors)
        if kind not in _WEIGHTED and f"{prefix}weight" not in tensors:
            del found["bias"]  # a norm without weight has none to leave out
    if kind == "MultiheadAttention":
        found["add_bias_kv"] = f"{prefix}bias_k" in tensors
    return found


_WEIGHTED = frozenset(
    {"Linear", "Bilinear", "MultiheadAttention"}
    | {f"Conv{how}{n}d" for how in ("", "Transpose") for n in (1, 2, 3)}
)


def _activation(told: Mapping[str, Attribute]) -> dict[str, Written]:
    """The feed-forward's activation: torch records the function, and a number for the two."""
    number = told.get("activation_relu_or_gelu")
    if number in (_RELU, _GELU):
        return {"activation": "relu" if number == _RELU else "gelu"}
    name = str(told.get("activation", "")).rpartition(".")[2]
    return {"activation": name} if name in {"relu", "gelu"} else {}
