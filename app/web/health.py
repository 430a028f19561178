"""Signs of life for whatever watches the service, and the interactive documentation."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from app.web.deps import RunsHere
from app.web.render import Page, json_response, render

SCHEMA_URL = "/api/v1/openapi.json"

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


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The API, to read and to try."""
    return render(request, "docs.html", DocsPage(title="API", schema_url=SCHEMA_URL))
