"""Tensor names of a checkpoint, sorted into the layers that own them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.core.checkpoint import Checkpoint, ModuleRecord, StoredTensor
from app.core.layers import torch_kind

SHARED_PREFIXES = ("module.", "_orig_mod.", "state_dict.", "model.", "net.")
_WRAPPERS = re.compile(r"(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_PARAMETRIZED = re.compile(r"^(?:(.*)\.)?parametrizations\.(\w+)\.original([01]?)$")
_STATE_GROUP = re.compile(r"optim|scheduler|scaler", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One module path and the shapes of the tensors it owns directly."""

    path: str  # wrappers' prefixes removed
    group: str
    members: dict[str, tuple[int, ...]] = field(default_factory=dict)  # leaf name → shape
    record: ModuleRecord | None = None

    @property
    def weight(self) -> tuple[int, ...] | None:
        """Shape of the weight, also where weight or spectral norm keeps it under another name."""
        if "weight" in self.members:
            return self.members["weight"]
        if "weight_orig" in self.members:
            return self.members["weight_orig"]
        return self.members.get("weight_v") if "weight_g" in self.members else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one tensor belongs."""

    path: str
    leaf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Every tensor's place, and every layer by group and path, in file order."""

    places: tuple[Place, ...]
    layers: dict[tuple[str, str], Layer]
    records: dict[str, ModuleRecord]


def layout(checkpoint: Checkpoint) -> Layout:
    """The layers of a checkpoint.

    Args:
        checkpoint: Its table of contents; names are hostile text and may repeat.
    """
    records = {record.path: record for record in checkpoint.modules}
    prefixes = {
        group: shared_prefix([t.name for t in checkpoint.tensors if t.group == group])
        for group in {t.group for t in checkpoint.tensors}
    }
    places: list[Place] = []
    layers: dict[tuple[str, str], Layer] = {}
    for tensor in checkpoint.tensors:
        place = placed(tensor.name.removeprefix(prefixes[tensor.group]))
        places.append(place)
        key = (tensor.group, place.path)
        if key not in layers:
            record = _record(records, tensor)
            layers[key] = Layer(path=place.path, group=tensor.group, record=record)
        layers[key].members.setdefault(place.leaf, tensor.shape)
    return Layout(places=tuple(places), layers=layers, records=records)


def shared_prefix(names: Sequence[str]) -> str:
    """The wrappers' prefix that all names begin with: `module.model.`, or nothing."""
    prefix = ""
    while names:
        step = next(
            (p for p in SHARED_PREFIXES if all(n.startswith(prefix + p) for n in names)), None
        )
        if step is None:
            return prefix
        prefix += step
    return prefix


def placed(name: str) -> Place:
    """The owning path and the leaf of a tensor name, parametrisations undone."""
    name = _WRAPPERS.sub("", name)
    match = _PARAMETRIZED.match(name)
    if match is not None:
        leaf = {"0": "_g", "1": "_v", "": "_orig"}[match.group(3)]
        return Place(path=match.group(1) or "", leaf=match.group(2) + leaf)
    path, _, leaf = name.rpartition(".")
    return Place(path=path, leaf=leaf)


def is_state_group(group: str) -> bool:
    """Whether a container holds an optimizer's state and not a model's weights."""
    return bool(_STATE_GROUP.search(group))


def ancestors(path: str) -> Iterable[str]:
    """The paths that enclose a path, nearest first, the root last."""
    while path:
        path = path.rpartition(".")[0]
        yield path


def enclosing_kind(records: dict[str, ModuleRecord], path: str) -> str | None:
    """The kind of the nearest recorded ancestor that is a Transformer, or looks like one.

    Returns:
        "Transformer" where the file says so, "unknown" for somebody's own class with a
        Transformer's arguments, else None.
    """
    for above in ancestors(path):
        record = records.get(above)
        if record is None:
            continue
        if torch_kind(record.class_name) == "Transformer":
            return "Transformer"
        if _resembles_transformer(records, record):
            return "unknown"
    return None


def _resembles_transformer(records: dict[str, ModuleRecord], record: ModuleRecord) -> bool:
    if torch_kind(record.class_name) or not {"d_model", "nhead"} <= record.attributes.keys():
        return False
    children = [records.get(join(record.path, name)) for name in ("encoder", "decoder")]
    kinds = [child and torch_kind(child.class_name) for child in children]
    return kinds == ["TransformerEncoder", "TransformerDecoder"]


def join(path: str, name: str) -> str:
    """The path of a child: `encoder.layers`, or `layers` below the root."""
    return f"{path}.{name}" if path else name


def _record(records: dict[str, ModuleRecord], tensor: StoredTensor) -> ModuleRecord | None:
    path = placed(tensor.name).path
    bare = tensor.name.rpartition(".")[0]
    grouped = ".".join(filter(None, [tensor.group, path]))
    for candidate in (bare, path, grouped):
        if candidate in records:
            return records[candidate]
    return None


def elements(shape: Sequence[int]) -> int:
    """Values a tensor of this shape holds."""
    return math.prod(shape)
