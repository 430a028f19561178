"""Signs of life for whatever watches the service, and the interactive documentation."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

from app.errors import NoWorker
from app.web.addresses import at
from app.web.assets import folder
from app.web.deps import RunsHere, ServicesHere, SubmitterHere
from app.web.metrics import exposition, reading_of
from app.web.render import Page, json_response, render
from app.web.schemas import ErrorBody

SCHEMA_URL = "/api/v1/openapi.json"
ICON_KEPT = "public, max-age=86400"  # a day: its address never changes
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter()
metrics_router = APIRouter()  # apart: not everybody is told


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage(Page):
    """The context of docs.html."""

    schema_url: str


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/readyz", responses={503: {"model": ErrorBody}})
async def readyz(runs: RunsHere, submitter: SubmitterHere) -> Response:
    """It can take work: the database answers and a worker is alive."""
    await runs.recent(1)
    if not await submitter.workers_alive():
        raise NoWorker(seconds=f"{submitter.patience_seconds:g}")
    return json_response({"status": "ok"})


@router.get("/favicon.ico", include_in_schema=False)
async def favicon() -> Response:
    """The icon, for browsers at an address that is no page."""
    path = folder("static") / "favicon.ico"
    return FileResponse(path, media_type="image/x-icon", headers={"Cache-Control": ICON_KEPT})


@metrics_router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: ServicesHere) -> Response:
    """What waits, runs and is kept, workers alive, room on the disk, in Prometheus' text format."""
    return PlainTextResponse(exposition(await reading_of(services)), media_type=PROMETHEUS)


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The API, to read and to try."""
    return render(request, "docs.html", DocsPage(title="API", schema_url=at(SCHEMA_URL)))
