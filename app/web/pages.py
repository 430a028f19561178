"""The layers page and its twins: /m/{id}."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.charts import fingerprint
from app.charts.style import PALETTES, Palette
from app.core.report import Overview
from app.store.facts import Run, SeedSearch
from app.web import csvs
from app.web.deps import RunId, RunsHere, SeedsHere
from app.web.layers import drawn_for, layers_page
from app.web.picture import unit_of
from app.web.progress import job_url
from app.web.render import json_response, render
from app.web.selection import View, shown, view_of
from app.web.wording import scheme_name

router = APIRouter(include_in_schema=False)

PNG, SVG, CSV = "image/png", "image/svg+xml", "text/csv; charset=utf-8"


def palette_of(request: Request) -> Palette:
    """The colours of the theme asked for, for a picture that is a file of its own."""
    return PALETTES.get(request.query_params.get("theme", ""), PALETTES["light"])


def _extras(request: Request) -> frozenset[str]:
    return frozenset(request.query_params.get("extra", "").split(","))


@router.get("/m/{run_id}.json")
async def layers_json(request: Request, run_id: RunId, runs: RunsHere) -> Response:
    """The layers page as data; `?extra=hist` adds the histograms on the shared axis."""
    overview = await runs.overview(run_id)
    view, extras = view_of(request.query_params), _extras(request)
    return await run_in_threadpool(_layers_json, overview, view, extras)


def _layers_json(overview: Overview, view: View, extras: frozenset[str]) -> Response:
    asked = view if view.kind or view.q or view.status or view.finding else View(kind="all")
    rows = shown(overview.rows, asked, overview.findings)
    body: dict[str, Any] = asdict(overview) | {"rows": [asdict(row) for row in rows]}
    if "hist" not in extras:
        for row in body["rows"]:
            del row["profiles"]
    return json_response(body)


@router.get("/m/{run_id}.csv")
async def layers_csv(request: Request, run_id: RunId, runs: RunsHere) -> Response:
    """The table of the layers page."""
    overview = await runs.overview(run_id)
    view = view_of(request.query_params)
    asked = view if view.kind or view.q or view.status or view.finding else View(kind="all")
    text = csvs.tensors(shown(overview.rows, asked, overview.findings))
    return attached(text, f"{run_id}.csv")


def attached(text: str, name: str) -> Response:
    """A CSV that the browser saves under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=CSV, headers=headers)


@router.get("/m/{run_id}/fingerprint.png")
async def fingerprint_png(request: Request, run_id: RunId, runs: RunsHere) -> Response:
    """The heat map as a picture of its own."""
    overview = await runs.overview(run_id)
    drawn = await run_in_threadpool(drawn_for, overview, view_of(request.query_params))
    body = await run_in_threadpool(fingerprint.as_png, drawn, palette_of(request))
    return Response(body, media_type=PNG)


@router.get("/m/{run_id}/fingerprint.svg")
async def fingerprint_svg(request: Request, run_id: RunId, runs: RunsHere) -> Response:
    """The heat map with its axis."""
    overview, view = await runs.overview(run_id), view_of(request.query_params)
    drawn = await run_in_threadpool(drawn_for, overview, view)
    text = fingerprint.as_svg(drawn, palette_of(request), caption=_svg_caption(overview, view))
    return Response(text, media_type=SVG)


def _svg_caption(overview: Overview, view: View) -> str:
    if unit_of(overview, view) == "bound":
        return "weight ÷ PyTorch's default bound; one row per weight tensor, input layer on top"
    name = scheme_name(overview.summary.main_scheme)
    return f"weight ÷ the std of {name}; one row per weight tensor, input layer on top"


@router.get("/m/{run_id}")
async def layers(request: Request, run_id: RunId, runs: RunsHere, seeds: SeedsHere) -> Response:
    """Verdict, picture and table of a whole file; the job page while there is no report."""
    run = await runs.run(run_id)
    if not run.reported:
        return RedirectResponse(job_url(run_id), status_code=303)
    overview = await runs.overview(run_id)
    search = await seeds.find(run_id)
    return await run_in_threadpool(_layers, request, run, overview, search)


def _layers(request: Request, run: Run, overview: Overview, search: SeedSearch | None) -> Response:
    page = layers_page(run, overview, view_of(request.query_params), search=search)
    return render(request, "layers.html", page)
