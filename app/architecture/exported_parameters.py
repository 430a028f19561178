"""The parameters of an exported program, and what is known of the layers that own them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.architecture.exported_calls import Call, Calls, Tensor, value_of
from app.architecture.exported_signature import Held
from app.core.checkpoint import Attribute, Checkpoint, ModuleRecord, StoredTensor
from app.core.fans import fans, stored_transposed
from app.core.graph import Constant, Parameter, Value
from app.core.layers import NORM, ParameterFacts
from app.errors import CannotRun
from app.readers.dtypes import contiguous_strides
from app.readers.naming import describe

_TURNED = frozenset({"aten.t.default", "aten.transpose.int", "aten.permute.default"})

# Operator → class whose weight it takes, and the arguments that weight and bias are.
_OWNERS: dict[str, str] = {
    "aten.linear.default": "Linear",
    "aten.bilinear.default": "Bilinear",
    "aten.embedding.default": "Embedding",
    **{f"aten.conv{n}d.{how}": f"Conv{n}d" for n in (1, 2, 3) for how in ("default", "padding")},
    "aten.conv_transpose1d.default": "ConvTranspose1d",
    "aten.conv_transpose2d.input": "ConvTranspose2d",
    "aten.conv_transpose3d.input": "ConvTranspose3d",
    "aten.layer_norm.default": "LayerNorm",
    "aten.rms_norm.default": "RMSNorm",
    "aten.group_norm.default": "GroupNorm",
    "aten.prelu.default": "PReLU",
}
_BY_AXES = {"aten.batch_norm.default": "BatchNorm", "aten.instance_norm.default": "InstanceNorm"}
_ROLES = {**dict.fromkeys(NORM, "norm_weight"), "PReLU": "slope"}


@dataclass(slots=True, kw_only=True)
class Places:
    """Where the source file keeps each tensor, by name, and which are one tensor."""

    stored: dict[str, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)  # index → index of the same elements


def places_of(checkpoint: Checkpoint | None) -> Places:
    """Where a checkpoint keeps its tensors; nowhere if there is none."""
    found = Places()
    for tensor in checkpoint.tensors if checkpoint else ():
        found.stored.setdefault(tensor.name, tensor.index)
        if tensor.alias_of is not None:
            found.first[tensor.index] = tensor.alias_of
    return found


def tied(held: Sequence[Held], places: Places) -> dict[str, str]:
    """Value of each tied parameter → value of the first of its name."""
    firsts: dict[int, str] = {}
    renamed: dict[str, str] = {}
    for item in held:
        index = places.stored.get(item.name)
        if index is not None:
            first = firsts.setdefault(places.first.get(index, index), item.value)
            if first != item.value:
                renamed[item.value] = first
    return renamed


def parameters_of(
    held: Sequence[Held],
    found: Calls,
    *,
    modules: tuple[ModuleRecord, ...],
    places: Places,
) -> tuple[Parameter, ...]:
    """Every parameter and buffer, with what its default law and the schemes depend on.

    Args:
        held: Those of the signature, tied ones once.
        found: The operations, which tell a layer that no class of torch.nn names.
        modules: The classes that the program names.
        places: Where the file keeps the values.
    """
    shaped = [(item, value_of(found.values, item.value)) for item in held]
    listed = tuple(_stored(at, item, value) for at, (item, value) in enumerate(shaped))
    known = describe(Checkpoint(format="pt2", tensors=listed, modules=modules))
    used = _uses(found, {item.value for item in held})
    return tuple(
        Parameter(
            name=item.name,
            value=item.value,
            shape=value.shape,
            dtype=value.dtype,
            learned=item.learned,
            facts=_refined(facts, used.get(item.value)),
            stored=places.stored.get(item.name),
        )
        for (item, value), facts in zip(shaped, known, strict=True)
    )


def constants_of(
    held: Sequence[Held],
    values: dict[str, Tensor],
    *,
    places: Places,
    given: Mapping[str, tuple[bool | int | float, ...]],
) -> tuple[Constant, ...]:
    """The fixed tensors that operations use.

    Raises:
        CannotRun: If the values of one are neither in the file nor given.
    """
    found = []
    for item in held:
        value, stored = value_of(values, item.value), places.stored.get(item.name)
        if stored is None and item.name not in given:
            raise CannotRun(reason=f"the values of its constant {item.name[:80]!r} are missing.")
        found.append(
            Constant(
                value=item.value,
                shape=value.shape,
                dtype=value.dtype,
                stored=stored,
                values=None if stored is not None else given[item.name],
            )
        )
    return tuple(found)


def _stored(index: int, item: Held, value: Tensor) -> StoredTensor:
    return StoredTensor(
        index=index,
        name=item.name,
        group="",
        dtype=value.dtype,
        shape=value.shape,
        strides=contiguous_strides(value.shape),
        offset=0,
        parameter=item.learned,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """The layer that an operation with this parameter amounts to."""

    kind: str
    op: str
    weight: tuple[int, ...]
    bias: bool
    attributes: dict[str, Attribute]


def _uses(program: Calls, parameters: set[str]) -> dict[str, _Use]:
    turned: dict[str, str] = {}
    found: dict[str, _Use] = {}
    for call in program.calls:
        given = {name: a.value for name, a in call.arguments.items() if isinstance(a, Value)}
        if call.op in _TURNED and given.get("self") in parameters:
            turned[call.results[0]] = given["self"]
        names = ("mat2", "self") if call.op == "aten.addmm.default" else ("weight", "bias")
        weight, bias = given.get(names[0], ""), given.get(names[1], "")
        kind = _owner(call, program.values, from_turned=weight in turned)
        weight = turned.get(weight, weight)
        if kind is None or weight not in parameters:
            continue
        shape = value_of(program.values, weight).shape
        groups = call.arguments.get("groups")
        told: dict[str, Attribute] = {"groups": groups} if type(groups) is int else {}
        for name in {weight, bias} & parameters:
            use = _Use(kind=kind, op=call.op, weight=shape, bias=name != weight, attributes=told)
            found.setdefault(name, use)
    return found


def _owner(call: Call, values: dict[str, Tensor], *, from_turned: bool) -> str | None:
    """The class of torch.nn that an operation amounts to, or GPT-2's Conv1D."""
    if call.op in _BY_AXES:
        given = call.arguments.get("input")
        rank = len(value_of(values, given.value).shape) if isinstance(given, Value) else 4
        return f"{_BY_AXES[call.op]}{min(max(rank - 2, 1), 3)}d"
    if call.op == "aten.addmm.default":
        return "Linear" if from_turned else "Conv1D"
    if call.op == "aten.linear.default" and from_turned:
        return "Conv1D"
    if call.op == "aten.convolution.default":
        stride = call.arguments.get("stride")
        axes = len(stride) if isinstance(stride, tuple) else 0
        transposed = "Transpose" if call.arguments.get("transposed") is True else ""
        return f"Conv{transposed}{axes}d" if 1 <= axes <= 3 else None
    return _OWNERS.get(call.op)


def _refined(facts: ParameterFacts, use: _Use | None) -> ParameterFacts:
    """The facts, with the operation's evidence where no class of torch.nn is named."""
    if use is None or facts.kind_certainty == "confirmed":
        return facts
    measure = stored_transposed if use.kind == "Conv1D" else fans
    both = measure(use.weight) if len(use.weight) > 1 and use.kind not in _ROLES else None
    attributes = {name: told for name, told in facts.attributes.items() if name != "possible"}
    return replace(
        facts,
        kind=use.kind,
        kind_certainty="inferred",
        role="bias" if use.bias else _ROLES.get(use.kind, "weight"),
        fan_in=both.fan_in if both else None,
        fan_out=both.fan_out if both else None,
        fan_certainty="inferred" if both else "unknown",
        evidence=f"{'bias' if use.bias else 'weight'} of {use.op}",
        attributes=attributes | use.attributes,
    )
