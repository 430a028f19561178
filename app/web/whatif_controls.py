"""The form of the What if page: a row for each kind of layer that the network has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.core.graph import Graph
from app.core.layers import BIAS_ROLES
from app.core.operators import ACTIVATIONS as OPERATORS
from app.core.operators import FAMILY
from app.core.plans import LAYER_KINDS, NORMALISATIONS, LayerKind, Plan, kind_of
from app.core.propagation import CHECKPOINT
from app.core.recipes import DEFAULT
from app.core.schemes import BY_ID
from app.web import filters
from app.web.contexts import Fact
from app.web.propagation_choices import ACTIVATIONS, BATCH
from app.web.propagation_contexts import Option, Select
from app.web.propagation_controls import BATCH_CHOICES, LAW_NAMES, OFFERED
from app.web.whatif_choices import Wish
from app.web.whatif_contexts import BranchField, KindRow, NumberField, PlanForm, Preset
from app.web.wording import scheme_name

OWN_NAME: Final = "Your weights"
LABELS: Final[dict[LayerKind, str]] = {
    "linear": "Linear",
    "convolution": "Convolution",
    "recurrent": "Recurrent",
    "attention": "Attention",
    "embedding": "Embedding",
    "norm": "Norm",
}
TABLES: Final = ("normal(1)", "normal(0.02)", "normal(0.01)", "trunc_normal(0.02)")
SCALES: Final = ("ones", "zeros")
_STEM: Final = {"embedding": TABLES, "norm": SCALES}
NAMED: Final = 2  # classes in "as built (ReLU, Tanh …)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """What of a network a plan can change."""

    weights: dict[LayerKind, int]  # kinds that it has → weights of that kind
    biased: frozenset[LayerKind]  # kinds of which some have a bias
    activations: tuple[str, ...]  # classes, the commonest first
    norms: tuple[str, ...]
    branches: int  # residual branches that end in a weight

    @property
    def even_share(self) -> float:
        """The factor of each branch at which all of them together add one unit of variance."""
        return 1 / math.sqrt(max(self.branches, 1))


def anatomy(graph: Graph, *, branches: int) -> Anatomy:
    """What of a network a plan can change.

    Args:
        graph: The network.
        branches: Its residual branches that end in a weight.
    """
    weights: Counter[LayerKind] = Counter()
    biased: set[LayerKind] = set()
    for one in graph.parameters:
        kind = kind_of(one)
        if kind is None:
            continue
        if one.facts.role in BIAS_ROLES or one.name.endswith("bias"):
            biased.add(kind)
        else:
            weights[kind] += 1
    acts = Counter(OPERATORS[node.op] for node in graph.nodes if node.op in OPERATORS)
    norms = Counter(node.kind or "norm" for node in graph.nodes if FAMILY.get(node.op) == "norm")
    return Anatomy(
        weights={kind: weights[kind] for kind in LAYER_KINDS if weights[kind]},
        biased=frozenset(biased),
        activations=tuple(name for name, _ in acts.most_common()),
        norms=tuple(name for name, _ in norms.most_common()),
        branches=branches,
    )


def plan_form(
    wish: Wish, found: Anatomy, *, address: str, before: str, has_weights: bool
) -> PlanForm:
    """The form in this state.

    Args:
        wish: What is chosen.
        found: What the network has.
        address: Of the page.
        before: What the plan is laid over.
        has_weights: Whether there are weights of the person's own.
    """
    carried = (("net", wish.net), ("weights", wish.weights))
    return PlanForm(
        kinds=tuple(_kind_row(wish, kind, found) for kind in found.weights),
        selects=_changes(wish, found, has_weights=has_weights),
        branch=_branch(wish, found, address) if found.branches else None,
        around=_around(wish, before, has_weights=has_weights),
        hidden=tuple(Fact(name=name, value=value) for name, value in carried if value),
        reset=address + replace(wish, plan=Plan()).query,
    )


def _kind_row(wish: Wish, kind: LayerKind, found: Anatomy) -> KindRow:
    label = LABELS[kind]
    choice = wish.plan.choices.get(kind)
    gain = "" if choice is None or choice.gain == 1.0 else f"{choice.gain:.12g}"
    bias = "" if choice is None or choice.bias is None else f"{choice.bias:.12g}"
    return KindRow(
        label=label,
        count=filters.plural(found.weights[kind], "weight"),
        scheme=_schemes(wish, kind),
        gain=NumberField(
            name=f"{kind}.gain", label=f"{label}: gain", value=gain, placeholder="1", least="0"
        ),
        bias=NumberField(
            name=f"{kind}.bias", label=f"{label}: bias", value=bias, placeholder="as is", least=""
        )
        if kind in found.biased
        else None,
    )


def _schemes(wish: Wish, kind: LayerKind) -> Select:
    choice = wish.plan.choices.get(kind)
    chosen = choice.scheme or "" if choice else ""
    base = base_name(wish.plan)
    first = Option(value="", label=f"as the rest: {base}", chosen=not chosen)
    every = dict.fromkeys((DEFAULT, *_STEM.get(kind, OFFERED), *([chosen] if chosen else [])))
    return Select(
        name=kind,
        label=f"{LABELS[kind]}: drawn from",
        options=(first, *(_scheme_option(one, chosen) for one in every)),
    )


def base_name(plan: Plan) -> str:
    """What draws all that no choice speaks of, as a person reads it."""
    return OWN_NAME.lower() if plan.base == CHECKPOINT else scheme_name(plan.base)


def _scheme_option(scheme: str, chosen: str) -> Option:
    if scheme == CHECKPOINT:
        return Option(value=scheme, label=OWN_NAME, chosen=scheme == chosen)
    title = BY_ID[scheme].formula if scheme in BY_ID else ""
    return Option(value=scheme, label=scheme_name(scheme), chosen=scheme == chosen, title=title)


def _changes(wish: Wish, found: Anatomy, *, has_weights: bool) -> tuple[Select, ...]:
    own = (CHECKPOINT,) if has_weights or wish.plan.base == CHECKPOINT else ()
    bases = dict.fromkeys((*own, *OFFERED, wish.plan.base))
    selects = [
        Select(
            name="base",
            label="All the rest",
            options=tuple(
                Option(
                    value="" if one.value == DEFAULT else one.value,
                    label=one.label,
                    chosen=one.chosen,
                    title=one.title,
                )
                for one in (_scheme_option(scheme, wish.plan.base) for scheme in bases)
            ),
            title="Draws everything that no row above speaks of",
        )
    ]
    if found.activations:
        built = _as_built(found.activations)
        known = (*ACTIVATIONS, wish.plan.activation)
        title = "Takes the place of every activation in the network"
        selects.append(_swap("act", "Activation", wish.plan.activation, built, known, title))
    if found.norms:
        built = _as_built(found.norms)
        title = "Takes the place of every normalisation in the network"
        chosen = wish.plan.normalisation
        selects.append(
            _swap("normalisation", "Normalisation", chosen, built, NORMALISATIONS, title)
        )
    return tuple(selects)


def _as_built(classes: Sequence[str]) -> str:
    more = " …" if len(classes) > NAMED else ""
    return f"as built: {', '.join(classes[:NAMED])}{more}"


def _swap(
    name: str, label: str, chosen: str | None, built: str, known: Sequence[str | None], title: str
) -> Select:
    first = Option(value="", label=built, chosen=chosen is None)
    every = dict.fromkeys(one for one in known if one is not None)
    options = tuple(Option(value=one, label=one, chosen=one == chosen) for one in every)
    return Select(name=name, label=label, options=(first, *options), title=title)


def _branch(wish: Wish, found: Anatomy, address: str) -> BranchField:
    factor = wish.plan.branch
    root = f"1/√{found.branches:,}"
    even = f"{found.even_share:.4g}"
    known = (
        ("as built", "", "The branches' last weights stay as they are drawn"),
        (f"{root} = {even}", even, "All branches together then add one unit of variance"),
        ("0", "0", "Each block begins as the identity"),
    )
    chosen = "" if factor is None else f"{factor:.12g}"
    return BranchField(
        count=filters.plural(found.branches, "residual branch", "residual branches"),
        field=NumberField(
            name="branch",
            label="Factor of the last weight of each residual branch",
            value=chosen,
            placeholder="1",
            least="0",
        ),
        presets=tuple(
            Preset(
                label=label,
                value=value,
                href=address + wish.with_fields({"branch": value}).query,
                current=value == chosen,
                title=title,
            )
            for label, value, title in known
        ),
    )


def _around(wish: Wish, before: str, *, has_weights: bool) -> tuple[Select, ...]:
    own = (CHECKPOINT,) if has_weights or before == CHECKPOINT else ()
    schemes = tuple(
        Option(
            value="" if scheme == before and not wish.before else scheme,
            label=OWN_NAME if scheme == CHECKPOINT else scheme_name(scheme),
            chosen=scheme == before,
        )
        for scheme in dict.fromkeys((*own, *OFFERED, before))
    )
    laws = tuple(
        Option(value="" if law == "normal" else law, label=name, chosen=law == wish.input)
        for law, name in LAW_NAMES.items()
    )
    batches = tuple(
        Option(value="" if size == BATCH else str(size), label=str(size), chosen=size == wish.batch)
        for size in sorted({*BATCH_CHOICES, wish.batch})
    )
    return (
        Select(name="from", label="Compare with", options=schemes, title="The lines before"),
        Select(
            name="input",
            label="Input",
            options=laws,
            title="N(0, 1), or uniform in 0 to 1 as torch.rand draws it",
        ),
        Select(
            name="batch",
            label="Batch",
            options=batches,
            title="Inputs that a normalisation over the batch sees, and that are measured",
        ),
    )
