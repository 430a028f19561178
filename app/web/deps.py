"""What the routes are given: the open store, the queue and the settings of this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Path, Request

from app.architecture.expecting import Expectations
from app.config import Settings
from app.jobs.ordering import ComparisonOrders
from app.jobs.submit import Submitter
from app.store.access import Access
from app.store.blobs import Blobs
from app.store.comparisons import Comparisons
from app.store.propagations import Propagations
from app.store.queues import Queues
from app.store.runs import Runs
from app.store.seeds import Seeds
from app.web.door import Door

ID_PATTERN = r"^[0-9a-f]{32}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that is open while the app runs; kept in `app.state.services`."""

    settings: Settings
    runs: Runs
    blobs: Blobs
    seeds: Seeds
    propagations: Propagations
    submitter: Submitter
    comparisons: Comparisons
    orders: ComparisonOrders
    queues: Queues
    expectations: Expectations
    access: Access
    door: Door
    ending: asyncio.Event  # set once the server begins to end


def services(request: Request) -> Services:
    """The open services of the app that answers this request."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - set by the lifespan
    return found


def _runs(request: Request) -> Runs:
    return services(request).runs


def _submitter(request: Request) -> Submitter:
    return services(request).submitter


def _seeds(request: Request) -> Seeds:
    return services(request).seeds


ServicesHere: TypeAlias = Annotated[Services, Depends(services)]
RunsHere: TypeAlias = Annotated[Runs, Depends(_runs)]
SeedsHere: TypeAlias = Annotated[Seeds, Depends(_seeds)]
SubmitterHere: TypeAlias = Annotated[Submitter, Depends(_submitter)]
RunId: TypeAlias = Annotated[
    str, Path(description="32 hex digits, as the upload was answered.", pattern=ID_PATTERN)
]
