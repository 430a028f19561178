"""Layer kinds from names and shapes alone: the classes that fit, narrowed by names and siblings.

The rule: of all torch.nn classes whose shapes fit, one left means inferred; several left are
narrowed by a word in the layer's name or by siblings elsewhere in the model; else "unknown", and
the classes left open are listed, so that a law on which they all agree can still be given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.core.checkpoint import Attribute, Certainty
from app.core.layers import GATES
from app.readers.hints import Hint, hints, named_axes, own_hints, words
from app.readers.layout import Layer, ancestors, elements, join

NAME_AND_SHAPE = "name and shape"
GPT2_NAMES = frozenset({"c_attn", "c_proj", "c_fc", "q_attn"})  # transformers' Conv1D layers
_UNPACKED = {"q_proj_weight", "k_proj_weight", "v_proj_weight"}
_DECODER_WORDS = frozenset({"decoder", "generator", "unet", "vae", "up", "ups", "deconv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A layer's kind and why it is believed."""

    kind: str
    certainty: Certainty
    evidence: str
    possible: tuple[str, ...] = ()  # classes left open where the kind is unknown
    attributes: dict[str, Attribute] = field(default_factory=dict)


def inferred(kind: str, evidence: str = NAME_AND_SHAPE, **attributes: Attribute) -> Guess:
    """A kind that is believed, not known."""
    return Guess(kind=kind, certainty="inferred", evidence=evidence, attributes=dict(attributes))


def undecided(possible: Iterable[str], **attributes: Attribute) -> Guess:
    """No kind, and the classes that would fit."""
    open_ = tuple(possible)
    evidence = f"names and shapes fit {' or '.join(open_)}" if open_ else "nothing tells the class"
    return Guess(
        kind="unknown",
        certainty="unknown",
        evidence=evidence,
        possible=open_,
        attributes=dict(attributes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """What the rest of the model tells: decided kinds by number of axes, words in its names."""

    layers: dict[str, Layer]  # of one group, by path, in file order
    convolutions: frozenset[str] = frozenset()  # kinds decided without looking at siblings
    spoken: frozenset[str] = frozenset()
    before: dict[str, Layer] = field(default_factory=dict)  # path → last matrix or kernel before
    only_batch: bool = False  # all named layers with running statistics are batch norms


def guess(layer: Layer, siblings: Siblings) -> Guess:
    """The kind of a layer without a class in the file.

    Args:
        layer: Its own tensors.
        siblings: The other layers of its model.
    """
    special = _recurrent(layer) or _attention(layer, siblings)
    if special is not None:
        return special
    if "running_mean" in layer.members or "running_var" in layer.members:
        return _batch_norm(layer, siblings)
    if layer.weight is None:
        return undecided(())
    if len(layer.weight) == 1:
        return _one_axis(layer, siblings)
    if layer.members.get("bias") == layer.weight:
        return inferred("LayerNorm", "weight and bias of one shape with several axes")
    if len(layer.weight) == 2:
        return _two_axes(layer, siblings)
    if len(layer.weight) <= 5:
        return _kernel(layer, siblings)
    return undecided(())


def gather(layers: dict[str, Layer]) -> Siblings:
    """The model's own evidence: kinds that shapes or names alone decide."""
    alone = Siblings(layers=layers)
    kernels = (o for o in layers.values() if o.weight is not None and len(o.weight) > 2)
    spoken = {word for path in layers for part in path.split(".") for word in words(part)}
    with_statistics = (hints(p) for p, o in layers.items() if "running_mean" in o.members)
    norms = [hint for hint in with_statistics if hint & {"norm", "batch", "group", "layer"}]
    return Siblings(
        layers=layers,
        convolutions=frozenset(guess(layer, alone).kind for layer in kernels),
        spoken=frozenset(spoken),
        before=_layers_before(layers),
        only_batch=bool(norms) and all("batch" in hint for hint in norms),
    )


def _layers_before(layers: dict[str, Layer]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    last = None
    for path, layer in layers.items():
        if last is not None:
            found[path] = last
        if layer.weight is not None and len(layer.weight) > 1:
            last = layer
    return found


def _recurrent(layer: Layer) -> Guess | None:
    cell = "" if "weight_hh_l0" in layer.members else "Cell"
    recurrent = layer.members.get("weight_hh" if cell else "weight_hh_l0")
    projection = layer.members.get("weight_hr_l0")
    if recurrent is None or len(recurrent) != 2:
        return None
    hidden = projection[1] if projection and len(projection) == 2 else recurrent[1]
    for kind, gates in GATES.items():
        if kind.endswith("Cell") == bool(cell) and hidden and recurrent[0] == gates * hidden:
            return inferred(
                kind,
                f"weight_hh has {gates} × hidden_size rows",
                hidden_size=hidden,
            )
    return undecided(())


def _attention(layer: Layer, siblings: Siblings) -> Guess | None:
    packed = layer.members.get("in_proj_weight")
    if packed is not None and len(packed) == 2 and packed[0] == 3 * packed[1]:
        return inferred("MultiheadAttention", "in_proj_weight of shape (3E, E)")
    if layer.members.keys() >= _UNPACKED:
        return inferred("MultiheadAttention", "q_proj_weight, k_proj_weight and v_proj_weight")
    parent, _, own = layer.path.rpartition(".")
    above = siblings.layers.get(parent)
    if own == "out_proj" and above is not None and _attention(above, siblings) is not None:
        return inferred("NonDynamicallyQuantizableLinear", "out_proj of a MultiheadAttention")
    return None


def _batch_norm(layer: Layer, siblings: Siblings) -> Guess:
    axes = ("1d", "2d", "3d")
    everything = [f"{name}{n}" for name in ("BatchNorm", "InstanceNorm") for n in axes]
    name, before = hints(layer.path), siblings.before.get(layer.path)
    numbered = bool(words(layer.path)) and not words(layer.path.rpartition(".")[2])
    if "batch" not in name and not (numbered and siblings.only_batch):
        return undecided(everything)
    told = named_axes(layer.path)
    if told is not None:
        return inferred(f"BatchNorm{told}d", "running statistics and name")
    if before is None or before.weight is None:
        return undecided(everything)
    count = elements(layer.members.get("running_mean", ())) or 0
    outputs = {before.weight[0]} | set(before.members.get("bias", ()))
    if count not in outputs:
        return undecided(everything)
    kernel_axes = max(1, len(before.weight) - 2)
    return inferred(f"BatchNorm{kernel_axes}d", "running statistics, name and the layer before it")


def _one_axis(layer: Layer, siblings: Siblings) -> Guess:
    name = hints(layer.path)
    with_bias = layer.members.get("bias") == layer.weight
    if with_bias:
        if "layer" in name or _beside_attention(layer, siblings):
            return inferred("LayerNorm")
        if "group" in name:
            return inferred("GroupNorm")
        return undecided(("LayerNorm", "GroupNorm", "BatchNorm2d", "InstanceNorm2d"))
    if "bias" in layer.members:
        return undecided(())
    if "prelu" in name and "norm" not in name:
        return inferred("PReLU")
    if "rms" in name:
        return inferred("RMSNorm")
    if "norm" in name:
        return undecided(("RMSNorm", "LayerNorm"))
    return undecided(("RMSNorm", "LayerNorm", "PReLU"))


def _beside_attention(layer: Layer, siblings: Siblings) -> bool:
    """Whether this is a norm of a torch.nn Transformer layer or of the stack around it."""
    own = layer.path.rpartition(".")[2]
    parent = next(iter(ancestors(layer.path)), "")
    if own in {"norm1", "norm2", "norm3"}:
        attention = siblings.layers.get(join(parent, "self_attn"))
    elif own == "norm":
        attention = siblings.layers.get(join(parent, "layers.0.self_attn"))
    else:
        return False
    return attention is not None and _attention(attention, siblings) is not None


def _two_axes(layer: Layer, siblings: Siblings) -> Guess:
    shape, bias = layer.weight or (0, 0), layer.members.get("bias")
    if _is_gpt2(layer, siblings):
        return inferred("Conv1D", "a name of GPT-2's layers, which store weights as (in, out)")
    if bias is not None:
        return inferred("Linear") if bias == (shape[0],) else undecided(())
    if _in_adaptive_softmax(layer, siblings):
        return inferred("Linear", "head and tail of an AdaptiveLogSoftmaxWithLoss")
    linear, embedding = "linear" in hints(layer.path), "embedding" in own_hints(layer.path)
    if linear and not embedding:
        return inferred("Linear")
    if embedding and not linear:
        return inferred("EmbeddingBag" if "bag" in hints(layer.path) else "Embedding")
    return undecided(("Linear", "Embedding"))


def _in_adaptive_softmax(layer: Layer, siblings: Siblings) -> bool:
    base = layer.path.removesuffix("head").partition("tail.")[0]
    if base and not base.endswith("."):
        return False
    family = layer.path == f"{base}head" or layer.path.startswith(f"{base}tail.")
    return family and {f"{base}head", f"{base}tail.0.1"} <= siblings.layers.keys()


def _is_gpt2(layer: Layer, siblings: Siblings) -> bool:
    """Whether a layer with one of GPT-2's names is stored as (in, out).

    A bias tells by its length; a square or bias-free weight by its sibling, as c_attn is
    (d, 3d) in GPT-2 and (3d, d) where the same names are torch.nn.Linear.
    """
    parent, _, own = layer.path.rpartition(".")
    if own not in GPT2_NAMES or layer.weight is None:
        return False
    rows, columns = layer.weight
    bias = layer.members.get("bias")
    if rows != columns:
        return bias == (columns,) if bias is not None else own != "c_proj" and columns > rows
    beside = [siblings.layers.get(join(parent, name)) for name in sorted(GPT2_NAMES - {own})]
    return any(
        other is not None
        and other.weight is not None
        and len(other.weight) == 2
        and other.weight[0] != other.weight[1]
        and _is_gpt2(other, siblings)
        for other in beside
    )


def _kernel(layer: Layer, siblings: Siblings) -> Guess:
    shape = layer.weight or ()
    possible = _fitting_kernels(shape, layer.members.get("bias"))
    facts: dict[str, Attribute] = {}
    if "Bilinear" in possible:
        facts["in1_features"] = shape[1]
    left = _narrowed(possible, layer.path)
    if len(left) == 1:
        return inferred(left[0], "shape" if len(possible) == 1 else NAME_AND_SHAPE, **facts)
    conv = f"Conv{len(shape) - 2}d"
    if conv in left and _all_convolutions(layer, siblings, conv):
        return inferred(conv, "shape, and convolutions elsewhere in the model", **facts)
    return undecided(left, **facts)


def _fitting_kernels(shape: tuple[int, ...], bias: tuple[int, ...] | None) -> list[str]:
    axes = len(shape) - 2
    fits = []
    if bias is None or bias == (shape[0],):
        fits.append(f"Conv{axes}d")
    if bias is None or _transposes(shape, bias):
        fits.append(f"ConvTranspose{axes}d")
    if axes == 1 and (bias is None or bias == (shape[0],)):
        fits.append("Bilinear")
    return fits


def _transposes(shape: tuple[int, ...], bias: tuple[int, ...]) -> bool:
    """Whether a bias has out_channels values of a weight (in, out/groups, kernel)."""
    if len(bias) != 1 or shape[1] == 0 or bias[0] % shape[1] or not bias[0]:
        return False
    return shape[0] % (bias[0] // shape[1]) == 0


_KERNEL_HINTS: dict[Hint, str] = {"transpose": "ConvT", "bilinear": "Bili", "conv": "Conv"}


def _narrowed(possible: list[str], path: str) -> list[str]:
    """The classes that the layer's own name leaves; `conv` alone is no transposed convolution."""
    name = hints(path)
    for hint, start in _KERNEL_HINTS.items():
        matching = [kind for kind in possible if kind.startswith(start)]
        if hint in name and matching:
            return matching[:1]
    return possible


def _all_convolutions(layer: Layer, siblings: Siblings, conv: str) -> bool:
    """Whether the model decides elsewhere for convolutions and nothing speaks for another class."""
    decided = siblings.convolutions - {"unknown"}
    return bool(words(layer.path)) and decided == {conv} and not siblings.spoken & _DECODER_WORDS
