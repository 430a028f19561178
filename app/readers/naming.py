"""Names, shapes and recorded classes of a checkpoint → what each tensor is, and how surely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.core.checkpoint import Attribute, Certainty, Checkpoint, StoredTensor
from app.core.context import Named, model_context
from app.core.fans import Fans, fans, stored_last, stored_transposed
from app.core.layers import GATES, NORM, ParameterFacts, torch_kind
from app.readers.guessing import Guess, Siblings, gather, guess, inferred
from app.readers.layout import Layer, Layout, Place, enclosing_kind, is_state_group, join, layout

_RECURRENT = re.compile(r"^(weight|bias)_(ih|hh|hr)(?:_l\d+)?(?:_reverse)?$")
_ATTENTION = (
    "in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight",
    "bias_k", "bias_v",
)  # fmt: skip
_NAMED_ROLES = {**{leaf: leaf for leaf in _ATTENTION}, "bias": "bias", "weight_g": "magnitude"}
_STATISTICS = frozenset({"running_mean", "running_var", "num_batches_tracked"})
_BUFFERS = frozenset(
    {"position_ids", "token_type_ids", "inv_freq", "original_inv_freq", "masked_bias", "mask",
     "attn_mask", "causal_mask", "tril", "relative_position_index", "pe", "freqs_cis",
     "cos_cached", "sin_cached", "weight_u", "_u", "_v", "weight_mask", "bias_mask"}
)  # fmt: skip
_KERNELS = frozenset({"kernel", "embedding"})  # Keras's and Flax's names for a weight
_FLOATS = ("float", "bfloat", "complex")


def describe(checkpoint: Checkpoint) -> tuple[ParameterFacts, ...]:
    """What is known of every tensor's layer, in the order of the checkpoint's tensors.

    A class recorded in the file is confirmed; what follows from names, shapes or attributes is
    inferred; what several classes would explain stays unknown.
    """
    found = layout(checkpoint)
    groups = {group for group, _ in found.layers}
    siblings = {
        group: gather({path: layer for (g, path), layer in found.layers.items() if g == group})
        for group in groups
    }
    stacks = {group: _transformers(siblings[group]) for group in groups}
    guesses = {key: _kind(layer, siblings[key[0]]) for key, layer in found.layers.items()}
    surroundings = _surroundings(checkpoint, found)
    return tuple(
        _with_attributes(_facts(tensor, place, found, guesses, stacks[tensor.group]), around)
        for tensor, place, around in zip(
            checkpoint.tensors, found.places, surroundings, strict=True
        )
    )


def _surroundings(checkpoint: Checkpoint, found: Layout) -> list[dict[str, Attribute]]:
    """Each tensor's depth, width and part in its own group's model."""
    named = [
        Named(path=place.path, leaf=place.leaf, shape=tensor.shape)
        for tensor, place in zip(checkpoint.tensors, found.places, strict=True)
    ]
    groups = [tensor.group for tensor in checkpoint.tensors]
    contexts = {
        group: model_context([n for n, own in zip(named, groups, strict=True) if own == group])
        for group in set(groups)
    }
    return [contexts[group].attributes(n) for n, group in zip(named, groups, strict=True)]


def _with_attributes(facts: ParameterFacts, around: dict[str, Attribute]) -> ParameterFacts:
    return replace(facts, attributes={**facts.attributes, **around})


def _kind(layer: Layer, siblings: Siblings) -> Guess:
    if layer.record is None:
        return guess(layer, siblings)
    kind = torch_kind(layer.record.class_name)
    if kind is None:
        return _by_attributes(layer) or guess(layer, siblings)
    return Guess(
        kind=kind,
        certainty="confirmed",
        evidence="module class in the file",
        attributes=dict(layer.record.attributes),
    )


def _by_attributes(layer: Layer) -> Guess | None:
    """The torch.nn class that a class of the user's own extends, told by its arguments."""
    record = layer.record
    if record is None:
        return None
    arguments = record.attributes.keys()
    kind = next((kind for needs, kind in _signatures(layer) if set(needs) <= arguments), None)
    if kind is None:
        return None
    name = record.class_name.rpartition(".")[2]
    return replace(
        inferred(kind, f"arguments of the class {name}"), attributes=dict(record.attributes)
    )


def _signatures(layer: Layer) -> list[tuple[tuple[str, ...], str]]:
    attributes = layer.record.attributes if layer.record else {}
    axes = max(1, len(layer.weight or ()) - 2)
    transposed = "Transpose" if attributes.get("transposed") else ""
    mode = attributes.get("mode")
    rows: list[tuple[tuple[str, ...], str]] = [
        (("in1_features", "in2_features", "out_features"), "Bilinear"),
        (("in_features", "out_features"), "Linear"),
        (("in_channels", "out_channels", "kernel_size"), f"Conv{transposed}{axes}d"),
        (("num_embeddings", "embedding_dim", "padding_idx"), "Embedding"),
        (("normalized_shape", "eps"), "LayerNorm" if "bias" in layer.members else "RMSNorm"),
        (("num_groups", "num_channels"), "GroupNorm"),
        (("embed_dim", "num_heads", "head_dim", "dropout"), "MultiheadAttention"),
    ]
    if isinstance(mode, str) and mode.partition("_")[0] in {"RNN", "LSTM", "GRU"}:
        rows.append((("input_size", "hidden_size", "num_layers"), mode.partition("_")[0]))
    shape = layer.weight or ()
    return rows if len(shape) != 1 or "bias" in layer.members else rows[4:]


def _facts(
    tensor: StoredTensor,
    place: Place,
    found: Layout,
    guesses: dict[tuple[str, str], Guess],
    stacks: dict[str, str],
) -> ParameterFacts:
    layer = found.layers[tensor.group, place.path]
    believed = guesses[tensor.group, place.path]
    role = _role(tensor, place.leaf, layer, believed)
    both, sure = _fans(layer, place.leaf, role, believed)
    attributes = dict(believed.attributes)
    if believed.possible:
        attributes["possible"] = believed.possible
    if believed.kind == "Bilinear" and layer.weight and len(layer.weight) == 3:
        attributes["in1_features"] = layer.weight[1]
    return ParameterFacts(
        module=place.path,
        kind=believed.kind,
        kind_certainty=believed.certainty,
        role=role,
        fan_in=both.fan_in if both else None,
        fan_out=both.fan_out if both else None,
        fan_certainty=sure,
        evidence=believed.evidence,
        attributes=attributes,
        enclosing=_enclosing(tensor, place, found, guesses, stacks),
    )


def _role(tensor: StoredTensor, leaf: str, layer: Layer, believed: Guess) -> str:
    if is_state_group(tensor.group):
        return "optimizer_state"
    if leaf in _STATISTICS:
        return leaf
    if _is_buffer(tensor, leaf, layer):
        return "buffer"
    match = _RECURRENT.match(leaf)
    if match is not None and believed.kind in GATES:
        return f"{match.group(1)}_{match.group(2)}"
    if leaf in {"weight", "weight_v", "weight_orig"}:
        return _weight_role(tensor, believed)
    if leaf in _KERNELS and len(tensor.shape) > 1:
        return "weight"
    return _NAMED_ROLES.get(leaf, "parameter")


def _weight_role(tensor: StoredTensor, believed: Guess) -> str:
    if believed.kind in NORM:
        return "norm_weight"
    if believed.kind == "PReLU":
        return "slope"
    if believed.possible and set(believed.possible) <= NORM:
        return "norm_weight"
    return "weight" if len(tensor.shape) > 1 or believed.kind != "unknown" else "parameter"


def _is_buffer(tensor: StoredTensor, leaf: str, layer: Layer) -> bool:
    if tensor.parameter is False or leaf in _BUFFERS:
        return True
    if leaf == "weight_v" and "weight_g" not in layer.members:
        return True
    mask = leaf == "bias" and len(tensor.shape) > 2 and tensor.shape != layer.weight
    return mask or not tensor.dtype.startswith(_FLOATS)


def _fans(layer: Layer, leaf: str, role: str, believed: Guess) -> tuple[Fans | None, Certainty]:
    """A weight's own fans; a bias has those of the weight beside it."""
    own = layer.weight if leaf in {"bias", "weight_g"} else layer.members.get(leaf)
    if leaf.startswith(("bias_ih", "bias_hh", "in_proj_bias")):
        own = layer.members.get(leaf.replace("bias", "weight"))
    if role in {"norm_weight", "slope", "buffer", "optimizer_state", *_STATISTICS}:
        own = None
    if own is None or len(own) < 2 or believed.kind in NORM:
        return None, "unknown"
    sure: Certainty = "confirmed" if believed.certainty == "confirmed" else "inferred"
    if leaf == "kernel":
        return stored_last(own), sure
    return (stored_transposed(own) if believed.kind == "Conv1D" else fans(own)), sure


def _enclosing(
    tensor: StoredTensor,
    place: Place,
    found: Layout,
    guesses: dict[tuple[str, str], Guess],
    stacks: dict[str, str],
) -> str | None:
    """The ancestor that draws this tensor again: a Transformer its matrices, attention a bias."""
    if len(tensor.shape) > 1:
        told = _original_path(found, tensor, place)
        if told is not None:
            return enclosing_kind(found.records, told)
        return next((kind for stack, kind in stacks.items() if _within(place.path, stack)), None)
    parent, _, own = place.path.rpartition(".")
    above = guesses.get((tensor.group, parent))
    attention = above is not None and above.kind == "MultiheadAttention"
    return "MultiheadAttention" if own == "out_proj" and attention else None


def _original_path(found: Layout, tensor: StoredTensor, place: Place) -> str | None:
    layer = found.layers[tensor.group, place.path]
    return layer.record.path if layer.record is not None else None


def _within(path: str, stack: str) -> bool:
    return any(path.startswith(join(stack, f"{part}.")) for part in ("encoder", "decoder"))


def _transformers(siblings: Siblings) -> dict[str, str]:
    """Paths under which names show nn.Transformer's encoder and decoder.

    nn.Transformer draws its matrices again, a hand-made pair of stacks does not. Both stacks with
    their final norms and nothing else beside them is taken for nn.Transformer; with other layers
    beside them the two cannot be told apart: "unknown".
    """
    stacks: dict[str, str] = {}
    for path in siblings.layers:
        base, marker, _ = path.partition("encoder.layers.0.self_attn")
        if not marker or (base and not base.endswith(".")):
            continue
        root = base.removesuffix(".")
        if root not in stacks and _has_both_stacks(siblings, root):
            stacks[root] = "Transformer" if _stands_alone(siblings.layers, base) else "unknown"
    return stacks


def _has_both_stacks(siblings: Siblings, root: str) -> bool:
    needs = ("encoder.norm", "decoder.norm", "decoder.layers.0.multihead_attn")
    return all(join(root, name) in siblings.layers for name in needs)


def _stands_alone(layers: dict[str, Layer], base: str) -> bool:
    below: Sequence[str] = [path for path in layers if path.startswith(base)]
    return all(path.startswith((f"{base}encoder.", f"{base}decoder.")) for path in below)
