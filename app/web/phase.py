"""The phase view: /phase for any layer, /m/{id}/phase with a network's own layers."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.charts.phase_svg import map_svg, plane_svg
from app.errors import NotFound
from app.web.addresses import at
from app.web.deps import RunId, Services, ServicesHere
from app.web.pages import SVG, attached, palette_of
from app.web.phase_choices import phase_choices
from app.web.phase_documents import layers_csv, map_csv, phase_document, plane_csv
from app.web.phase_subjects import PhaseSubject, network_of
from app.web.phase_views import Figures, phase_page
from app.web.render import json_response, render

PATH = "/phase"

router = APIRouter(include_in_schema=False)


@router.get("/phase.json")
async def phase_json(request: Request) -> Response:
    """A layer's fixed point, depth scales and edge of chaos as data."""
    return await run_in_threadpool(_document, _alone(request))


@router.get("/phase.csv")
async def phase_csv(request: Request) -> Response:
    """The edge of chaos and the lines of equal depth."""
    subject = _alone(request)
    text = await run_in_threadpool(lambda: plane_csv(Figures(subject).plane))
    return attached(text, f"phase-{subject.name}.csv")


@router.get("/phase/{key}.svg")
async def phase_svg(request: Request, key: str) -> Response:
    """One figure as a file."""
    return await run_in_threadpool(_drawing, request, _alone(request), key)


@router.get("/phase/{key}.csv")
async def phase_figure_csv(request: Request, key: str) -> Response:
    """What one figure shows."""
    return await run_in_threadpool(_table, _alone(request), key)


@router.get("/phase")
async def phase(request: Request) -> Response:
    """Order or chaos: what becomes of two inputs in a deep network of such layers."""
    return await run_in_threadpool(_page, request, _alone(request), at(PATH))


@router.get("/m/{run_id}/phase.json")
async def network_phase_json(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The phase view of a network as data."""
    return await run_in_threadpool(_document, await _subject(request, run_id, services))


@router.get("/m/{run_id}/phase.csv")
async def network_phase_csv(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """A row for each layer of the network."""
    subject = await _subject(request, run_id, services)
    return attached(await run_in_threadpool(layers_csv, subject), f"{run_id}-phase.csv")


@router.get("/m/{run_id}/phase/{key}.svg")
async def network_phase_svg(
    request: Request, run_id: RunId, key: str, services: ServicesHere
) -> Response:
    """One figure of a network as a file."""
    subject = await _subject(request, run_id, services)
    return await run_in_threadpool(_drawing, request, subject, key)


@router.get("/m/{run_id}/phase/{key}.csv")
async def network_phase_figure_csv(
    request: Request, run_id: RunId, key: str, services: ServicesHere
) -> Response:
    """What one figure of a network shows."""
    return await run_in_threadpool(_table, await _subject(request, run_id, services), key)


@router.get("/m/{run_id}/phase")
async def network_phase(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Where a network's layers lie between order and chaos."""
    subject = await _subject(request, run_id, services)
    return await run_in_threadpool(_page, request, subject, at(f"/m/{run_id}/phase"))


def _alone(request: Request) -> PhaseSubject:
    choices = replace(phase_choices(request.query_params), scheme="")
    return PhaseSubject(choices, None)


async def _subject(request: Request, run_id: str, services: Services) -> PhaseSubject:
    choices = phase_choices(request.query_params)
    return PhaseSubject(choices, await network_of(services, run_id, choices))


def _page(request: Request, subject: PhaseSubject, address: str) -> Response:
    return render(request, "phase.html", phase_page(subject, address))


def _document(subject: PhaseSubject) -> Response:
    return json_response(phase_document(subject, Figures(subject).plane))


def _drawing(request: Request, subject: PhaseSubject, key: str) -> Response:
    drawn, palette = Figures(subject), palette_of(request)
    if key == "plane":
        return Response(plane_svg(drawn.plane, palette, alone=True), media_type=SVG)
    for plot in drawn.maps:
        if plot.key == key:
            return Response(map_svg(plot, palette, alone=True), media_type=SVG)
    raise NotFound(what="figure")


def _table(subject: PhaseSubject, key: str) -> Response:
    drawn = Figures(subject)
    if key == "plane":
        return attached(plane_csv(drawn.plane), f"phase-{subject.name}.csv")
    for plot in drawn.maps:
        if plot.key == key:
            return attached(map_csv(plot), f"phase-{subject.name}-{key}.csv")
    raise NotFound(what="figure")
