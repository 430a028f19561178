"""What torch.nn draws for each parameter of each class, with the derivation in its own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from app.core.arguments import Argument
from app.core.attention import attention_default
from app.core.checkpoint import Certainty
from app.core.composites import all_parameters
from app.core.derivations import RECURRENT_REMARK, constant, from_kaiming, normal, uniform, xavier
from app.core.fans import fan_in_text, fans, trap
from app.core.layers import (
    BIAS_ROLES,
    CONV,
    CONV_TRANSPOSE,
    EMBEDDING,
    GATES,
    LINEAR,
    NORM,
    STATE_ROLES,
    ParameterFacts,
)
from app.core.report import DefaultLaw, Step
from app.core.wording import number

Shape: TypeAlias = Sequence[int]
Rule: TypeAlias = Callable[[ParameterFacts, Shape], DefaultLaw | None]

NN = "torch.nn"


def layer_defaults(layer: str, arguments: Mapping[str, Argument]) -> dict[str, DefaultLaw]:
    """What a torch.nn layer built with these arguments draws, parameter by parameter.

    Args:
        layer: A torch.nn class name.
        arguments: Of its constructor; a kernel size may be one number or one for each axis.

    Returns:
        By parameter name, in the layer's own order.

    Raises:
        Invalid: If torch.nn has no such layer with parameters, or an argument is missing, unknown
            or out of range.
    """
    laws = {
        parameter.name: default_law(parameter.facts, parameter.shape)
        for parameter in all_parameters(layer, arguments)
    }
    return {name: law for name, law in laws.items() if law is not None}


def default_law(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    """The law torch.nn would draw this parameter from.

    Args:
        facts: What is known of the owning layer.
        shape: The tensor's.

    Returns:
        None for buffers, and where the class is not known well enough to name one law. Where
        names leave several classes open that agree on the law, that law, as inferred.

    Source:
        reset_parameters of each class, torch 2.13; every class drawn and tested.
    """
    if facts.role in STATE_ROLES or not shape or 0 in shape:
        return None
    if facts.kind != "unknown":
        law = _law_of(facts.kind, facts, shape)
        return None if law is None else replace(law, certainty=_certainty(facts, law))
    return _agreed(facts, shape)


def _certainty(facts: ParameterFacts, law: DefaultLaw) -> Certainty:
    if facts.fan_in is None or law.law == "constant":
        return facts.kind_certainty
    order: tuple[Certainty, ...] = ("unknown", "inferred", "confirmed")
    return min(facts.kind_certainty, facts.fan_certainty, key=order.index)


def _agreed(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    """The one law of all classes that names and shapes leave open, or None where they differ."""
    possible = facts.attributes.get("possible")
    if not isinstance(possible, tuple) or not possible:
        return None
    laws = [_law_of(str(kind), facts, shape) for kind in possible]
    first = laws[0]
    if first is None or any(law is None or not _equal(law, first) for law in laws[1:]):
        return None
    remark = f"{_either([str(kind) for kind in possible])}: the law is the same."
    return replace(
        first, certainty="inferred", remark=" ".join(filter(None, [remark, first.remark]))
    )


def open_defaults(facts: ParameterFacts, shape: Shape) -> tuple[tuple[str, DefaultLaw], ...]:
    """The laws of all classes that names and shapes leave open, where they differ.

    Args:
        facts: What is known of the owning layer.
        shape: The tensor's.

    Returns:
        Each law once, with the first class that draws from it; nothing where one law is agreed on.
    """
    possible = facts.attributes.get("possible")
    if facts.kind != "unknown" or not isinstance(possible, tuple) or facts.role in STATE_ROLES:
        return ()
    found: list[tuple[str, DefaultLaw]] = []
    for kind in map(str, possible):
        law = _law_of(kind, facts, shape)
        if law is not None and not any(_equal(law, other) for _, other in found):
            found.append((kind, law))
    return tuple(found) if len(found) > 1 else ()


def _equal(a: DefaultLaw, b: DefaultLaw) -> bool:
    return (a.law, a.value) == (b.law, b.value) and math.isclose(a.std, b.std, rel_tol=1e-12)


def _either(kinds: list[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"


def _law_of(kind: str, facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    if facts.enclosing == "Transformer" and len(shape) > 1:
        return _transformer(facts, shape)
    if facts.enclosing == "unknown" and len(shape) > 1:
        return None
    rule = _rule(kind)
    if rule is None:
        return None
    return rule(replace(facts, kind=kind), shape)


def _rule(kind: str) -> Rule | None:
    if kind in LINEAR or kind in CONV or kind in CONV_TRANSPOSE:
        return _linear_or_conv
    if kind in GATES:
        return _recurrent
    if kind in NORM:
        return _norm
    if kind in EMBEDDING:
        return _embedding
    return {"Bilinear": _bilinear, "MultiheadAttention": attention_default, "PReLU": _prelu}.get(
        kind
    )


def _linear_or_conv(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    source = f"{NN}.{facts.kind}.reset_parameters"
    if facts.role == "bias" and facts.enclosing == "MultiheadAttention":
        return constant(
            0.0,
            source=f"{NN}.MultiheadAttention._reset_parameters",
            call="nn.init.constant_(self.out_proj.bias, 0.)",
            remark="A Linear's bias would be U(±1/√fan_in); attention sets this one to 0.",
        )
    if facts.role == "bias":
        return _bias(facts, source)
    if facts.role != "weight" or len(shape) < 2:
        return None
    groups = facts.attributes.get("groups")
    return from_kaiming(
        fans(shape).fan_in,
        origin=_fan_in_origin(facts, shape),
        source=source,
        trap=trap(facts.kind, shape, groups if isinstance(groups, int) else None),
    )


def _fan_in_origin(facts: ParameterFacts, shape: Shape) -> str:
    if facts.kind in LINEAR:
        return "in_features, size(1) of the weight"
    if facts.kind in CONV_TRANSPOSE:
        return f"{fan_in_text(shape)}, where size(1) is out_channels/groups"
    return f"{fan_in_text(shape)}, where size(1) is in_channels/groups"


def _bias(facts: ParameterFacts, source: str) -> DefaultLaw | None:
    if facts.fan_in is None or facts.fan_in < 1:
        return None
    return uniform(
        1 / math.sqrt(facts.fan_in),
        formula="U(±1/√fan_in)",
        call="bound = 1 / math.sqrt(fan_in); nn.init.uniform_(self.bias, -bound, bound)",
        source=source,
        steps=(
            Step(symbol="fan_in", expression="that of the layer's weight", value=facts.fan_in),
            Step(
                symbol="bound",
                expression=f"1/√fan_in = 1/√{facts.fan_in}",
                value=1 / math.sqrt(facts.fan_in),
            ),
        ),
        remark="The bias takes its bound from the weight's fan_in, not from its own length.",
    )


def _bilinear(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    first = shape[1] if facts.role == "weight" and len(shape) == 3 else None
    given = facts.attributes.get("in1_features")
    inputs = first if first is not None else given if isinstance(given, int) else None
    if inputs is None or inputs < 1:
        return None
    bound = 1 / math.sqrt(inputs)
    return uniform(
        bound,
        formula="U(±1/√in1_features)",
        call=f"bound = 1 / math.sqrt(self.weight.size(1)); nn.init.uniform_(self.{facts.role}, "
        "-bound, bound)",
        source=f"{NN}.Bilinear.reset_parameters",
        steps=(
            Step(symbol="in1_features", expression="size(1) of the weight", value=inputs),
            Step(symbol="bound", expression=f"1/√in1_features = 1/√{inputs}", value=bound),
        ),
        remark=trap("Bilinear", shape, None),
    )


def _recurrent(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    given = facts.attributes.get("hidden_size")
    hidden = given if isinstance(given, int) else shape[0] // GATES[facts.kind]
    if hidden < 1:
        return None
    bound = 1 / math.sqrt(hidden)
    return uniform(
        bound,
        formula="U(±1/√hidden_size)",
        call="stdv = 1.0 / math.sqrt(self.hidden_size); nn.init.uniform_(weight, -stdv, stdv)",
        source=f"{NN}.{'RNNCellBase' if facts.kind.endswith('Cell') else 'RNNBase'}"
        ".reset_parameters",
        steps=(
            Step(symbol="hidden_size", expression="of the layer", value=hidden),
            Step(symbol="bound", expression=f"1/√hidden_size = 1/√{hidden}", value=bound),
        ),
        remark=RECURRENT_REMARK
        + (" No forget-gate bias of 1." if facts.kind.startswith("LSTM") else ""),
    )


def _norm(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:  # noqa: ARG001
    source = f"{NN}.{facts.kind}.reset_parameters"
    if facts.role == "norm_weight":
        return constant(1.0, source=source, call="nn.init.ones_(self.weight)")
    if facts.role == "bias":
        return constant(0.0, source=source, call="nn.init.zeros_(self.bias)")
    return None


def _prelu(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:  # noqa: ARG001
    given = facts.attributes.get("init")
    slope = float(given) if isinstance(given, int | float) else 0.25
    return constant(
        slope,
        source=f"{NN}.PReLU.reset_parameters",
        call="nn.init.constant_(self.weight, self.init)",
    )


def _embedding(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    if facts.role != "weight" or len(shape) != 2:
        return None
    padding = facts.attributes.get("padding_idx")
    remark = "The std is 1 whatever embedding_dim is."
    if isinstance(padding, int):
        remark += f" Row {padding}, the padding_idx, is set to 0."
    return normal(
        1.0,
        formula="N(0, 1)",
        call="nn.init.normal_(self.weight)",
        source=f"{NN}.{facts.kind}.reset_parameters",
        steps=(Step(symbol="std", expression="1, at every size", value=1.0),),
        remark=remark,
    )


def _transformer(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    if facts.role in BIAS_ROLES and len(shape) < 2:
        return None
    before = _rule(facts.kind)
    alone = before(replace(facts, enclosing=None), shape) if before else None
    remark = "nn.Transformer draws every parameter of 2 or more axes again, after its layers did."
    if alone is not None and alone.bound is not None:
        remark += f" On its own, {facts.kind} would have drawn U(±{number(alone.bound)})."
    return xavier(
        fans(shape),
        source=f"{NN}.Transformer._reset_parameters",
        call="for p in self.parameters(): if p.dim() > 1: nn.init.xavier_uniform_(p)",
        remark=remark,
    )
