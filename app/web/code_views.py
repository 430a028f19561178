"""The code page from a network, a plan and what theory says of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from app.architecture.initcode import code_of
from app.architecture.initcode_tensors import parameters_graph
from app.architecture.planning import Planned, planned
from app.charts.names import visible
from app.core.graph import Graph
from app.core.plans import Plan, fields_of, plan_of
from app.core.report import Overview
from app.web.addresses import at
from app.web.code_contexts import CodePage
from app.web.contexts import Choice
from app.web.deps import Services
from app.web.state_dicts import parameters_of
from app.web.whatif_changes import outcomes
from app.web.whatif_comparison import compared, theory_of
from app.web.whatif_contexts import Outcome
from app.web.whatif_subjects import Subject
from app.web.whatif_words import before_name, plan_words

NO_NETWORK: Final = (
    "Nobody has read this network yet, so there is nothing to write code for: measure it once, and "
    "its code is here."
)
BY_NAMES: Final = (
    "This file holds tensors alone. The code goes by the layers that their names and shapes tell; "
    "residual branches and activations are not known."
)
PRESETS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("PyTorch default", {}),
    (
        "Kaiming normal for ReLU, biases 0",
        {
            "base": "kaiming_normal(fan_in,relu)",
            "linear.bias": "0",
            "convolution.bias": "0",
        },
    ),
    ("Xavier uniform", {"base": "xavier_uniform(gain=1)"}),
    ("Normal 0.02", {"base": "normal(0.02)"}),
    ("GPT-2's depth scaling", {"base": "depth_scaled(0.02,2·layers)"}),
    ("Orthogonal", {"base": "orthogonal(gain=1)"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The code of one plan, and what it was made from."""

    plan: Plan
    planned: Planned | None  # None where no network is known
    code: str
    known: bool  # whether the network's operations are known, too


def written(subject: Subject, overview: Overview | None) -> Written:
    """The code for what an address asks for.

    Args:
        subject: With the network, where it is known.
        overview: Of the file's tensors, where it was analysed.
    """
    plan = subject.wish.plan
    graph = subject.network if isinstance(subject.network, Graph) else None
    known = graph is not None
    if graph is None and overview is not None:
        tensors, facts = parameters_of(overview)
        graph = parameters_graph(tensors, facts, name=visible(subject.name)) if tensors else None
    if graph is None:
        return Written(plan=plan, planned=None, code="", known=False)
    drawn = planned(graph, plan)
    return Written(plan=plan, planned=drawn, code=code_of(drawn, plan, before=graph), known=known)


def code_page(subject: Subject, made: Written, services: Services) -> CodePage:
    """The context of code.html."""
    query = subject.wish.query
    address = at(f"/m/{subject.id}/code")
    return CodePage(
        title=f"Code · {visible(subject.name)}",
        json_url=f"{address}.json{query}",
        id=subject.id,
        file=visible(subject.name),
        current="code",
        analysed=subject.analysed,
        summary=f"{plan_words(made.plan)}.",
        code=made.code,
        lines=made.code.count("\n"),
        missing="" if made.code else NO_NETWORK,
        py_url=f"{address}.py{query}",
        what_if_url=at(f"/m/{subject.id}/compare{query}"),
        presets=presets(subject, address),
        before=before_name(subject.before),
        outcomes=_outcomes(subject, services) if made.known else (),
        remarks=remarks(made),
    )


def presets(subject: Subject, address: str) -> tuple[Choice, ...]:
    """Plans that people ask for, as links."""
    current = fields_of(subject.wish.plan)
    return tuple(
        Choice(
            label=label,
            href=f"{address}?{urlencode(fields)}" if fields else address,
            current=fields_of(plan_of(fields)) == current,
            value=label,
        )
        for label, fields in PRESETS
    )


def remarks(made: Written) -> tuple[str, ...]:
    """What the code's reader should know."""
    notes = () if made.planned is None else made.planned.notes
    told = [f"{note[:1].upper()}{note[1:]}." for note in notes]
    return tuple(visible(note) for note in ((*told, BY_NAMES) if not made.known else told))


def _outcomes(subject: Subject, services: Services) -> tuple[Outcome, ...]:
    """What theory says of the network as it is, and as the plan draws it."""
    theory = theory_of(subject, services.expectations)
    if theory is None or not theory.quick:
        return ()
    found = compared(subject, theory)
    return outcomes(found.before, found.after, stream=theory.stream)
