"""Operations as training or evaluation has them, whatever mode a network was exported in."""

from __future__ import annotations

from dataclasses import replace

from app.core.graph import Node
from app.core.operators import TRAINING_ARGUMENT


def in_mode(node: Node, *, training: bool) -> Node:
    """The operation as a measurement in that mode runs it.

    A norm that keeps no statistics takes the batch's own in evaluation, too.
    """
    switch = TRAINING_ARGUMENT.get(node.op)
    if switch is None:
        return node
    norm = node.op.endswith("_norm.default")
    stateless = norm and node.arguments.get("running_mean") is None
    return replace(node, arguments={**node.arguments, switch: training or stateless})
