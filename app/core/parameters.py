"""The parameters a torch.nn layer would have, from its constructor's arguments alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from app.core.arguments import MOST_LAYERS, Argument, Arguments, Shape
from app.core.checkpoint import Attribute
from app.core.fans import fans
from app.core.layers import (
    BATCH_NORM,
    CONV,
    CONV_TRANSPOSE,
    EMBEDDING,
    GATES,
    INSTANCE_NORM,
    LINEAR,
    NORM,
    ParameterFacts,
)
from app.errors import Invalid

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a layer."""

    name: str
    facts: ParameterFacts
    shape: Shape


Rule: TypeAlias = Callable[[str, Arguments], list[Parameter]]


def parameters(layer: str, arguments: Mapping[str, Argument]) -> tuple[Parameter, ...]:
    """Every parameter of a layer, in its own order.

    Args:
        layer: A torch.nn class name.
        arguments: Of its constructor.

    Raises:
        Invalid: If torch.nn has no such layer with parameters, or an argument is missing, unknown
            or one that torch refuses.
    """
    rule = _rule(layer)
    if rule is None:
        raise Invalid(what="the layer", expected=_instead(layer), got=layer[:100])
    given = Arguments(layer, arguments)
    given.placed()
    found = rule(layer, given)
    given.finish()
    return tuple(found)


def _instead(layer: str) -> str:
    """What to ask for where a class has no rule of its own."""
    if layer in {"TransformerEncoder", "TransformerDecoder"}:
        return f"{layer}Layer, which it stacks copies of"
    if layer.startswith("Lazy") and _rule(layer.removeprefix("Lazy")) is not None:
        return f"{layer[4:]} with its input size, which the lazy class learns from its first input"
    return "a torch.nn class with parameters, such as Linear or Conv2d"


def _rule(layer: str) -> Rule | None:
    if layer.startswith("Lazy"):
        return None
    if layer in CONV or layer in CONV_TRANSPOSE:
        return _convolution
    if layer in GATES:
        return _cell if layer.endswith("Cell") else _recurrent
    if layer in NORM:
        return _norm
    if layer in EMBEDDING:
        return _embedding
    named: dict[str, Rule] = {
        "Linear": _linear,
        "Bilinear": _bilinear,
        "MultiheadAttention": _attention,
        "PReLU": _prelu,
    }
    return named.get(layer)


def _parameter(
    kind: str,
    name: str,
    shape: Shape,
    *,
    role: str | None = None,
    weight: Shape | None = None,
    about: dict[str, Attribute] | None = None,
) -> Parameter:
    """One parameter, with the fans of its own shape or of the weight it belongs to."""
    own = weight or shape
    both = fans(own) if len(own) > 1 and kind not in NORM else None
    attention = kind in LINEAR and kind != "Linear"
    return Parameter(
        name=name,
        shape=shape,
        facts=ParameterFacts(
            module=name.rpartition(".")[0],
            kind=kind,
            kind_certainty="confirmed",
            role=role or name.rpartition(".")[2],
            fan_in=both.fan_in if both else None,
            fan_out=both.fan_out if both else None,
            fan_certainty="confirmed" if both else "unknown",
            evidence="the layer's arguments",
            attributes=about or {},
            enclosing="MultiheadAttention" if attention and len(shape) == 1 else None,
        ),
    )


def _pair(
    kind: str, weight: Shape, outputs: int, *, bias: bool, about: dict[str, Attribute]
) -> list[Parameter]:
    found = [_parameter(kind, "weight", weight, about=about)]
    if bias:
        found.append(_parameter(kind, "bias", (outputs,), weight=weight, about=about))
    return found


def _linear(kind: str, given: Arguments) -> list[Parameter]:
    outputs, inputs = given.size("out_features"), given.size("in_features")
    return _pair(kind, (outputs, inputs), outputs, bias=given.flag("bias", default=True), about={})


def _bilinear(kind: str, given: Arguments) -> list[Parameter]:
    outputs, first = given.size("out_features"), given.size("in1_features")
    shape = (outputs, first, given.size("in2_features"))
    bias = given.flag("bias", default=True)
    return _pair(kind, shape, outputs, bias=bias, about={"in1_features": first})


def _convolution(kind: str, given: Arguments) -> list[Parameter]:
    axes = CONV.get(kind) or CONV_TRANSPOSE[kind]
    inputs, outputs = given.size("in_channels"), given.size("out_channels")
    kernel, groups = given.sizes("kernel_size", axes), given.size("groups", 1)
    for name, value in (("in_channels", inputs), ("out_channels", outputs)):
        if value % groups:
            raise given.refused(name, f"a multiple of groups = {groups}", value)
    _check_strides(kind, given, axes)
    first, second = (outputs, inputs) if kind in CONV else (inputs, outputs)
    shape = (first, second // groups, *kernel)
    bias = given.flag("bias", default=True)
    return _pair(kind, shape, outputs, bias=bias, about={"groups": groups})


def _check_strides(kind: str, given: Arguments, axes: int) -> None:
    """What a convolution is told of its stride and padding changes no parameter."""
    strides = given.sizes("stride", axes, 1)
    given.sizes("dilation", axes, 1)
    if kind in CONV_TRANSPOSE:
        given.sizes("output_padding", axes, 0, least=0)
        given.word("padding_mode", "zeros")
    else:
        given.word("padding_mode", *PADDING_MODES)
    padding = given.value("padding")
    if padding not in {"same", "valid"} or kind in CONV_TRANSPOSE:
        given.sizes("padding", axes, 0, least=0)
    elif padding == "same" and set(strides) != {1}:
        raise given.refused("padding", "numbers, as 'same' needs a stride of 1", padding)


def _embedding(kind: str, given: Arguments) -> list[Parameter]:
    rows = given.size("num_embeddings")
    shape = (rows, given.size("embedding_dim"))
    given.number("max_norm", 1.0)
    given.number("norm_type", 2.0)
    for name in ("scale_grad_by_freq", "sparse"):
        given.flag(name, default=False)
    if kind == "EmbeddingBag":
        given.word("mode", "mean", "sum", "max")
        given.flag("include_last_offset", default=False)
    told = given.value("padding_idx")
    if told is None:
        return [_parameter(kind, "weight", shape)]
    text = str(told)
    row = int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else rows
    if not -rows <= row < rows:
        raise given.refused("padding_idx", f"a row number from {-rows} to {rows - 1}", told)
    return [_parameter(kind, "weight", shape, about={"padding_idx": row % rows})]


def _recurrent(kind: str, given: Arguments) -> list[Parameter]:
    hidden, inputs = given.size("hidden_size"), given.size("input_size")
    layers, projected = given.size("num_layers", 1, most=MOST_LAYERS), _projection(given, hidden)
    bias = given.flag("bias", default=True)
    ways = ("", "_reverse") if given.flag("bidirectional", default=False) else ("",)
    given.flag("batch_first", default=False)
    given.number("dropout", 0.0, low=0.0, high=1.0)
    if kind == "RNN":
        given.word("nonlinearity", "tanh", "relu")
    outputs, rows, found = projected or hidden, GATES[kind] * hidden, []
    for layer in range(layers):
        width = inputs if layer == 0 else outputs * len(ways)
        shapes: dict[str, Shape] = {"weight_ih": (rows, width), "weight_hh": (rows, outputs)}
        if bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if projected:
            shapes["weight_hr"] = (projected, hidden)
        about: dict[str, Attribute] = {"hidden_size": hidden}
        found += [
            _parameter(kind, f"{role}_l{layer}{way}", shape, role=role, about=about)
            for way in ways
            for role, shape in shapes.items()
        ]
    return found


def _projection(given: Arguments, hidden: int) -> int:
    """proj_size, which LSTM alone takes; 0 where there is no projection."""
    told = given.value("proj_size")
    if told is None:
        return 0
    if given.layer != "LSTM":
        raise given.refused("proj_size", "nothing, as only LSTM projects its state", told)
    size = given.size("proj_size", least=0)
    if size >= hidden:
        raise given.refused("proj_size", f"less than hidden_size = {hidden}", size)
    return size


def _cell(kind: str, given: Arguments) -> list[Parameter]:
    hidden, inputs = given.size("hidden_size"), given.size("input_size")
    if kind == "RNNCell":
        given.word("nonlinearity", "tanh", "relu")
    rows = GATES[kind] * hidden
    shapes: dict[str, Shape] = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden)}
    if given.flag("bias", default=True):
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    about: dict[str, Attribute] = {"hidden_size": hidden}
    return [_parameter(kind, name, shape, about=about) for name, shape in shapes.items()]


def _norm(kind: str, given: Arguments) -> list[Parameter]:
    given.number("eps", 1e-5)
    if kind in {"LayerNorm", "RMSNorm"}:
        shape, affine = given.shape("normalized_shape"), "elementwise_affine"
    else:
        shape, affine = (_channels(kind, given),), "affine"
    if kind in BATCH_NORM | INSTANCE_NORM:
        given.number("momentum", 0.1)
        given.flag("track_running_stats", default=kind in BATCH_NORM)
    if kind == "SyncBatchNorm" and given.value("process_group") is not None:
        raise given.refused("process_group", "None", given.value("process_group"))
    drawn = given.flag(affine, default=kind not in INSTANCE_NORM)
    biased = kind != "RMSNorm" and given.flag("bias", default=True)
    found = [_parameter(kind, "weight", shape, role="norm_weight")] if drawn else []
    return [*found, _parameter(kind, "bias", shape)] if drawn and biased else found


def _channels(kind: str, given: Arguments) -> int:
    if kind != "GroupNorm":
        return given.size("num_features")
    groups, channels = given.size("num_groups"), given.size("num_channels")
    if channels % groups:
        raise given.refused("num_channels", f"a multiple of num_groups = {groups}", channels)
    return channels


def _prelu(kind: str, given: Arguments) -> list[Parameter]:
    about: dict[str, Attribute] = {"init": given.number("init", 0.25)}
    shape = (given.size("num_parameters", 1),)
    return [_parameter(kind, "weight", shape, role="slope", about=about)]


def _attention(kind: str, given: Arguments) -> list[Parameter]:
    width, heads = given.size("embed_dim"), given.size("num_heads")
    if width % heads:
        raise given.refused("num_heads", f"a divisor of embed_dim = {width}", heads)
    given.number("dropout", 0.0, low=0.0, high=1.0)
    for name in ("add_zero_attn", "batch_first"):
        given.flag(name, default=False)
    keys, values = given.size("kdim", width), given.size("vdim", width)
    bias = given.flag("bias", default=True)
    if keys == values == width:
        shapes: dict[str, Shape] = {"in_proj_weight": (3 * width, width)}
    else:
        shapes = {"q_proj_weight": (width, width), "k_proj_weight": (width, keys)}
        shapes["v_proj_weight"] = (width, values)
    if bias:
        shapes["in_proj_bias"] = (3 * width,)
    if given.flag("add_bias_kv", default=False):
        shapes |= {"bias_k": (1, 1, width), "bias_v": (1, 1, width)}
    found = [_parameter(kind, name, shape) for name, shape in shapes.items()]
    out = "NonDynamicallyQuantizableLinear"
    found.append(_parameter(out, "out_proj.weight", (width, width)))
    if bias:
        found.append(_parameter(out, "out_proj.bias", (width,), weight=(width, width)))
    return found
