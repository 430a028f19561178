"""What a What if address is about: the network, the plan, its measurement, the own weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.core.graph import Graph, Inventory
from app.core.meanfield.drawn import NONE
from app.core.meanfield.step import WeightMoments
from app.core.plans import PLAN
from app.core.propagation import CHECKPOINT, Order, PropagationReport, Series
from app.core.recipes import DEFAULT
from app.store import documents
from app.store.facts import Propagation
from app.web.addresses import at
from app.web.deps import Services
from app.web.networks import network_of
from app.web.propagation_subjects import HOLDING_WEIGHTS
from app.web.whatif_choices import Wish, wish_of

ALIKE: Final = ("input", "batch", "mode", "dtype", "activation")  # of orders that compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a page is about, as the store knows it."""

    id: str  # of the file
    name: str
    analysed: bool  # whether it has a layers page
    wish: Wish
    before: str  # a scheme, or "checkpoint": what the plan is laid over
    net: str  # id of the network's file
    network: Graph | Inventory | None  # None where nobody has read it yet
    own: Mapping[str, WeightMoments]  # of the own weights; none where nothing is known of them
    own_job: str  # of the measurement that found them
    has_weights: bool  # whether there are weights of the person's own, known or to be measured
    measurement: Propagation | None  # of exactly this plan, over this "before"
    measured: Mapping[str, Series]  # by scheme: what was measured with these inputs
    workers: int

    @property
    def address(self) -> str:
        """The page's own."""
        return at(f"/m/{self.id}/compare")


async def subject_of(request: Request, run_id: str, services: Services) -> Subject:
    """Everything that the store knows of what an address asks for.

    Raises:
        NotFound: If there is no file of this id.
        Invalid: If a field of the address holds nonsense.
    """
    wish = wish_of(request.query_params)
    file = await services.runs.file(run_id)
    run = await services.runs.find(file.id)
    net, network = await network_of(services, file, run=run, net=wish.net)
    weights = await services.runs.file(wish.weights) if wish.weights else file
    kept = await services.propagations.moments(net, weights.id)
    own = NONE if kept is None else kept.by_name
    before = wish.before or (CHECKPOINT if own else DEFAULT)
    exact = await services.propagations.find(wish.asked(file.id, net, before).id)
    every = await services.propagations.of(file.id)
    return Subject(
        id=run_id,
        name=file.name,
        analysed=run is not None and run.reported,
        wish=wish,
        before=before,
        net=net,
        network=network,
        own=own,
        own_job="" if kept is None else kept.job,
        has_weights=bool(own or wish.weights) or file.format in HOLDING_WEIGHTS,
        measurement=exact,
        measured=await _measured(services, wish.order(before), exact, every),
        workers=await services.submitter.workers_alive(),
    )


async def _measured(
    services: Services, order: Order, exact: Propagation | None, every: Sequence[Propagation]
) -> dict[str, Series]:
    """What was measured with the order's inputs: of itself, and of what it is laid over."""
    before = CHECKPOINT if order.checkpoint else order.schemes[0]
    alike = [one for one in every if one.reported and _compares(one.order, order, before)]
    found: dict[str, Series] = {}
    for one in [exact, *alike[:1]]:
        if one is None or not one.reported or before in found:
            continue
        document = await services.propagations.document(one.id)
        if document is not None:
            report = await run_in_threadpool(_report, document)
            wanted = (before, PLAN) if one is exact else (before,)
            found |= {each.scheme: each for each in report.series if each.scheme in wanted}
    return found


def _compares(one: Order, other: Order, before: str) -> bool:
    """Whether an order measured the same network on the same inputs, drawn from `before`."""
    same = all(getattr(one, name) == getattr(other, name) for name in ALIKE)
    drawn = one.checkpoint if before == CHECKPOINT else before in one.schemes
    return same and drawn


@lru_cache(maxsize=4)
def _report(document: bytes) -> PropagationReport:
    return documents.load(documents.PROPAGATION, document)
