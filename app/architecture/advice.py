"""What would carry signal and gradient better through this very network, calculated for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from app.architecture.branches import branches
from app.architecture.expecting import Expected
from app.architecture.remedies import Idea, ideas_for
from app.core.graph import Graph
from app.core.meanfield.predict import Prediction
from app.core.operators import WEIGHT_ARGUMENT
from app.core.plans import Plan
from app.core.wording import factor, number

LEAST: Final = 0.05  # by which a suggestion must bring |ln signal| + |ln gradient| nearer to 0
SHARE: Final = 0.9  # of it that may be left at most
WORST: Final = 100.0  # |ln| of what vanishes or explodes

Look: TypeAlias = Callable[[Plan], Expected]
"""What theory expects of the network under a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What theory says of a network's depth as a whole."""

    first: str  # node where the depth begins: a weighted operation, or the residual stream's first
    last: str  # and where it ends
    rms: float | None  # of the signal at the end
    signal: float | None  # rms at the end by rms at the beginning
    gradient: float | None  # rms of the gradient at the beginning by that at the end
    input_share: float | None  # of the signal at the end

    @property
    def distance(self) -> float:
        """`|ln signal| + |ln gradient|`: 0 where both pass unchanged."""
        return _away(self.signal) + _away(self.gradient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A plan that theory finds better for this network, and by how much."""

    code: str  # "unit_gain", "depth_gain", "critical", "branch_scale", "zero_branch", …
    plan: Plan  # the person's own with this change in it
    title: str  # "Gain 1.534 for GELU"
    sentence: str  # why, with the numbers before and after
    before: Outcome
    after: Outcome


def suggestions(plan: Plan, look: Look) -> tuple[Suggestion, ...]:
    """What theory would change in a plan, the best first; only what it finds better.

    Args:
        plan: The person's.
        look: Gives the expectation of a plan, such as `Expectations.of` for one network; it is
            asked for this plan and for each idea, up to six.

    Returns:
        None where signal and gradient pass as well as they can, or theory does not reach them.
    """
    here = look(plan)
    before = outcome(here)
    if before is None or before.signal is None:
        return ()
    ideas = list(ideas_for(here.planned.graph, plan))
    found = [one for idea in ideas if (one := _tried(idea, before, look)) is not None]
    both = _combined(found, plan)
    best = None if both is None else _tried(both, before, look)
    least = min((one.after.distance for one in found), default=0.0) - LEAST
    if best is not None and best.after.distance < least:
        found.append(best)
    return tuple(sorted(found, key=lambda one: one.after.distance))


def outcome(expected: Expected) -> Outcome | None:
    """What theory says of a network's depth; None where it reaches fewer than two layers."""
    return _outcome(expected.prediction, depth(expected.planned.graph))


def depth(graph: Graph) -> tuple[str, ...]:
    """The nodes along a network's depth.

    Returns:
        The sums of a residual stream where there is one; else the weighted operations, without a
        last one of another width: a head changes the gradient by its own shape.
    """
    joins = branches(graph)
    if len(joins) > 1:
        return tuple(one.add for one in joins)
    along = [one for one in graph.nodes if one.op in WEIGHT_ARGUMENT and "embed" not in one.op]
    widths = [math.prod(one.shapes[0][1:]) for one in along]
    if len(along) > 2 and widths[-1] != widths[-2]:
        along.pop()
    return tuple(one.name for one in along)


def _outcome(prediction: Prediction, along: tuple[str, ...]) -> Outcome | None:
    known = [name for name in along if name in prediction.nodes]
    if len(known) < 2:
        return None
    first, last = prediction.nodes[known[0]], prediction.nodes[known[-1]]
    return Outcome(
        first=known[0],
        last=known[-1],
        rms=last.rms,
        signal=_ratio(last.rms, first.rms),
        gradient=_ratio(first.grad_rms, last.grad_rms),
        input_share=last.input_share,
    )


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _away(ratio: float | None) -> float:
    if ratio is None:
        return 0.0
    return min(WORST, abs(math.log(ratio))) if 0 < ratio < math.inf else WORST


def _tried(idea: Idea, before: Outcome, look: Look) -> Suggestion | None:
    """The idea with what theory says of it, if that is better."""
    after = outcome(look(idea.plan))
    if after is None or after.signal is None or (before.gradient and after.gradient is None):
        return None
    if after.distance > min(SHARE * before.distance, before.distance - LEAST):
        return None
    return Suggestion(
        code=idea.code,
        plan=idea.plan,
        title=idea.title,
        sentence=f"{idea.reason} {_change(before, after)}",
        before=before,
        after=after,
    )


def _change(before: Outcome, after: Outcome) -> str:
    told = f"Theory's rms at {after.last} goes from {_told(before.rms)} to {_told(after.rms)}"
    if before.gradient is None or after.gradient is None:
        return f"{told}."
    return (
        f"{told}; over the depth the gradient's goes from {factor(before.gradient)} to "
        f"{factor(after.gradient)}."
    )


def _told(value: float | None) -> str:
    return "–" if value is None else number(value)


def _combined(found: list[Suggestion], plan: Plan) -> Idea | None:
    """The gain and the branches' scale at once, where each is better alone."""
    by_code: Mapping[str, Suggestion] = {one.code: one for one in found}
    gain, branch = by_code.get("unit_gain"), by_code.get("branch_scale")
    if gain is None or branch is None:
        return None
    whole = replace(plan, choices=gain.plan.choices, branch=branch.plan.branch)
    return Idea(
        code="gain_and_branch",
        plan=whole,
        title=f"{gain.title}, and {branch.title[0].lower()}{branch.title[1:]}",
        reason="Both changes at once.",
    )
