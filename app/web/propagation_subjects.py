"""What a propagation address is about: its file, choices, measurement and report."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.core.graph import Inventory
from app.core.propagation import PropagationReport
from app.errors import NotFound
from app.store.facts import File, Propagation, Run
from app.web.addresses import at
from app.web.deps import Services
from app.web.propagation_choices import LAWS, Choices, choices_for, choices_of, is_default
from app.web.state_dicts import inventory_of

HOLDING_WEIGHTS = ("zip", "safetensors", "pickle")  # formats, by their first bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a page is about, as the store knows it."""

    id: str  # of the file
    name: str
    analysed: bool  # whether it has a layers page
    choices: Choices
    has_weights: bool
    inputs: str  # name of the file that the inputs are in, "" where a law draws them
    measurement: Propagation | None  # of exactly these choices
    shown: Propagation | None  # whose report is shown
    report: PropagationReport | None
    inventory: Inventory | None
    workers: int

    @property
    def address(self) -> str:
        """The page's own."""
        return at(f"/m/{self.id}/propagation")


async def subject_of(
    request: Request, run_id: str, services: Services, *, with_report: bool = True
) -> Subject:
    """Everything that the store knows of what an address asks for.

    Raises:
        NotFound: If there is neither a file nor a measurement of this id.
    """
    itself = await services.propagations.find(run_id)
    file = await services.runs.file(itself.network if itself else run_id)
    choices, found, shown = await _chosen(request, file, services, itself)
    run = await services.runs.find(file.id)
    inventory = None
    if with_report and shown is None:
        inventory = await _inventory(services, run, choices.net or file.id)
    report = None
    if with_report and shown is not None:
        report = await services.propagations.report(shown.id)
    return Subject(
        id=run_id,
        name=file.name,
        analysed=run is not None and run.reported,
        choices=choices,
        has_weights=choices.own or file.format in HOLDING_WEIGHTS,
        measurement=found,
        shown=shown,
        report=report,
        inputs=await _name(services, choices.input),
        inventory=inventory,
        workers=await services.submitter.workers_alive(),
    )


async def _name(services: Services, inputs: str) -> str:
    """The name of the file that inputs are in, "" where a law draws them."""
    if inputs in LAWS:
        return ""
    try:
        return (await services.runs.file(inputs)).name
    except NotFound:
        return ""


async def _inventory(services: Services, run: Run | None, network: str) -> Inventory | None:
    """What is known of a network that cannot run: as a worker read it, or from its tensors."""
    found = await services.propagations.network(network)
    if found is not None:
        return found if isinstance(found, Inventory) else None
    if run is None or not run.reported or run.file != network:
        return None
    return await run_in_threadpool(inventory_of, await services.runs.overview(run.id))


async def _chosen(
    request: Request, file: File, services: Services, itself: Propagation | None
) -> tuple[Choices, Propagation | None, Propagation | None]:
    """The choices, the measurement of exactly these, and the one whose report is shown."""
    if itself is not None:
        return choices_for(itself, file.id), itself, itself if itself.reported else None
    choices = choices_of(request.query_params)
    exact = await services.propagations.find(choices.asked(file.id).id)
    found = await services.propagations.of(file.id)
    every = [one for one in found if one.order.plan is None]
    if exact is None and is_default(request.query_params):
        exact = next(iter(every), None)
        own = file.format in HOLDING_WEIGHTS
        choices = choices_for(exact, file.id) if exact else replace(choices, own=own)
    if exact is not None and exact.reported:
        return choices, exact, exact
    return choices, exact, next((one for one in every if one.reported), None)
