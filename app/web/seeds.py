"""The search for a file's seed: its page /m/{id}/seed, its orders and its API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.store.facts import Run, SeedSearch
from app.web.addresses import at
from app.web.api import PROBLEMS
from app.web.bodies import JsonRoute
from app.web.deps import RunId, RunsHere, SeedsHere, SubmitterHere
from app.web.progress import job_url
from app.web.render import json_response, render
from app.web.seedings import found_of, seed_page, status_of

NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(route_class=JsonRoute)


class NewSearch(BaseModel):
    """The order to look for a seed."""

    model_config = ConfigDict(extra="forbid")

    full: bool = Field(
        default=False, description="Try all 2**32 seeds where no quicker way finds one."
    )


@router.get("/m/{run_id}/seed.json", include_in_schema=False)
async def seed_json(run_id: RunId, runs: RunsHere, seeds: SeedsHere) -> Response:
    """How far the search is, and what it found; null where nobody asked for one."""
    await runs.run(run_id)
    search = await seeds.find(run_id)
    told = status_of(search, await seeds.document(run_id))
    return json_response(told, headers=NO_STORE)


@router.get("/m/{run_id}/seed", include_in_schema=False)
async def seed(request: Request, run_id: RunId, runs: RunsHere, seeds: SeedsHere) -> Response:
    """Which seed drew which tensors, or how far the search is."""
    run = await runs.run(run_id)
    if not run.reported:
        return RedirectResponse(job_url(run_id), status.HTTP_303_SEE_OTHER)
    search, document = await seeds.find(run_id), await seeds.document(run_id)
    return await run_in_threadpool(_page, request, run, search, document)


def _page(
    request: Request, run: Run, search: SeedSearch | None, document: bytes | None
) -> Response:
    page = seed_page(run, search, found_of(document))
    return render(request, "seed.html", page, headers=NO_STORE)


@router.post("/m/{run_id}/seed", include_in_schema=False)
async def order_seed(
    run_id: RunId, submitter: SubmitterHere, full: Annotated[bool, Form()] = False
) -> Response:
    """Look for the seed and show how far that is."""
    await submitter.seek(run_id, full=full)
    return RedirectResponse(at(f"/m/{run_id}/seed"), status.HTTP_303_SEE_OTHER)


@router.post("/m/{run_id}/seed/cancel", include_in_schema=False)
async def stop_seed(run_id: RunId, submitter: SubmitterHere) -> Response:
    """Stop the search and show that it stopped."""
    await submitter.cancel_seed(run_id)
    return RedirectResponse(at(f"/m/{run_id}/seed"), status.HTTP_303_SEE_OTHER)


@router.post(
    "/api/v1/runs/{run_id}/seed",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=dict[str, Any],
    responses=PROBLEMS,
)
async def add_search(run_id: RunId, submitter: SubmitterHere, order: NewSearch) -> Response:
    """Look for the torch.manual_seed that drew a file; its result is the run's `seed`."""
    search = await submitter.seek(run_id, full=order.full)
    return json_response(status_of(search, None), status=status.HTTP_202_ACCEPTED)


@router.post("/api/v1/runs/{run_id}/seed/cancel", response_model=dict[str, Any], responses=PROBLEMS)
async def cancel_search(run_id: RunId, submitter: SubmitterHere) -> Response:
    """Stop looking for the seed; a search that has finished stays as it is."""
    return json_response(status_of(await submitter.cancel_seed(run_id), None))
