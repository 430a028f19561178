"""What generated code says of itself: the plan in a line, its numbers, and what code cannot do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from app.architecture.initcode_slots import Slot
from app.core.catalogue import BY_ID
from app.core.distributions import Constant, Distribution
from app.core.graph import Graph
from app.core.operators import FAMILY
from app.core.plans import CHECKPOINT, Plan
from app.core.wording import counted, number

_ACTIVATIONS: Final = frozenset({"activation"})
_NORMS: Final = frozenset({"norm"})


def summary(plan: Plan) -> str:
    """The plan in a line: `Kaiming normal (fan_in, relu); linear times 1.5`."""
    told = [_scheme(plan.base)]
    for kind, choice in plan.choices.items():
        parts = [_scheme(choice.scheme)] if choice.scheme else []
        parts += [f"times {number(choice.gain)}"] if choice.gain != 1.0 else []
        parts += [f"biases {number(choice.bias)}"] if choice.bias is not None else []
        if parts:
            told.append(f"{kind} {', '.join(parts)}")
    if plan.branch is not None and plan.branch != 1.0:
        told.append(f"ends of residual branches times {number(plan.branch)}")
    return "; ".join(told)


def _scheme(identifier: str) -> str:
    if identifier == CHECKPOINT:
        return "its own weights"
    found = BY_ID.get(identifier)
    return found.name if found else identifier


def changes(plan: Plan, before: Graph, after: Graph) -> tuple[str, ...]:
    """What the plan changes in the model itself, which no init code can.

    Args:
        plan: Of `core.plans`.
        before: The network as it was built; of one without operations everything is said.
        after: As the plan has it.
    """
    known, found = bool(before.nodes), []
    if plan.activation is not None and (not known or _swapped(before, after, _ACTIVATIONS)):
        found.append(f"every activation becomes nn.{plan.activation}()")
    if plan.normalisation is not None and (not known or _swapped(before, after, _NORMS)):
        none = plan.normalisation == "none"
        found.append(
            "its normalisation layers are left out"
            if none
            else f"every normalisation becomes {plan.normalisation}"
        )
    return tuple(f"Change in the model first: {one}. Init code cannot do that." for one in found)


def _swapped(before: Graph, after: Graph, families: frozenset[str]) -> bool:
    """Whether operations of these families are others than they were."""
    return _of(before, families) != _of(after, families)


def _of(graph: Graph, families: frozenset[str]) -> list[tuple[str, str]]:
    return [(node.name, node.op) for node in graph.nodes if FAMILY.get(node.op) in families]


def table(slots: Sequence[Slot]) -> tuple[str, ...]:
    """What each kind of parameter gets, in numbers: `Linear.weight: normal, std 0.0625 (40)`."""
    found: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        if slot.owner:
            found[f"{slot.owner}.{slot.leaf}"].append(slot)
    return tuple(
        f"{name}: {_said([slot.law for slot in own])} ({counted(len(own), 'tensor')})"
        for name, own in found.items()
    )


def _said(laws: Sequence[Distribution | None]) -> str:
    whole = [law for law in laws if law is not None]
    if len(whole) < len(laws):
        return "each block by itself"
    random = [law for law in whole if not isinstance(law, Constant)]
    values = sorted({law.value for law in whole if isinstance(law, Constant)})
    parts = []
    if random:
        names = dict.fromkeys(law.law.replace("_", " ") for law in random)
        parts.append(f"{' or '.join(names)}, {_span('std', [law.std for law in random])}")
    if values:
        parts.append(_span("constant", values))
    return " or ".join(parts)


def _span(word: str, numbers: Sequence[float]) -> str:
    least, most = number(min(numbers)), number(max(numbers))
    return f"{word} {least}" if least == most else f"{word} {least} to {most}"
