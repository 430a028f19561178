"""The parameters a torch.nn layer would have, from its constructor's arguments alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

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

Argument: TypeAlias = int | bool | str | tuple[int, ...]
Shape: TypeAlias = tuple[int, ...]

LARGEST = 2**31  # of one size; a layer beyond it is a typing error
# Arguments that change no parameter's law or shape.
IGNORED = frozenset(
    {"stride", "padding", "dilation", "padding_mode", "output_padding", "eps", "momentum",
     "dropout", "batch_first", "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "mode",
     "nonlinearity", "activation", "norm_first", "add_zero_attn", "track_running_stats"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a layer."""

    name: str
    facts: ParameterFacts
    shape: Shape


class Arguments:
    """Reads a layer's arguments and remembers which it has read."""

    def __init__(self, layer: str, given: Mapping[str, Argument]) -> None:
        self.layer = layer
        self.given = given
        self.read: set[str] = set(IGNORED)

    def size(self, name: str, default: int | None = None) -> int:
        """A whole number of at least 1."""
        self.read.add(name)
        value = self.given.get(name, default)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
            got = "nothing" if value is None else repr(value)
            raise Invalid(what=f"{self.layer}'s {name}", expected=f"1 to {LARGEST:,}", got=got)
        return value

    def sizes(self, name: str, axes: int) -> Shape:
        """One number for all axes, or one for each: 3, (3, 4) or "3,4"."""
        self.read.add(name)
        value = self.given.get(name)
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, tuple | list):
            return (self.size(name),) * axes
        if len(parts) == 1:
            parts = parts * axes
        if len(parts) != axes:
            raise Invalid(
                what=f"{self.layer}'s {name}", expected=f"{axes} numbers", got=repr(value)
            )
        each = [Arguments(self.layer, {name: str(part).strip()}) for part in parts]
        return tuple(one.size(name) for one in each)

    def flag(self, name: str, *, default: bool) -> bool:
        """A truth value: True, 1, "true"."""
        self.read.add(name)
        value = self.given.get(name, default)
        spelt = {"true": True, "1": True, "false": False, "0": False}
        found = spelt.get(str(value).lower())
        if found is None:
            what = f"{self.layer}'s {name}"
            raise Invalid(what=what, expected="true or false", got=repr(value))
        return found

    def finish(self) -> None:
        """Refuse arguments that nobody asked for."""
        unknown = sorted(set(self.given) - self.read)
        if unknown:
            known = ", ".join(sorted(self.read - IGNORED))
            raise Invalid(what=f"{self.layer}'s argument", expected=known, got=unknown[0])


def parameters(layer: str, arguments: Mapping[str, Argument]) -> tuple[Parameter, ...]:
    """Every parameter of a layer, in its own order.

    Args:
        layer: A torch.nn class name.
        arguments: Of its constructor.

    Raises:
        Invalid: If torch.nn has no such layer with parameters, or an argument is missing, unknown
            or out of range.
    """
    rule = _rule(layer)
    if rule is None:
        known = "a torch.nn class with parameters, such as Linear or Conv2d"
        raise Invalid(what="the layer", expected=known, got=layer[:100])
    given = Arguments(layer, arguments)
    found = rule(layer, given)
    given.finish()
    return tuple(found)


def _rule(layer: str) -> Callable[[str, Arguments], list[Parameter]] | None:
    if layer in CONV or layer in CONV_TRANSPOSE:
        return None if layer.startswith("Lazy") else _convolution
    if layer in GATES:
        return _cell if layer.endswith("Cell") else _recurrent
    if layer in NORM:
        return None if layer.startswith("Lazy") else _norm
    if layer in EMBEDDING:
        return _embedding
    named: dict[str, Callable[[str, Arguments], list[Parameter]]] = {
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
            expected = f"a multiple of groups = {groups}"
            raise Invalid(what=f"{kind}'s {name}", expected=expected, got=value)
    first, second = (outputs, inputs) if kind in CONV else (inputs, outputs)
    shape = (first, second // groups, *kernel)
    bias = given.flag("bias", default=True)
    return _pair(kind, shape, outputs, bias=bias, about={"groups": groups})


def _embedding(kind: str, given: Arguments) -> list[Parameter]:
    shape = (given.size("num_embeddings"), given.size("embedding_dim"))
    if "padding_idx" not in given.given:
        return [_parameter(kind, "weight", shape)]
    given.read.add("padding_idx")
    row = str(given.given["padding_idx"])
    if not row.removeprefix("-").isdecimal():
        raise Invalid(what=f"{kind}'s padding_idx", expected="a row number", got=row)
    return [_parameter(kind, "weight", shape, about={"padding_idx": int(row)})]


def _recurrent(kind: str, given: Arguments) -> list[Parameter]:
    hidden, layers = given.size("hidden_size"), given.size("num_layers", 1)
    inputs, bias = given.size("input_size"), given.flag("bias", default=True)
    ways = ("", "_reverse") if given.flag("bidirectional", default=False) else ("",)
    given.read.add("proj_size")
    projected = given.size("proj_size") if given.given.get("proj_size") not in (None, 0, "0") else 0
    outputs, rows, found = projected or hidden, GATES[kind] * hidden, []
    for layer in range(min(layers, 64)):
        width = inputs if layer == 0 else outputs * len(ways)
        for way in ways:
            shapes: dict[str, Shape] = {"weight_ih": (rows, width), "weight_hh": (rows, outputs)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if projected:
                shapes["weight_hr"] = (projected, hidden)
            found += [
                _parameter(
                    kind,
                    f"{role}_l{layer}{way}",
                    shape,
                    role=role,
                    about={"hidden_size": hidden},
                )
                for role, shape in shapes.items()
            ]
    return found


def _cell(kind: str, given: Arguments) -> list[Parameter]:
    hidden, inputs = given.size("hidden_size"), given.size("input_size")
    rows = GATES[kind] * hidden
    shapes: dict[str, Shape] = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden)}
    if given.flag("bias", default=True):
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    about: dict[str, Attribute] = {"hidden_size": hidden}
    return [_parameter(kind, name, shape, about=about) for name, shape in shapes.items()]


def _norm(kind: str, given: Arguments) -> list[Parameter]:
    affine = "elementwise_affine" if kind in {"LayerNorm", "RMSNorm"} else "affine"
    if kind in {"LayerNorm", "RMSNorm"}:
        value = given.given.get("normalized_shape")
        axes = len(value.split(",")) if isinstance(value, str) else 1
        shape = given.sizes("normalized_shape", len(value) if isinstance(value, tuple) else axes)
    elif kind == "GroupNorm":
        given.size("num_groups")
        shape = (given.size("num_channels"),)
    else:
        shape = (given.size("num_features"),)
    if not given.flag(affine, default=kind not in INSTANCE_NORM):
        return []
    found = [_parameter(kind, "weight", shape, role="norm_weight")]
    biased = kind in BATCH_NORM or given.flag("bias", default=True)
    return [*found, _parameter(kind, "bias", shape)] if biased and kind != "RMSNorm" else found


def _prelu(kind: str, given: Arguments) -> list[Parameter]:
    return [_parameter(kind, "weight", (given.size("num_parameters", 1),), role="slope")]


def _attention(kind: str, given: Arguments) -> list[Parameter]:
    width = given.size("embed_dim")
    given.size("num_heads", 1)
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
