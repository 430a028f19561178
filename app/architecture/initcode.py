"""A network's plan as Python: an `init_weights` for `model.apply`, and what only names tell."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.architecture.initcode_classes import MODULE, ClassCode, coded
from app.architecture.initcode_lines import asked, fitted
from app.architecture.initcode_names import inert, patterns, quoted
from app.architecture.initcode_numbers import literal
from app.architecture.initcode_slots import Slot, slots_of
from app.architecture.initcode_words import changes, summary, table
from app.architecture.planning import Planned, planned
from app.core.graph import Graph
from app.core.plans import Plan
from app.core.wording import counted

WIDTH: Final = 88  # columns, the default of ruff and black
BY_NAME: Final = '''def named(model, expressions, count):
    """The `count` parameters whose names match one of the expressions."""
    found = [
        parameter
        for name, parameter in model.named_parameters()
        if any(re.fullmatch(expression, name) for expression in expressions)
    ]
    if len(found) != count:
        raise ValueError(f"expected {count} like {expressions[0]}, found {len(found)}")
    return found
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """Parameters that are found by their names, and what is done with each."""

    constant: str  # name of the tuple of expressions
    names: tuple[str, ...]
    lines: tuple[str, ...]


def init_code(graph: Graph, plan: Plan) -> str:
    """Python source that draws a plan into the network it was made for.

    Args:
        graph: Of any origin; one of parameters alone is enough.
        plan: Of `core.plans`.

    Returns:
        A module with `init_weights(m)` for `model.apply`, and functions of the model for what a
        class does not tell. Running it needs torch alone.

    Raises:
        Invalid: If the plan names what there is not.
    """
    return code_of(planned(graph, plan), plan, before=graph)


def code_of(drawn: Planned, plan: Plan, *, before: Graph) -> str:
    """The source of `init_code`, of a network that is planned already.

    Args:
        drawn: The network as the plan has it, and what draws it.
        plan: Of `core.plans`.
        before: The network as it was built.
    """
    graph, recipe = drawn.graph, drawn.recipe
    slots = slots_of(graph, plan, recipe, branch_ends=drawn.branch_ends)
    found = coded(slots)
    every = [parameter.name for parameter in graph.parameters]
    by_name = _by_name(found.others)
    scaled = _scaled(recipe.factors, drawn.branch_ends, plan)
    functions: list[tuple[str, str]] = []
    if found.classes:
        functions.append(("init_weights", _init_weights(found.classes, slots)))
    if by_name:
        functions.append(("init_named", _by_names("init_named", by_name, _ABOUT_NAMED)))
    for name, about, groups in scaled:
        functions.append((name, _by_names(name, groups, about)))
    groups = [*by_name, *(group for _, _, more in scaled for group in more)]
    parts = [_head(drawn, plan, before, [name for name, _ in functions])]
    parts[0] += _imports("\n".join(text for _, text in functions), named=bool(groups))
    parts[0] += "\n" + _constants(groups, every) if groups else ""
    parts += [BY_NAME] if groups else []
    parts += [text for _, text in functions]
    text = "\n\n".join(part.strip("\n") + "\n" for part in parts)
    return "\n".join(line for one in text.split("\n") for line in fitted(one, width=WIDTH))


_ABOUT_NAMED: Final = "Draw what the class of a module alone does not tell."


def _imports(body: str, *, named: bool) -> str:
    lines = ["import re", ""] if named else []
    lines += ["import torch"] if "torch." in body else []
    lines += ["from torch import nn"] if "nn." in body else []
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _head(drawn: Planned, plan: Plan, before: Graph, functions: Sequence[str]) -> str:
    """The module's docstring and what code cannot do."""
    name = inert(drawn.graph.name)[:60]
    about = textwrap.wrap(f"Draws {name or 'the network'}: {summary(plan)}.", WIDTH - 4)
    use = [
        "    model.apply(init_weights)" if one == "init_weights" else f"    {one}(model)"
        for one in functions
    ]
    lines = [f'"""{about[0]}', *about[1:]]
    if use:
        lines += ["", "Once, after the model is built; torch.manual_seed before it:", "", *use]
    else:
        lines += ["", "Nothing is to be drawn: every parameter keeps the values that it has."]
    lines.append('"""')
    for note in changes(plan, before, drawn.graph):
        lines += ["", *_comment(note)]
    if drawn.notes:
        lines += ["", *(line for note in drawn.notes for line in _comment(note))]
    return "\n".join(lines) + "\n"


def _comment(note: str) -> list[str]:
    whole = textwrap.wrap(inert(note), WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in whole]


def _init_weights(classes: Sequence[ClassCode], slots: Sequence[Slot]) -> str:
    guard = ["@torch.no_grad()"] if any(one.guarded for one in classes) else []
    lines = [
        *guard,
        f"def init_weights({MODULE}):",
        '    """Draw one module, by its class.',
        "",
        *(f"    {line}" for line in table(slots)),
        '    """',
    ]
    for place, one in enumerate(classes):
        word = "elif" if place else "if"
        lines += asked(word, MODULE, one.classes, width=WIDTH)
        lines += [f"        {line}" for line in one.lines]
    return "\n".join(lines) + "\n"


def _by_name(others: Sequence[Slot]) -> list[_Named]:
    """The parameters left to names, by what is drawn into them."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for slot in others:
        alike[slot.alone].append(slot.parameter.name)
    single = len(alike) == 1
    return [
        _Named(constant="NAMED" if single else f"NAMED_{place}", names=tuple(names), lines=lines)
        for place, (lines, names) in enumerate(alike.items(), 1)
    ]


def _scaled(
    factors: Mapping[str, float], ends: Sequence[str], plan: Plan
) -> list[tuple[str, str, list[_Named]]]:
    """The functions that multiply weights: by gains where they keep their values, and branches."""
    found = []
    branch = 1.0 if plan.branch is None else plan.branch
    rest: dict[float, list[str]] = defaultdict(list)
    for name, factor in factors.items():
        own = factor / branch if name in ends and branch else factor
        if own != 1.0:
            rest[own].append(name)
    if rest:
        groups = [
            _Named(
                constant="SCALED" if len(rest) == 1 else f"SCALED_{place}",
                names=tuple(names),
                lines=(f"{{w}}.mul_({literal(factor)})",),
            )
            for place, (factor, names) in enumerate(rest.items(), 1)
        ]
        found.append(("scale_weights", "Multiply weights that keep their values.", groups))
    if ends and plan.branch is not None and plan.branch != 1.0:
        line = "nn.init.zeros_({w})" if branch == 0.0 else f"{{w}}.mul_({literal(branch)})"
        group = _Named(constant="BRANCH_ENDS", names=tuple(ends), lines=(line,))
        found.append(("scale_branches", _about_branches(len(ends), branch), [group]))
    return found


def _about_branches(count: int, branch: float) -> str:
    weights = counted(count, "weight that ends a branch", "weights that end a branch")
    if branch == 0.0:
        return f"Zero the {weights}: each block begins as the identity."
    return f"Multiply the {weights} by {branch:.6g}."


def _by_names(function: str, groups: Sequence[_Named], about: str) -> str:
    lines = ["@torch.no_grad()", f"def {function}(model):", f'    """{about}"""']
    for group in groups:
        asked = f"named(model, {group.constant}, {len(group.names)})"
        lines.append(f"    for weight in {asked}:")
        lines += [f"        {line.replace('{w}', 'weight')}" for line in group.lines]
    return "\n".join(lines) + "\n"


def _constants(groups: Sequence[_Named], every: Sequence[str]) -> str:
    lines: list[str] = []
    for group in groups:
        found = [quoted(pattern) for pattern in patterns(group.names, every)]
        if len(found) == 1 and len(found[0]) + len(group.constant) < WIDTH - 8:
            lines.append(f"{group.constant} = ({found[0]},)")
        else:
            lines += [f"{group.constant} = (", *(f"    {one}," for one in found), ")"]
    return "\n".join(lines) + "\n"
