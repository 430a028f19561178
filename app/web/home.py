"""The start page, the way in, and the page that shows how far an analysis is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import Refused
from app.web import examples
from app.web.addresses import at
from app.web.deps import RunId, RunsHere, Services, ServicesHere, SubmitterHere
from app.web.overviews import RECENT, home_page, home_twin, job_page
from app.web.problems import wants_page
from app.web.progress import job_status, job_url, place_of
from app.web.propagation_choices import Choices
from app.web.render import json_response, render
from app.web.schemas import accepted_run
from app.web.uploads import is_form, receive_body, receive_form

if TYPE_CHECKING:
    from app.store.facts import File, Run

SETTLE_SECONDS = 0.8  # an analysis this short needs no page of its own
LOOK_SECONDS = 0.05
SEE_OTHER = 303
NETWORKS = ("text", "onnx")  # formats, by their first bytes, that hold no tensors to analyse

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request, services: ServicesHere) -> Response:
    """The start page: a place to drop a file, and the reports so far."""
    recent = await services.runs.recent(RECENT)
    origin = str(request.base_url).rstrip("/")
    networks = await services.propagations.recent(RECENT)
    page = home_page(recent, networks, max_bytes=services.settings.max_upload_bytes, origin=origin)
    return render(request, "home.html", page)


@router.get("/.json")
async def home_json(services: ServicesHere) -> Response:
    """The reports so far."""
    networks = await services.propagations.recent(RECENT)
    return json_response(home_twin(await services.runs.recent(RECENT), networks))


@router.post("/upload")
async def upload(
    request: Request,
    services: ServicesHere,
    name: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """Keep a file and analyse it; the answer is the address to open."""
    if is_form(request):
        file = await receive_form(request, services)
    else:
        file = await receive_body(request, services, name=name)
    return await _started(request, services, file)


@router.post("/examples/{name}")
async def example(request: Request, services: ServicesHere, name: str) -> Response:
    """Draw an example checkpoint and analyse it like any other file."""
    found = examples.find(name)
    content = await asyncio.to_thread(found.draw)
    received = await services.blobs.receive(
        examples.chunks(content), limit=services.settings.max_upload_bytes
    )
    file = await services.runs.add_file(received, name=found.file, format="safetensors")
    return await _started(request, services, file)


@router.get("/jobs/{run_id}.json")
async def job_json(run_id: RunId, runs: RunsHere, submitter: SubmitterHere) -> Response:
    """How far an analysis is, for the page's script."""
    status = job_status(await runs.run(run_id), workers=await submitter.workers_alive())
    return json_response(status, headers={"Cache-Control": "no-store"})


@router.get("/jobs/{run_id}")
async def job(
    request: Request, run_id: RunId, runs: RunsHere, submitter: SubmitterHere
) -> Response:
    """How far an analysis is; a finished one goes on to its report."""
    run = await runs.run(run_id)
    if run.state == "done":
        return RedirectResponse(place_of(run), SEE_OTHER)
    page = job_page(run, workers=await submitter.workers_alive())
    return render(request, "job.html", page, headers={"Cache-Control": "no-store"})


@router.post("/jobs/{run_id}/cancel")
async def cancel(run_id: RunId, submitter: SubmitterHere) -> Response:
    """Stop an analysis and show that it stopped."""
    run = await submitter.cancel(run_id)
    return RedirectResponse(place_of(run), SEE_OTHER)


@router.post("/jobs/{run_id}/again")
async def again(run_id: RunId, submitter: SubmitterHere) -> Response:
    """Analyse a file once more."""
    run = await submitter.again(run_id)
    return RedirectResponse(job_url(run.id), SEE_OTHER)


@router.post("/jobs/{run_id}/delete")
async def delete(run_id: RunId, submitter: SubmitterHere) -> Response:
    """Remove a report and its file."""
    await submitter.delete(run_id)
    return RedirectResponse(at("/"), SEE_OTHER)


async def _started(request: Request, services: Services, file: File) -> Response:
    if file.format in NETWORKS:
        return await _measured(request, services, file)
    if file.format == "npy":
        reason = f"a .npy file is an input for a network; it is kept as {file.id}"
        raise Refused(reason=reason)
    run = await _settled(services, await services.submitter.submit(file.id))
    if wants_page(request):
        return RedirectResponse(place_of(run), SEE_OTHER)
    return json_response(accepted_run(run))


async def _measured(request: Request, services: Services, file: File) -> Response:
    """The page of a network without weights; its first measurement begins."""
    choices = replace(Choices(), own=file.format == "onnx")
    made = await services.submitter.propagate(choices.asked(file.id))
    if wants_page(request):
        return RedirectResponse(place_of(made), SEE_OTHER)
    return json_response(accepted_run(made))


async def _settled(services: Services, run: Run) -> Run:
    """The run after at most SETTLE_SECONDS: a short one is done by then."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SETTLE_SECONDS
    while not run.finished and loop.time() < end:
        await asyncio.sleep(LOOK_SECONDS)
        run = await services.runs.run(run.id)
    return run
