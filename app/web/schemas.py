"""The API's bodies: what may come in, and the form of what goes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.report import Finding, Overview, Sign, Source, Status, Summary, TensorReport
from app.store.facts import File, Followed, Priority, Run, State
from app.web.deps import ID_PATTERN
from app.web.progress import place_of
from app.web.rows import Sort

Extra: TypeAlias = Literal["tensors", "hist", "candidates"]
EXTRAS: tuple[Extra, ...] = ("tensors", "hist", "candidates")
Urgency: TypeAlias = Annotated[
    Priority, Field(description="low: all other orders of the same person go first.")
]


class NewRun(BaseModel):
    """The order to analyse a stored file."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[str, StringConstraints(pattern=ID_PATTERN)] = Field(
        description="The id that POST /files answered."
    )
    priority: Urgency = "normal"


class TensorQuery(BaseModel):
    """Which rows of a report, in which order."""

    q: str = Field(default="", max_length=200, description="Words that all occur in a row.")
    kind: str = Field(
        default="", max_length=100, description="A torch.nn class, or weights, biases, buffers."
    )
    status: Status | Sign | Literal[""] = Field(default="", description="A status or a sign.")
    sort: Sort = "order"
    page: int = Field(default=1, ge=1, le=10**6)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An upload that was kept."""

    id: str  # of these bytes; where access tokens are asked for, of them and their sender
    name: str
    bytes: int
    sha256: str
    format: str  # "safetensors", "zip", "pickle" or "unknown", by the first bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRun:
    """A run that exists from now on."""

    id: str
    url: str  # the page to open: the report, or how far it is
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    step: str
    done: int  # tensors measured
    total: int  # tensors in the file, 0 until it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """Every failure's body."""

    ok: Literal[False]
    error: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run has no report."""

    error: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """A run: its state, and once there is a report, the analysis document."""

    id: str
    url: str
    state: State
    progress: Progress
    error: RunError | None
    name: str
    bytes: int
    sha256: str
    owner: str  # name of the access token that the file was sent with, "" where it is everybody's
    attempt: int
    stale: bool  # the report is of an older schema; POST /runs makes it again
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    schema: str | None = None
    source: Source | None = None
    summary: Summary | None = None
    findings: tuple[Finding, ...] | None = None
    tensors: tuple[dict[str, Any], ...] | None = None  # with ?extra=
    seed: dict[str, Any] | None = None  # once POST /runs/{id}/seed asked for it


def stored_file(file: File) -> StoredFile:
    """The answer to an upload."""
    return StoredFile(
        id=file.id, name=file.name, bytes=file.bytes, sha256=file.sha256, format=file.format
    )


def accepted_run(run: Followed) -> AcceptedRun:
    """The answer to an order."""
    return AcceptedRun(id=run.id, url=place_of(run), state=run.state)


def tensor_document(tensor: TensorReport, *, extra: frozenset[str]) -> dict[str, Any]:
    """One tensor of the analysis document, its heavy parts only where `extra` names them."""
    document = asdict(tensor)
    del document["profiles"]
    if "hist" not in extra:
        del document["histogram"]
    if "candidates" not in extra:
        del document["candidates"]
    return document


def run_document(
    run: Run,
    *,
    overview: Overview | None,
    tensors: tuple[dict[str, Any], ...] | None = None,
    seed: dict[str, Any] | None = None,
) -> RunDocument:
    """A run with what is known of its report."""
    error = run.error
    return RunDocument(
        id=run.id,
        url=place_of(run),
        state=run.state,
        progress=Progress(step=run.step, done=run.done, total=run.total),
        error=None
        if error is None
        else RunError(error=error.code, message=error.message, hint=error.hint),
        name=run.name,
        bytes=run.bytes,
        sha256=run.sha256,
        owner=run.owner,
        attempt=run.attempt,
        stale=run.stale,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        schema=overview.schema if overview else None,
        source=overview.source if overview else None,
        summary=overview.summary if overview else None,
        findings=overview.findings if overview else None,
        tensors=tensors,
        seed=seed,
    )
