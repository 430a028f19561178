"""Each drawn parameter with the module class that owns it and the code that draws it there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword

from app.architecture.initcode_choice import Place, draw_of, of_block, place_of
from app.architecture.initcode_draws import Draw, law_draw, same
from app.architecture.initcode_tensors import SHARED
from app.core.blocks import Block
from app.core.context import model_context
from app.core.defaults import default_law
from app.core.distributions import Distribution
from app.core.graph import Graph, Parameter, Value
from app.core.layers import GATES, KINDS, NORM
from app.core.operators import FAMILY
from app.core.plans import Plan
from app.core.recipes import Recipe, named
from app.core.schemes import default_distribution

ATTENTION = "MultiheadAttention"
_OUT = "out_proj"
_EXPORTED = frozenset({"pt2", "hugging face config"})  # forms that tell the classes of modules
_RESET = (
    frozenset({"Linear", "Embedding", "EmbeddingBag", "Bilinear", "PReLU"})
    | {f"Conv{kind}{axes}d" for kind in ("", "Transpose") for axes in (1, 2, 3)}
    | GATES.keys()
    | NORM
)  # classes whose reset_parameters draws what a fresh one has


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One parameter in the code."""

    parameter: Parameter
    owner: str  # torch.nn class to ask for, "" where the name alone finds it
    leaf: str  # from the owner: "weight", "out_proj.bias", "weight_ih" of every layer
    law: Distribution | None  # of the whole; None where blocks have their own
    body: tuple[str, ...]  # lines with {w} and {m}
    alone: tuple[str, ...]  # the same without {m}
    guarded: bool
    default: bool  # whether it is what a fresh module of its class has
    zeroed: bool = False  # whether it ends a branch that the plan sets to 0, after all draws


def slots_of(
    graph: Graph, plan: Plan, recipe: Recipe, *, branch_ends: Sequence[str] = ()
) -> tuple[Slot, ...]:
    """The learned parameters that a recipe draws, in the network's order."""
    ends = frozenset(branch_ends)
    attentions = {
        parameter.facts.module
        for parameter in graph.parameters
        if parameter.facts.role in {"in_proj_weight", "q_proj_weight"}
    }
    tied, found = _tied(graph), []
    for parameter in _placed(graph):
        drawn = parameter.name in recipe.laws or parameter.name in recipe.packed
        if parameter.learned and drawn:
            owner, leaf = _owner(parameter, attentions, graph)
            if parameter.name in tied:
                owner, leaf = "", parameter.name
            branch = plan.branch if parameter.name in ends and plan.branch is not None else 1.0
            place = place_of(parameter, plan, branch=branch)
            slot = _slot(place, recipe, owner, leaf)
            found.append(replace(slot, zeroed=parameter.name in ends and branch == 0.0))
    return tuple(found)


def _tied(graph: Graph) -> frozenset[str]:
    """Names of the parameters that modules of several classes share, a table and a head."""
    users: dict[str, set[str]] = defaultdict(set)
    for node in graph.nodes:
        for argument in node.arguments.values():
            if isinstance(argument, Value):
                users[argument.value].add(FAMILY.get(node.op, ""))
    both = {"embedding", "linear"}
    return frozenset(
        one.name
        for one in graph.parameters
        if both <= users[one.value] or one.facts.attributes.get(SHARED)
    )


def _placed(graph: Graph) -> list[Parameter]:
    """The parameters with their place in the model among their attributes."""
    learned = [parameter for parameter in graph.parameters if parameter.learned]
    context = model_context([named(parameter) for parameter in learned])
    return [
        replace(
            parameter,
            facts=replace(
                parameter.facts,
                attributes=context.attributes(named(parameter)) | parameter.facts.attributes,
            ),
        )
        for parameter in learned
    ]


def _owner(parameter: Parameter, attentions: set[str], graph: Graph) -> tuple[str, str]:
    """The class of torch.nn that code can ask for, and the attribute from there."""
    facts = parameter.facts
    above, _, own = facts.module.rpartition(".")
    leaf = named(parameter).leaf
    if not leaf.isidentifier() or iskeyword(leaf):  # a file's text, and no code
        return "", parameter.name
    if own == _OUT and above in attentions:
        return ATTENTION, f"{_OUT}.{leaf}"
    kind = facts.kind.removeprefix("Lazy")
    kind = "Linear" if kind == "NonDynamicallyQuantizableLinear" else kind
    guessed = facts.kind_certainty != "confirmed" and graph.origin in _EXPORTED
    if kind not in KINDS or guessed:
        return "", parameter.name
    if kind in GATES and not kind.endswith("Cell"):
        return kind, facts.role
    return kind, leaf


def _slot(place: Place, recipe: Recipe, owner: str, leaf: str) -> Slot:
    parameter = place.parameter
    packed = recipe.packed.get(parameter.name)
    if packed is not None:
        lines, alone, law = _by_blocks(place, packed), _by_blocks(place, packed, alone=True), None
        guarded, default = True, False
    else:
        law = recipe.laws[parameter.name]
        draw = draw_of(place, law)
        lines = draw.lines
        alone = law_draw(law).lines if draw.needs_module else lines
        guarded, default = draw.guarded, owner in _RESET and _is_default(parameter, law)
    return Slot(
        parameter=parameter,
        owner=owner,
        leaf=leaf,
        law=law,
        body=lines,
        alone=alone,
        guarded=guarded,
        default=default,
    )


def _is_default(parameter: Parameter, law: Distribution) -> bool:
    if parameter.facts.enclosing == "Transformer":
        return False
    default = default_law(parameter.facts, parameter.shape)
    return default is not None and same(default_distribution(default), law)


def _by_blocks(
    place: Place, packed: Sequence[tuple[Block, Distribution]], *, alone: bool = False
) -> tuple[str, ...]:
    """A loop over the blocks, or a draw of each where they differ."""
    whole = place.shape
    draws = [_block_draw(place, block, law, alone=alone) for block, law in packed]
    sizes = [block.stop - block.start for block, _ in packed]
    axis = packed[0][0].axis
    beside = f", dim={axis}" if axis else ""
    if len(set(sizes)) == 1:
        parts = f"{{w}}.chunk({len(sizes)}{beside})"
    else:
        parts = f"{{w}}.split(({', '.join(map(str, sizes))}){beside})"
    if sum(sizes) == whole[axis] and all(draw.lines == draws[0].lines for draw in draws):
        return (f"for block in {parts}:", *(f"    {line}" for line in draws[0].on("block", "{m}")))
    lines = [f"blocks = {parts}"]
    for place_in, draw in enumerate(draws):
        lines += draw.on(f"blocks[{place_in}]", "{m}")
    return tuple(lines)


def _block_draw(place: Place, block: Block, law: Distribution, *, alone: bool) -> Draw:
    own = of_block(place, block.shape(place.shape), block.fans(place.shape))
    draw = draw_of(own, law)
    return law_draw(law) if alone and draw.needs_module else draw
