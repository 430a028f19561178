"""What torch.nn.MultiheadAttention draws: Xavier for its own weights, 0 for its biases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from app.core.derivations import constant, normal, xavier
from app.core.fans import Fans, fans
from app.core.layers import WEIGHT_ROLES, ParameterFacts
from app.core.report import DefaultLaw, Step

Shape: TypeAlias = Sequence[int]


def attention_default(facts: ParameterFacts, shape: Shape) -> DefaultLaw | None:
    """What torch.nn.MultiheadAttention draws for a parameter of its own.

    Args:
        facts: With one of attention's roles.
        shape: The tensor's.
    """
    source = "torch.nn.MultiheadAttention._reset_parameters"
    if facts.role == "in_proj_bias":
        return constant(0.0, source=source, call="nn.init.constant_(self.in_proj_bias, 0.)")
    if facts.role in {"bias_k", "bias_v"}:
        return _bias_kv(facts, shape, source)
    if facts.role not in WEIGHT_ROLES or len(shape) != 2:
        return None
    remark = None
    if facts.role == "in_proj_weight":
        remark = (
            f"Query, key and value are drawn as one ({shape[0]}, {shape[1]}) matrix, so their std "
            "is √2 smaller than Xavier gives each of them alone."
        )
    return xavier(
        fans(shape),
        source=source,
        call=f"nn.init.xavier_uniform_(self.{facts.role})",
        remark=remark,
    )


def _bias_kv(facts: ParameterFacts, shape: Shape, source: str) -> DefaultLaw | None:
    if len(shape) != 3:
        return None
    both = fans(shape)
    total = both.fan_in + both.fan_out
    std = math.sqrt(2 / total)
    return normal(
        std,
        formula="N(0, √(2/(fan_in+fan_out))) = N(0, 1/√embed_dim)",
        call=f"nn.init.xavier_normal_(self.{facts.role})",
        source=source,
        steps=(
            *_fan_steps(both, shape),
            Step(
                symbol="std",
                expression=f"√(2/(fan_in+fan_out)) = √(2/{total})",
                value=std,
            ),
        ),
        remark=f"The shape is {tuple(shape)}, so fan_in = fan_out = embed_dim = {shape[-1]}.",
    )


def _fan_steps(both: Fans, shape: Shape) -> tuple[Step, ...]:
    tail = "·".join(["", *(str(k) for k in shape[2:])])
    return (
        Step(symbol="fan_in", expression=f"size(1){tail}", value=both.fan_in),
        Step(symbol="fan_out", expression=f"size(0){tail}", value=both.fan_out),
    )
