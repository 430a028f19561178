"""A network under a plan: what changes in it, and the law of each of its parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.architecture.branches import Branch, branches
from app.architecture.normalising import with_normalisation
from app.architecture.replacing import with_activation
from app.core.blocks import Block
from app.core.distributions import Constant, Distribution
from app.core.graph import Graph, Parameter
from app.core.kept import Kept
from app.core.layers import BIAS_ROLES
from app.core.plans import CHECKPOINT, Choice, LayerKind, Plan, checked_plan, kind_of
from app.core.recipes import DEFAULT, Recipe, Recipes
from app.core.scaling import scaled
from app.core.wording import counted, listed

MOST_NETWORKS: Final = 4  # whose parameters and laws stay in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A network as a plan has it, and what draws it."""

    graph: Graph  # its nodes have the names of the network's own
    recipe: Recipe  # a law or a factor of every parameter; one with neither keeps its file's values
    branch_ends: tuple[str, ...] = ()  # names of the weights that the plan's branch factor scales
    notes: tuple[str, ...] = ()  # sentences: what draws what, and what could not be done


def planned(graph: Graph, plan: Plan) -> Planned:
    """The network with the plan's changes, and the law of every parameter.

    Activations and norms are replaced first; then the base draws everything, or keeps the file's
    own values where it is "checkpoint"; then each choice draws its kind of layer, its gain scales
    those weights and its bias sets their biases; last, the end of each residual branch is scaled.

    Args:
        graph: Of any origin, as it was built.
        plan: Of `core.plans`.

    Raises:
        Invalid: If the plan names what there is not.
    """
    plan = checked_plan(plan)
    changed, notes = _changed(graph, plan)
    drawing = _Drawing(changed, plan, before={one.value for one in graph.parameters})
    for kind, choice in plan.choices.items():
        drawing.choose(kind, choice)
    ends = () if plan.branch is None else drawing.scale_branches(plan.branch)
    drawn = drawing.recipe()
    return Planned(
        graph=changed,
        recipe=drawn,
        branch_ends=ends,
        notes=tuple(dict.fromkeys((*notes, *drawn.notes))),
    )


def _changed(graph: Graph, plan: Plan) -> tuple[Graph, tuple[str, ...]]:
    notes: list[str] = []
    if plan.activation is not None:
        active = with_activation(graph, plan.activation)
        notes += active.notes
        if active.graph.nodes == graph.nodes and not notes:
            notes.append(f"the network has no other activation that {plan.activation} replaces")
        graph = active.graph
    if plan.normalisation is not None:
        normalised = with_normalisation(graph, plan.normalisation)
        graph = normalised.graph
        notes += normalised.notes
    return graph, tuple(notes)


@dataclass(slots=True)
class _Laws:
    """The law of each parameter, while it changes."""

    laws: dict[str, Distribution] = field(default_factory=dict)
    packed: dict[str, tuple[tuple[Block, Distribution], ...]] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)

    def take(self, other: Recipe) -> None:
        """Draw what another recipe draws, as it does."""
        for name in (*other.laws, *other.packed):
            self.forget(name)
        self.laws |= other.laws
        self.packed |= other.packed

    def forget(self, name: str) -> None:
        self.laws.pop(name, None)
        self.packed.pop(name, None)
        self.factors.pop(name, None)

    def set(self, name: str, value: float) -> None:
        self.forget(name)
        self.laws[name] = Constant(value=value)

    def scale(self, name: str, factor: float, *, constants: bool) -> bool:
        """Whether a parameter's values could be multiplied.

        Args:
            name: Of the parameter; one without a law keeps its file's values.
            factor: At least 0.
            constants: Whether constants are multiplied, too.
        """
        laws = self._of(name)
        if not constants and laws and all(isinstance(law, Constant) for law in laws):
            return False
        after = [scaled(law, factor) for law in laws]
        kept = [law for law in after if law is not None]
        if len(kept) < len(laws):
            return False
        self._put(name, kept, factor)
        return True

    def _of(self, name: str) -> list[Distribution]:
        if name in self.packed:
            return [law for _, law in self.packed[name]]
        return [self.laws[name]] if name in self.laws else []

    def _put(self, name: str, laws: list[Distribution], factor: float) -> None:
        if name in self.packed:
            blocks = [block for block, _ in self.packed[name]]
            self.packed[name] = tuple(zip(blocks, laws, strict=True))
        elif laws:
            self.laws[name] = laws[0]
        elif factor == 0.0:
            self.set(name, 0.0)
        else:
            self.factors[name] = self.factors.get(name, 1.0) * factor


class _Drawing:
    """The laws of one network under one plan."""

    def __init__(self, graph: Graph, plan: Plan, *, before: set[str]) -> None:
        """Draw by the base all that no choice draws; of "checkpoint" only what is new.

        Args:
            graph: The network as it is changed.
            plan: Whose base it is.
            before: Values of the parameters that the network had before.
        """
        known = _stock(graph.parameters)
        self._recipes, self._kinds = known.recipes, known.kinds
        self._branches = () if plan.branch is None else branches(graph)
        self._laws = _Laws()
        self._set = self._constants(plan)
        chosen = [kind for kind, choice in plan.choices.items() if choice.scheme is not None]
        drawn = {one.name for kind in chosen for one in self._kinds.get(kind, [])}
        keeps = plan.base == CHECKPOINT
        own = {
            one.name
            for one in graph.parameters
            if one.name not in drawn | self._set and not (keeps and one.value in before)
        }
        made = self._recipes.of(DEFAULT if keeps else plan.base, only=own)
        self._notes = [] if keeps or not own else list(made.notes)
        self._laws.take(made)

    def _constants(self, plan: Plan) -> set[str]:
        """Names of the parameters that the plan sets to a number, whatever else would draw them."""
        biased = [kind for kind, choice in plan.choices.items() if choice.bias is not None]
        kinds = [one for kind in biased for one in self._kinds.get(kind, [])]
        found = {one.name for one in kinds if one.facts.role in BIAS_ROLES}
        if plan.branch == 0.0:
            found |= {name for one in self._branches for name in (*one.ends, *one.biases)}
        return found

    def choose(self, kind: LayerKind, choice: Choice) -> None:
        """Draw one kind of layer as it was chosen."""
        own = self._kinds.get(kind, [])
        if not own:
            self._notes.append(f"the network has no parameters of the kind {kind}")
            return
        if choice.scheme is not None:
            names = {one.name for one in own} - self._set
            drawn = self._recipes.of(choice.scheme, only=names, chosen=True)
            self._laws.take(drawn)
            self._notes += [f"{kind}: {note}" for note in drawn.notes if names]
        if choice.gain != 1.0:
            self._gain(kind, choice.gain, own)
        if choice.bias is not None:
            for one in own:
                if one.facts.role in BIAS_ROLES:
                    self._laws.set(one.name, choice.bias)

    def _gain(self, kind: LayerKind, gain: float, own: list[Parameter]) -> None:
        weights = [one.name for one in own if one.facts.role not in BIAS_ROLES]
        left = [name for name in weights if not self._laws.scale(name, gain, constants=False)]
        if left:
            reason = "a gain multiplies random draws; constants and identities stay as they are"
            self._notes.append(f"{kind}: {reason}: {listed(left)}")

    def scale_branches(self, factor: float) -> tuple[str, ...]:
        """Scale the last weights of all residual branches; their names."""
        found = self._branches
        ends = list(dict.fromkeys(name for branch in found for name in branch.ends))
        kept = [name for name in ends if self._laws.scale(name, factor, constants=True)]
        if factor == 0.0:
            for name in dict.fromkeys(name for branch in found for name in branch.biases):
                self._laws.set(name, 0.0)
        self._notes += _about_branches(found, kept, ends)
        return tuple(kept)

    def recipe(self) -> Recipe:
        """What draws the network."""
        return Recipe(
            laws=self._laws.laws,
            packed=self._laws.packed,
            factors=self._laws.factors,
            notes=tuple(self._notes),
        )


def _about_branches(found: Sequence[Branch], kept: list[str], ends: list[str]) -> list[str]:
    if not found:
        return ["the network has no residual branches that a factor could scale"]
    notes = []
    if without := [branch.add for branch in found if not branch.ends]:
        many = counted(len(without), "residual branch", "residual branches")
        notes.append(f"{many} without a weight at the end stay as they are: {listed(without)}")
    if left := [name for name in ends if name not in kept]:
        notes.append(f"identities cannot be scaled and stay as they are: {listed(left)}")
    return notes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stock:
    """What plans for one network's parameters begin with."""

    recipes: Recipes
    kinds: Mapping[LayerKind, list[Parameter]]


_KEPT: Final[Kept[tuple[Parameter, ...], _Stock]] = Kept(MOST_NETWORKS)


def _stock(parameters: tuple[Parameter, ...]) -> _Stock:
    return _KEPT.of(
        parameters, lambda: _Stock(recipes=Recipes(parameters), kinds=_by_kind(parameters))
    )


def _by_kind(parameters: Sequence[Parameter]) -> Mapping[LayerKind, list[Parameter]]:
    found: dict[LayerKind, list[Parameter]] = defaultdict(list)
    for one in parameters:
        kind = kind_of(one)
        if kind is not None:
            found[kind].append(one)
    return found
