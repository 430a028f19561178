"""The code of each torch.nn class, and the parameters that its code does not draw right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.architecture.initcode_slots import Slot
from app.core.layers import EMBEDDING, GATES, NORM

MODULE = "m"
Lines = tuple[str, ...]

_OPTIONAL = frozenset(
    {"bias", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"}
    | {"in_proj_bias", "out_proj.bias", "bias_k", "bias_v"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCode:
    """What is done with a module of some classes."""

    classes: tuple[str, ...]
    lines: Lines
    guarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """The classes' code in the order to ask in, and what is left to names."""

    classes: tuple[ClassCode, ...]
    others: tuple[Slot, ...]


def coded(slots: Sequence[Slot]) -> Coded:
    """What each class of module is to do: the draw that most of its parameters need.

    Args:
        slots: Of one network.
    """
    by_class: dict[str, list[Slot]] = defaultdict(list)
    others = [slot for slot in slots if not slot.owner]
    for slot in slots:
        if slot.owner:
            by_class[slot.owner].append(slot)
    bodies: dict[tuple[Lines, bool], list[str]] = defaultdict(list)
    for owner, own in by_class.items():
        chosen = _chosen(own)
        others += [slot for slot in own if not _agrees(slot, chosen)]
        bodies[_body(owner, own, chosen)].append(owner)
    order = {slot.parameter.name: place for place, slot in enumerate(slots)}
    return Coded(
        classes=tuple(
            ClassCode(classes=tuple(classes), lines=lines, guarded=guarded)
            for (lines, guarded), classes in bodies.items()
            if lines
        ),
        others=tuple(sorted(others, key=lambda slot: order[slot.parameter.name])),
    )


def _agrees(slot: Slot, chosen: Mapping[str, Slot]) -> bool:
    return slot.zeroed or chosen[slot.leaf].body == slot.body


def _chosen(own: Sequence[Slot]) -> dict[str, Slot]:
    """Of each attribute, the draw that most have; where branches end in zeros, another's."""
    found: dict[str, Slot] = {}
    for leaf in dict.fromkeys(slot.leaf for slot in own):
        alike = [slot for slot in own if slot.leaf == leaf]
        drawn = [slot for slot in alike if not slot.zeroed] or alike
        body = Counter(slot.body for slot in drawn).most_common(1)[0][0]
        found[leaf] = next(slot for slot in drawn if slot.body == body)
    return found


def _body(owner: str, own: Sequence[Slot], chosen: Mapping[str, Slot]) -> tuple[Lines, bool]:
    """The lines for one module of a class, and whether they write outside torch.nn.init."""
    if all(slot.default or slot.zeroed for slot in own if _agrees(slot, chosen)):
        return (f"{MODULE}.reset_parameters()",), False
    guarded = any(slot.guarded for slot in chosen.values())
    if owner in GATES and not owner.endswith("Cell"):
        return _recurrent(chosen), guarded
    lines: list[str] = []
    both = {"in_proj_weight", "q_proj_weight"} <= chosen.keys()
    for leaf, slot in chosen.items():
        drawn = _drawn(slot, f"{MODULE}.{leaf}")
        may_lack = leaf in _OPTIONAL or (leaf == "weight" and owner in NORM)
        if leaf.endswith("_proj_weight") and not both:
            may_lack = False
        lines += _if_there(f"{MODULE}.{leaf}", drawn) if may_lack else drawn
    if owner in EMBEDDING:
        lines += [
            f"if {MODULE}.padding_idx is not None:",
            f"    {MODULE}.weight[{MODULE}.padding_idx].zero_()",
        ]
        guarded = True
    return tuple(lines), guarded


def _drawn(slot: Slot, tensor: str) -> list[str]:
    return [line.replace("{w}", tensor).replace("{m}", MODULE) for line in slot.body]


def _if_there(tensor: str, lines: Sequence[str]) -> list[str]:
    return [f"if {tensor} is not None:", *(f"    {line}" for line in lines)]


def _recurrent(chosen: Mapping[str, Slot]) -> Lines:
    """A loop over the parameters of every layer and direction, by the beginnings of their names."""
    lines = [f"for name, parameter in {MODULE}.named_parameters():"]
    word = "if"
    for roles, slot in _alike(chosen):
        lines.append(f"    {word} name.startswith({_beginning(roles, chosen)}):")
        lines += [f"        {line}" for line in _drawn(slot, "parameter")]
        word = "elif"
    return tuple(lines)


def _alike(chosen: Mapping[str, Slot]) -> list[tuple[tuple[str, ...], Slot]]:
    """The roles with their draws, those that are drawn alike as one."""
    found: dict[Lines, list[str]] = defaultdict(list)
    for role, slot in chosen.items():
        found[slot.body].append(role)
    return [(tuple(roles), chosen[roles[0]]) for roles in found.values()]


def _beginning(roles: tuple[str, ...], chosen: Mapping[str, Slot]) -> str:
    """What the names of these roles begin with, and no others: an argument of startswith."""
    for word in ("weight", "bias"):
        if set(roles) == {role for role in chosen if role.startswith(word)}:
            return f'"{word}"'
    quoted = ", ".join(f'"{role}"' for role in roles)
    return quoted if len(roles) == 1 else f"({quoted})"
