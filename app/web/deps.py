"""What the routes are given: the open store, the queue and the settings of this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Path, Request

from app.config import Settings
from app.jobs.submit import Submitter
from app.store.blobs import Blobs
from app.store.propagations import Propagations
from app.store.runs import Runs
from app.store.seeds import Seeds

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
    str, Path(description="First 32 hex digits of the file's sha256.", pattern=ID_PATTERN)
]
