"""The JSON API: files in, reports out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.core.report import TensorReport, TensorRow
from app.errors import Invalid
from app.store.facts import Propagation
from app.web.bodies import JsonRoute
from app.web.deps import RunId, RunsHere, ServicesHere, SubmitterHere
from app.web.events import stream
from app.web.propagation_documents import PropagationDocument, found, propagation_document
from app.web.render import json_response
from app.web.rows import Selection, select
from app.web.schemas import (
    EXTRAS,
    AcceptedRun,
    ErrorBody,
    NewRun,
    RunDocument,
    StoredFile,
    TensorQuery,
    accepted_run,
    run_document,
    stored_file,
    tensor_document,
)
from app.web.seedings import status_of
from app.web.uploads import receive_body

PROBLEMS: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorBody}}

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, route_class=JsonRoute)


@router.post(
    "/files",
    status_code=status.HTTP_201_CREATED,
    response_model=StoredFile,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def add_file(
    request: Request,
    services: ServicesHere,
    name: Annotated[str, Query(max_length=1000, description="The file's name, to show.")] = "",
) -> Response:
    """Keep a file. The body is the file itself; its id is made from its bytes."""
    file = await receive_body(request, services, name=name)
    return json_response(stored_file(file), status=status.HTTP_201_CREATED)


@router.post("/runs", status_code=status.HTTP_202_ACCEPTED, response_model=AcceptedRun)
async def add_run(order: NewRun, submitter: SubmitterHere) -> Response:
    """Analyse a stored file. One that has a report of today's schema answers 200 with it."""
    run = await submitter.submit(order.file, priority=order.priority)
    code = status.HTTP_200_OK if run.state == "done" else status.HTTP_202_ACCEPTED
    return json_response(accepted_run(run), status=code)


@router.get("/runs/{run_id}", response_model=RunDocument | PropagationDocument)
async def show_run(
    run_id: RunId,
    services: ServicesHere,
    extra: Annotated[
        str, Query(description="Comma-separated: tensors, hist, candidates.", max_length=100)
    ] = "",
) -> Response:
    """How far a run is, and its report: with `extra` also every tensor of a checkpoint's."""
    asked = _extras(extra)
    runs, seeds = services.runs, services.seeds
    run = await found(services, run_id)
    if isinstance(run, Propagation):
        document = await services.propagations.document(run_id)
        return json_response(propagation_document(run, document))
    if not run.reported:
        return json_response(run_document(run, overview=None))
    overview = await runs.overview(run_id)
    tensors = None
    if asked:
        reports = await runs.tensors(run_id)
        tensors = await run_in_threadpool(_documents, reports, asked)
    seed = status_of(await seeds.find(run_id), await seeds.document(run_id))
    return json_response(run_document(run, overview=overview, tensors=tensors, seed=seed))


@router.get("/runs/{run_id}/tensors", response_model=dict[str, Any])
async def list_tensors(
    run_id: RunId,
    runs: RunsHere,
    asked: Annotated[TensorQuery, Query()],
) -> Response:
    """One row for each tensor, 500 a page."""
    overview = await runs.overview(run_id)
    chosen = select(overview.rows, **asked.model_dump())
    return json_response(_listing(chosen))


@router.get("/runs/{run_id}/tensors/{index}", response_model=TensorReport)
async def show_tensor(
    run_id: RunId,
    index: Annotated[int, Path(ge=0, le=2**31 - 1, description="Its place in the file, from 0.")],
    runs: RunsHere,
) -> Response:
    """Everything that is known of one tensor."""
    return json_response(await runs.tensor(run_id, index))


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def follow_run(run_id: RunId, request: Request, services: ServicesHere) -> Response:
    """Server-sent events `progress` and `state`, until the run has finished."""
    run = await found(services, run_id)  # an unknown run is a 404, not an empty stream
    last = request.headers.get("last-event-id", "")
    submitter = services.submitter
    measured = isinstance(run, Propagation)
    changes = submitter.propagation_events(run_id) if measured else submitter.events(run_id)
    return StreamingResponse(
        stream(changes, ending=services.ending, last_seen=last),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/runs/{run_id}/cancel", response_model=AcceptedRun)
async def cancel_run(run_id: RunId, services: ServicesHere) -> Response:
    """Stop a run; one that has finished stays as it is."""
    measured = isinstance(await found(services, run_id), Propagation)
    submitter = services.submitter
    stop = submitter.cancel_propagation if measured else submitter.cancel
    return json_response(accepted_run(await stop(run_id)))


@router.delete("/runs/{run_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_run(run_id: RunId, services: ServicesHere) -> None:
    """Remove a run, its report, and its file with all that was measured of it."""
    measured = isinstance(await found(services, run_id), Propagation)
    submitter = services.submitter
    await (submitter.delete_propagation if measured else submitter.delete)(run_id)


def _documents(reports: list[TensorReport], asked: frozenset[str]) -> tuple[dict[str, Any], ...]:
    return tuple(tensor_document(report, extra=asked) for report in reports)


def _extras(text: str) -> frozenset[str]:
    asked = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := asked - set(EXTRAS):
        raise Invalid(what="extra", expected=", ".join(EXTRAS), got=", ".join(sorted(unknown)))
    return asked


def _listing(chosen: Selection) -> dict[str, Any]:
    return {
        "total": chosen.total,
        "page": chosen.page,
        "pages": chosen.pages,
        "tensors": [_row(row) for row in chosen.rows],
    }


def _row(row: TensorRow) -> dict[str, Any]:
    document = asdict(row)
    del document["profiles"]
    return document
