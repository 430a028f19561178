"""What is done to parameters before they meet a signal: they stay parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.core.graph import Node, Value
from app.core.meanfield.step import WeightMoments, bare
from app.core.meanfield.weights import shifted
from app.core.operators import FAMILY

_VIEWING: Final = frozenset({"shape", "selection", "cast"})  # families
_GATHERED: Final = frozenset({"index", "index_select", "gather"})  # by fixed indices
_SIZED: Final = frozenset(
    {"expand", "broadcast_to", "view", "reshape", "unflatten", "repeat", "slice", "narrow"}
)  # by numbers that may be calculated from sizes
_BY_SHAPE: Final = frozenset({"expand_as", "reshape_as"})  # in another tensor's shape


def viewed(
    node: Node,
    names: Sequence[str],
    weights: Mapping[str, WeightMoments],
    signals: Collection[str],
) -> WeightMoments | None:
    """Moments of a transpose, a reshape or a piece of a parameter: the parameter's own.

    Args:
        node: The operation.
        names: Values that it uses.
        weights: Of values that are parameters.
        signals: Names of values that are random by more.
    """
    own = {name for name in names if name in weights}
    others = set(names) - own
    if FAMILY.get(node.op) not in _VIEWING or len(own) != 1:
        return None
    fixed = not any(name in signals for name in others)
    gathered = fixed and bare(node.op) in _GATHERED | _SIZED
    if others and not gathered and bare(node.op) not in _BY_SHAPE:
        return None
    return weights[own.pop()]


def straight(node: Node, weights: Mapping[str, WeightMoments]) -> WeightMoments | None:
    """Moments of a parameter after an operation with a number; None where it is no such thing.

    Args:
        node: The operation.
        weights: Of values that are parameters.
    """
    one, other = node.arguments.get("self"), node.arguments.get("other", 1.0)
    name = bare(node.op)
    if not isinstance(one, Value) or one.value not in weights or not _is_number(other):
        return None
    number = float(other) if isinstance(other, int | float) else 1.0
    if name == "neg":
        return shifted(weights[one.value], factor=-1.0, shift=0.0)
    if name in ("mul", "div") and number:
        factor = number if name == "mul" else 1 / number
        return shifted(weights[one.value], factor=factor, shift=0.0)
    if name in ("add", "sub", "rsub") and node.arguments.get("alpha", 1) == 1:
        factor = -1.0 if name == "rsub" else 1.0
        return shifted(
            weights[one.value], factor=factor, shift=-number if name == "sub" else number
        )
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
