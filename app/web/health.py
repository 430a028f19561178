"""Signs of life for whatever watches the service, and the interactive documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from app.store.facts import State
from app.web.deps import RunsHere, SubmitterHere
from app.web.render import Page, json_response, render

SCHEMA_URL = "/api/v1/openapi.json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage(Page):
    """The context of docs.html."""

    schema_url: str


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/readyz")
async def readyz(runs: RunsHere) -> Response:
    """The database answers, too."""
    await runs.recent(1)
    return json_response({"status": "ok"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(runs: RunsHere, submitter: SubmitterHere) -> Response:
    """Runs by state and workers alive, in Prometheus' text format."""
    counts = await runs.counts()
    lines = [
        "# HELP initscope_runs Analyses kept, by state.",
        "# TYPE initscope_runs gauge",
        *(f'initscope_runs{{state="{state}"}} {counts.get(state, 0)}' for state in get_args(State)),
        "# HELP initscope_workers_alive Workers of this machine that gave a sign of life lately.",
        "# TYPE initscope_workers_alive gauge",
        f"initscope_workers_alive {await submitter.workers_alive()}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type=PROMETHEUS)


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The API, to read and to try."""
    return render(request, "docs.html", DocsPage(title="API", schema_url=SCHEMA_URL))
