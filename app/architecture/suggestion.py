"""A bare state_dict: what it holds, and a spec that the person may confirm or edit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.architecture.inventories import MOST_LISTED, REMEDY, line_of, suggestion
from app.core.checkpoint import StoredTensor
from app.core.graph import Inventory, InventoryLayer
from app.core.layers import (
    BATCH_NORM,
    CONV,
    CONV_TRANSPOSE,
    EMBEDDING,
    GATES,
    INSTANCE_NORM,
    LINEAR,
    STATE_ROLES,
    ParameterFacts,
)

HEAD = (
    "# Suggested from names and shapes alone. Assumed: that layers run in this order, every\n"
    "# activation, stride, padding and pooling, and the number of attention heads and groups.\n"
    "# Correct it before you run it."
)
REASON = (
    "A state_dict holds names and shapes of tensors; how its layers are connected, their "
    "activations and strides are not in it, so it cannot run."
)
HEAD_WIDTH = 64


@dataclass(slots=True)
class _Owner:
    """A layer as its tensors show it."""

    path: str
    facts: ParameterFacts
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by the tensors' last names

    kind: str = ""

    @property
    def possible(self) -> tuple[str, ...]:
        """The classes that it may be."""
        told = self.facts.attributes.get("possible")
        if self.facts.kind == "unknown" and isinstance(told, tuple) and told:
            return tuple(str(kind) for kind in told)
        return (self.facts.kind,)

    @property
    def weight(self) -> tuple[int, ...]:
        return self.shapes.get("weight", ())

    @property
    def bias(self) -> str:
        return "" if "bias" in self.shapes else ", bias=False"


def suggested(tensors: Sequence[StoredTensor], facts: Sequence[ParameterFacts]) -> Inventory:
    """What a state_dict's tensors say of the network.

    Args:
        tensors: Of one checkpoint.
        facts: What is known of each, in the same order, as `readers.naming.describe` gives it.
    """
    owners = _owners(tensors, facts)
    texts = {path: _text(owner) for path, owner in owners.items()}
    layers = [
        InventoryLayer(
            path=path,
            kind=owner.kind,
            text=texts[path] or ", ".join(f"{n} {s}" for n, s in owner.shapes.items())[:200],
            parameters=sum(math.prod(shape) for shape in owner.shapes.values()),
        )
        for path, owner in owners.items()
    ]
    lines = _lines(owners, texts)
    more = "" if len(layers) <= MOST_LISTED else f" Only the first {MOST_LISTED:,} are listed."
    return Inventory(
        origin="state dict",
        layers=tuple(layers[:MOST_LISTED]),
        reason=f"{REASON} {REMEDY}{more}",
        suggestion=suggestion(lines, head=HEAD) if any(texts.values()) else None,
    )


def _owners(tensors: Sequence[StoredTensor], facts: Sequence[ParameterFacts]) -> dict[str, _Owner]:
    """The model's layers in file order, with the shapes of their learned tensors."""
    found: dict[str, _Owner] = {}
    for tensor, known in zip(tensors, facts, strict=True):
        if tensor.group or known.role in STATE_ROLES:
            continue
        owner = found.setdefault(known.module, _Owner(path=known.module, facts=known))
        owner.shapes[tensor.name.rpartition(".")[2]] = tensor.shape
    axes = 1
    for owner, after in zip(found.values(), [*list(found.values())[1:], None], strict=True):
        owner.kind = _chosen(owner, after, axes)
        axes = CONV.get(owner.kind) or axes
    return found


def _chosen(owner: _Owner, after: _Owner | None, axes: int) -> str:
    """One of the classes that a layer may be, by what stands around it.

    Args:
        owner: The layer.
        after: The next one.
        axes: Of the last convolution before.
    """
    for kind in owner.possible:
        if kind.endswith(f"Norm{axes}d"):
            return kind
    if "Embedding" in owner.possible and after is not None and len(owner.weight) == 2:
        width = after.weight[-1] if after.weight else 0
        if width == owner.weight[1] != owner.weight[0] and "bias" not in owner.shapes:
            return "Embedding"
    return owner.possible[0]


def _lines(owners: dict[str, _Owner], texts: dict[str, str]) -> list[str]:
    """The spec's lines: each layer, with what probably stands between it and the last."""
    lines: list[str] = []
    last: _Owner | None = None
    absorbed = _absorbed(owners)
    for path, owner in list(owners.items())[:MOST_LISTED]:
        if path in absorbed:
            continue
        if not texts[path]:
            lines.append(f"# {owner.kind[:40]} is left out: {_safe(path)}")
            continue
        lines += [f"- {text}" for text in _between(last, owner)]
        lines.append(line_of(path, texts[path]))
        last = owner
    return lines


def _absorbed(owners: dict[str, _Owner]) -> set[str]:
    """Output projections, which belong to the attention above them."""
    heads = {path for path, owner in owners.items() if owner.kind == "MultiheadAttention"}
    return {f"{path}.out_proj" for path in heads}


def _safe(path: str) -> str:
    return "".join(c for c in path if c.isalnum() or c in "._-")[:100]


def _between(last: _Owner | None, owner: _Owner) -> list[str]:
    """An activation before a layer that follows another, and pooling where an image ends."""
    if last is None:
        return []
    mixing = LINEAR | CONV.keys() | CONV_TRANSPOSE.keys()
    bent = ["ReLU()"] if owner.kind in mixing and last.kind in mixing | BATCH_NORM else []
    if owner.kind in LINEAR and (last.kind in CONV or last.kind in BATCH_NORM):
        return bent + _pooled(last, owner)
    return bent


def _pooled(last: _Owner, owner: _Owner) -> list[str]:
    channels = last.weight[0] if last.weight else 0
    axes = CONV.get(last.kind) or (int(last.kind[-2]) if last.kind[-2:-1].isdigit() else 0)
    if not channels or not axes or owner.weight[1] % channels or last.kind == "BatchNorm1d":
        return []
    side = round((owner.weight[1] // channels) ** (1 / axes))
    if side**axes * channels != owner.weight[1]:
        return []
    return [f"AdaptiveAvgPool{axes}d({side})", "Flatten()"]


def _text(owner: _Owner) -> str:
    """The layer as a call; "" where its shapes are not its class'."""
    kind, axes = owner.kind, len(owner.weight)
    rules: tuple[tuple[bool, Callable[[_Owner], str]], ...] = (
        (kind in LINEAR and axes == 2, _linear),
        (kind in CONV and axes == CONV.get(kind, 0) + 2, _convolution),
        (kind in CONV_TRANSPOSE and axes == CONV_TRANSPOSE.get(kind, 0) + 2, _transposed),
        (kind in EMBEDDING and axes == 2, lambda o: f"{kind}({o.weight[0]}, {o.weight[1]})"),
        (kind in BATCH_NORM | INSTANCE_NORM and axes == 1, _running),
        (kind == "GroupNorm" and axes == 1, _group_norm),
        (kind in {"LayerNorm", "RMSNorm"} and axes > 0, _layer_norm),
        (kind == "PReLU" and axes == 1, lambda o: f"PReLU({o.weight[0]})"),
        (kind == "Bilinear" and axes == 3, _bilinear),
        (kind in GATES and not kind.endswith("Cell"), _recurrent),
        (kind == "MultiheadAttention", _attention),
    )
    rule = next((rule for fits, rule in rules if fits), None)
    return rule(owner) if rule else ""


def _linear(owner: _Owner) -> str:
    outputs, inputs = owner.weight
    return f"Linear({inputs}, {outputs}{owner.bias})"


def _bilinear(owner: _Owner) -> str:
    outputs, first, second = owner.weight
    return f"Bilinear({first}, {second}, {outputs}{owner.bias})"


def _groups(owner: _Owner) -> int:
    told = owner.facts.attributes.get("groups")
    return told if isinstance(told, int) and told > 0 else 1


def _convolution(owner: _Owner) -> str:
    outputs, inputs, *kernel = owner.weight
    groups = _groups(owner)
    padding = tuple(k // 2 for k in kernel)
    split = f", groups={groups}" if groups > 1 else ""
    padded = f", padding={_sizes(padding)}" if any(padding) else ""
    sizes = f"{inputs * groups}, {outputs}, {_sizes(tuple(kernel))}"
    return f"{owner.kind}({sizes}{padded}{split}{owner.bias})"


def _transposed(owner: _Owner) -> str:
    inputs, outputs, *kernel = owner.weight
    groups = _groups(owner)
    split = f", groups={groups}" if groups > 1 else ""
    stride = f", stride={_sizes(tuple(kernel))}" if max(kernel) > 1 else ""
    sizes = f"{inputs}, {outputs * groups}, {_sizes(tuple(kernel))}"
    return f"{owner.kind}({sizes}{stride}{split}{owner.bias})"


def _sizes(sizes: tuple[int, ...]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else str(sizes)


def _running(owner: _Owner) -> str:
    affine = ", affine=True" if owner.kind in INSTANCE_NORM else ""
    return f"{owner.kind}({owner.weight[0]}{affine})"


def _group_norm(owner: _Owner) -> str:
    channels = owner.weight[0]
    groups = next(g for g in (32, 16, 8, 4, 2, 1) if channels % g == 0)
    return f"GroupNorm({groups}, {channels})"


def _layer_norm(owner: _Owner) -> str:
    biased = "" if owner.kind == "RMSNorm" else owner.bias
    return f"{owner.kind}({_sizes_of(owner.weight)}{biased})"


def _sizes_of(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def _recurrent(owner: _Owner) -> str:
    first, state = owner.shapes.get("weight_ih_l0"), owner.shapes.get("weight_hh_l0")
    if first is None or state is None or len(first) != 2 or len(state) != 2:
        return ""
    hidden = first[0] // GATES[owner.kind]
    layers = sum(1 for n in owner.shapes if n.startswith("weight_hh") and "reverse" not in n)
    both = ", bidirectional=True" if "weight_hh_l0_reverse" in owner.shapes else ""
    projected = f", proj_size={state[1]}" if state[1] != hidden else ""
    bias = "" if "bias_ih_l0" in owner.shapes else ", bias=False"
    stacked = f", num_layers={layers}" if layers > 1 else ""
    sizes = f"{first[1]}, {hidden}{stacked}{bias}"
    return f"{owner.kind}({sizes}, batch_first=True{both}{projected})"


def _attention(owner: _Owner) -> str:
    packed = owner.shapes.get("in_proj_weight")
    if packed is None or len(packed) != 2:
        return ""
    width = packed[1]
    heads = width // HEAD_WIDTH if width % HEAD_WIDTH == 0 else 1
    bias = "" if "in_proj_bias" in owner.shapes else ", bias=False"
    return f"MultiheadAttention({width}, {heads}{bias}, batch_first=True)"
