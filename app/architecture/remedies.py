"""Changes of a plan that theory knows to help networks of this kind, with their numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import median
from typing import Final

from scipy import optimize

from app.architecture.branches import Branch, branches
from app.core.graph import Graph, Node
from app.core.layers import BIAS_ROLES
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity, names, nonlinearity
from app.core.meanfield.plane.edge import critical_weight
from app.core.meanfield.plane.phase import chi, fixed_point, next_q, unit_gain
from app.core.operators import ACTIVATIONS, WEIGHT_ARGUMENT
from app.core.plans import CHECKPOINT, Choice, LayerKind, Plan, kind_of
from app.core.wording import counted, factor, number

LECUN: Final = "lecun_normal"
HE: Final = "kaiming_normal(fan_in,relu)"
NEAR: Final = 1e-3  # of χ₁ = 1, within which nothing is said of it
SMALL, LARGE = 1e-30, 1e30  # a second moment that has vanished, or exploded
DIGITS: Final = 4  # of a gain or a factor behind the point


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """A plan to look at."""

    code: str
    plan: Plan
    title: str
    reason: str


def ideas_for(graph: Graph, plan: Plan) -> Iterator[Idea]:
    """What might carry signal and gradient better, each of it still to be looked at.

    Args:
        graph: The network under the plan.
        plan: The person's.
    """
    phi = activation_of(graph)
    kinds = _weighted_kinds(graph)
    layers = sum(node.op in WEIGHT_ARGUMENT for node in graph.nodes)
    draws = plan.base != CHECKPOINT  # weights that are kept are not to be drawn again
    if phi is not None and kinds and draws:
        yield _unit_gain(phi, plan, kinds, layers)
        yield from _depth_gain(phi, plan, kinds, layers)
        critical = _critical(phi, graph, plan, kinds)
        if critical is not None:
            yield critical
    found = [one for one in branches(graph) if one.ends]
    if len(found) > 1:
        yield from _of_branches(found, plan)


def activation_of(graph: Graph) -> Nonlinearity | None:
    """The network's commonest activation; the identity where it has none, None without a rule."""
    counts: Counter[str] = Counter()
    example: dict[str, Node] = {}
    for node in graph.nodes:
        name = ACTIVATIONS.get(node.op) or (node.kind if node.kind in names() else "")
        if name:
            counts[name] += 1
            example.setdefault(name, node)
    if not counts:
        return nonlinearity("Identity")
    name = counts.most_common(1)[0][0]
    if name not in names():
        return None
    told = example[name].arguments if ACTIVATIONS.get(example[name].op) == name else {}
    plain = {key: one for key, one in told.items() if isinstance(one, int | float | str)}
    return nonlinearity(name, plain)


def _weighted_kinds(graph: Graph) -> tuple[LayerKind, ...]:
    """Of linear layers and convolutions, those that the network has."""
    found = {kind_of(one) for one in graph.parameters if one.facts.role not in BIAS_ROLES}
    kinds: tuple[LayerKind, ...] = ("linear", "convolution")
    return tuple(kind for kind in kinds if kind in found)


def _with(plan: Plan, kinds: tuple[LayerKind, ...], choice: Choice) -> Plan:
    return replace(plan, choices={**plan.choices, **dict.fromkeys(kinds, choice)})


def _unit_gain(phi: Nonlinearity, plan: Plan, kinds: tuple[LayerKind, ...], layers: int) -> Idea:
    """Weights that keep q = 1: LeCun's times 1/√E φ², or He's where that is √2."""
    gain = unit_gain(phi)
    he = math.isclose(gain, math.sqrt(2), rel_tol=1e-9)
    choice = Choice(scheme=HE, bias=0.0) if he else _scaled(gain)
    named = "He's gain √2" if he else f"Gain {number(gain)}"
    reason = (
        f"{named} keeps the second moment through {phi.name}: 1/√E φ² = {number(gain)} at q = 1."
    )
    return Idea(
        code="unit_gain",
        plan=_with(plan, kinds, choice),
        title=f"{named} for {phi.name}",
        reason=f"{reason}{_stability(phi, gain)}{_growth(phi, gain, layers)}",
    )


def _scaled(gain: float, *, bias: float | None = 0.0) -> Choice:
    return Choice(scheme=LECUN, gain=round(gain, DIGITS), bias=bias)


def _stability(phi: Nonlinearity, gain: float) -> str:
    slope = _signal_slope(phi, gain)
    if phi.homogeneous is not None or slope <= 1:
        return ""
    return f" That point is unstable: a deviation of q grows by {factor(slope)} a layer."


def _signal_slope(phi: Nonlinearity, gain: float) -> float:
    """dq'/dq at q = 1: whether layers come back to it, or leave it."""
    step = 1e-3
    near = [next_q(phi, 1 + at, weight=gain**2, bias=0.0) for at in (-step, step)]
    return (near[1] - near[0]) / (2 * step)


def _depth_gain(
    phi: Nonlinearity, plan: Plan, kinds: tuple[LayerKind, ...], layers: int
) -> Iterator[Idea]:
    """Where q = 1 is unstable: the gain that returns a unit input's q after so many layers."""
    if phi.homogeneous is not None or _signal_slope(phi, unit_gain(phi)) <= 1 or layers < 3:
        return

    def excess(log_gain: float) -> float:
        weight = math.exp(2 * log_gain)
        q = weight
        for _ in range(layers - 1):
            q = next_q(phi, q, weight=weight, bias=0.0)
            if not SMALL < q < LARGE:
                break
        return math.log(max(q, SMALL) / weight)

    low, high = math.log(unit_gain(phi) / 2), math.log(unit_gain(phi) * 2)
    if excess(low) * excess(high) >= 0:
        return
    gain = math.exp(optimize.brentq(excess, low, high, xtol=1e-4))
    yield Idea(
        code="depth_gain",
        plan=_with(plan, kinds, _scaled(gain)),
        title=f"Gain {number(gain)} for {counted(layers, 'layer')} of {phi.name}",
        reason=(
            f"{phi.name} holds no size by itself: after {counted(layers, 'layer')} gain "
            f"{number(gain)} brings the second moment of a unit input back to where it began."
        ),
    )


def _growth(phi: Nonlinearity, gain: float, layers: int) -> str:
    rate = chi(phi, 1.0, weight=gain**2)
    if abs(rate - 1) < NEAR or layers < 2:
        return ""
    whole = rate ** ((layers - 1) / 2)
    return (
        f" χ₁ = {number(rate)} there, so the gradient changes by {factor(math.sqrt(rate))} a layer,"
        f" {factor(whole)} over {counted(layers, 'layer')}."
    )


def _critical(
    phi: Nonlinearity, graph: Graph, plan: Plan, kinds: tuple[LayerKind, ...]
) -> Idea | None:
    """Weights at the edge of chaos for the biases that torch draws by default."""
    if phi.homogeneous is not None or plan.base != Plan().base:
        return None
    fans = [
        one.facts.fan_in for one in graph.parameters if one.facts.fan_in and kind_of(one) in kinds
    ]
    bias = 1 / (3 * median(fans)) if fans else 0.0
    weight = _edge(phi.name, round(bias, 12)) if bias else None
    if weight is None:
        return None
    point = fixed_point(phi, weight=weight, bias=bias)
    gain = math.sqrt(weight)
    return Idea(
        code="critical",
        plan=_with(plan, kinds, _scaled(gain, bias=None)),
        title=f"The edge of chaos of {phi.name}: gain {number(gain)}",
        reason=(
            f"At σ_w² = {number(weight)}, with torch's default biases of σ_b² = {number(bias)}, "
            f"{phi.name} has χ₁ = 1 at q* = {number(point.q)}: gradients keep their size."
        ),
    )


@lru_cache(maxsize=64)
def _edge(name: str, bias: float) -> float | None:
    return critical_weight(nonlinearity(name), bias=bias)


def _of_branches(found: list[Branch], plan: Plan) -> Iterator[Idea]:
    count = len(found)
    scale = round(1 / math.sqrt(count), DIGITS)
    many = counted(count, "residual branch", "residual branches")
    yield Idea(
        code="branch_scale",
        plan=replace(plan, branch=scale),
        title=f"Branches scaled by 1/√{count}",
        reason=(
            f"{many} add up; scaled by 1/√{count} = {number(scale)}, all of them together weigh as "
            "much as one."
        ),
    )
    if all(one.norm for one in found):
        yield Idea(
            code="zero_branch",
            plan=replace(plan, branch=0.0),
            title="Zero weights in the last norm of each branch",
            reason=(
                f"With zeros in the norms that end its {many} the network begins as a chain of "
                "shortcuts. What stands before those norms gets no gradient in the first step."
            ),
        )
