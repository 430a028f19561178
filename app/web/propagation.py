"""The propagation page /m/{id}/propagation, its twins and its orders."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.charts import propagation_svg
from app.charts.propagation import SignalPlot
from app.charts.propagation_heat import HeatMap, heat_map
from app.charts.propagation_heat import as_svg as heat_svg
from app.charts.propagation_plots import plot_of
from app.core.propagation import PropagationReport
from app.errors import NotFound
from app.web import propagation_csvs
from app.web.addresses import at
from app.web.deps import RunId, Services, ServicesHere
from app.web.forms import fields
from app.web.pages import SVG, attached, palette_of
from app.web.propagation_choices import choices_for, choices_of
from app.web.propagation_progress import status_document
from app.web.propagation_subjects import Subject, subject_of
from app.web.propagation_views import going, propagation_page
from app.web.render import json_response, render
from app.web.uploads import receive_form

SEE_OTHER = status.HTTP_303_SEE_OTHER
NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


@router.get("/m/{run_id}/propagation.json")
async def propagation_json(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The propagation document; `?extra=hist` adds the histograms."""
    report = await _report(request, run_id, services)
    extras = request.query_params.get("extra", "").split(",")
    return await run_in_threadpool(_document, report, histograms="hist" in extras)


def _document(report: PropagationReport, *, histograms: bool) -> Response:
    body: dict[str, Any] = asdict(report)
    if not histograms:
        for series in body["series"]:
            for layer in series["layers"]:
                del layer["forward"]["histogram"]
    return json_response(body)


@router.get("/m/{run_id}/propagation.csv")
async def propagation_csv(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Every number of every operation."""
    report = await _report(request, run_id, services)
    text = await run_in_threadpool(propagation_csvs.operations, report)
    return attached(text, f"{run_id}-propagation.csv")


@router.get("/m/{run_id}/propagation/status.json")
async def propagation_status(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """How far the measurement is, for the page's script; null where nobody asked for it."""
    subject = await subject_of(request, run_id, services, with_report=False)
    body = status_document(subject.measurement, going(subject))
    return json_response(body, headers=NO_STORE)


@router.get("/m/{run_id}/propagation/heat/{scheme:path}.svg")
async def heat_map_svg(
    request: Request, run_id: RunId, scheme: str, services: ServicesHere
) -> Response:
    """One series' heat map as a file."""
    drawn = await _heat(request, run_id, scheme, services)
    text = await run_in_threadpool(heat_svg, drawn, palette_of(request), alone=True)
    return Response(text, media_type=SVG)


@router.get("/m/{run_id}/propagation/heat/{scheme:path}.csv")
async def heat_map_csv(
    request: Request, run_id: RunId, scheme: str, services: ServicesHere
) -> Response:
    """The shares behind one series' heat map."""
    drawn = await _heat(request, run_id, scheme, services)
    return attached(propagation_csvs.heat(drawn), f"{run_id}-heat.csv")


@router.get("/m/{run_id}/propagation/{key}.svg")
async def chart_svg(request: Request, run_id: RunId, key: str, services: ServicesHere) -> Response:
    """One chart over depth as a file."""
    drawn = await _chart(request, run_id, key, services)
    text = propagation_svg.as_svg(drawn, palette_of(request), alone=True)
    return Response(text, media_type=SVG)


@router.get("/m/{run_id}/propagation/{key}.csv")
async def chart_csv(request: Request, run_id: RunId, key: str, services: ServicesHere) -> Response:
    """What one chart over depth shows, layer by layer."""
    drawn = await _chart(request, run_id, key, services)
    return attached(propagation_csvs.chart(drawn), f"{run_id}-{drawn.key}.csv")


@router.get("/m/{run_id}/propagation")
async def propagation(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Whether the signal survives the depth: measured, on its way, or to be measured."""
    found = await services.propagations.find(run_id)
    if found is not None and found.order.plan is not None:
        return RedirectResponse(at(f"/m/{run_id}/compare"), SEE_OTHER)
    if (
        found is not None
        and (choices := choices_for(found, found.network)).asked(found.network).id == run_id
    ):
        address = at(f"/m/{found.network}/propagation{choices.query()}")
        return RedirectResponse(address, SEE_OTHER)
    if "act" in request.query_params:  # the form's own address holds every field
        plain = choices_of(request.query_params).query()
        if plain and plain != f"?{request.url.query}":
            return RedirectResponse(at(f"/m/{run_id}/propagation{plain}"), SEE_OTHER)
    subject = await subject_of(request, run_id, services)
    return await run_in_threadpool(_page, request, subject)


def _page(request: Request, subject: Subject) -> Response:
    return render(request, "propagation.html", propagation_page(subject), headers=NO_STORE)


@router.post("/m/{run_id}/propagation")
async def measure(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Measure with the choices of the form, and show how far that is."""
    await services.runs.file(run_id)
    choices = choices_of(await fields(request))
    await services.submitter.propagate(choices.asked(run_id), again=True)
    return RedirectResponse(at(f"/m/{run_id}/propagation{choices.query()}"), SEE_OTHER)


@router.post("/m/{run_id}/propagation/inputs")
async def add_inputs(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Keep a batch of inputs, and show the choices with it."""
    await services.runs.file(run_id)
    file = await receive_form(request, services)
    choices = replace(choices_of(request.query_params), input=file.id)
    return RedirectResponse(at(f"/m/{run_id}/propagation{choices.query()}"), SEE_OTHER)


@router.post("/m/{run_id}/propagation/weights")
async def add_weights(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Keep a checkpoint for this network, and show the choices with its weights."""
    await services.runs.file(run_id)
    file = await receive_form(request, services)
    choices = replace(choices_of(request.query_params), weights=file.id, own=True)
    return RedirectResponse(at(f"/m/{run_id}/propagation{choices.query()}"), SEE_OTHER)


@router.post("/m/{run_id}/propagation/cancel")
async def stop(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Stop the measurement and show that it stopped."""
    choices = choices_of(request.query_params)
    subject = await subject_of(request, run_id, services, with_report=False)
    if subject.measurement is not None:
        await services.submitter.cancel_propagation(subject.measurement.id)
    return RedirectResponse(at(f"/m/{run_id}/propagation{choices.query()}"), SEE_OTHER)


@router.post("/m/{run_id}/propagation/delete")
async def delete(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Remove the measurement that this address shows."""
    subject = await subject_of(request, run_id, services, with_report=False)
    found = subject.measurement or subject.shown
    if found is not None:
        await services.submitter.delete_propagation(found.id)
    return RedirectResponse(at("/"), SEE_OTHER)


async def _report(request: Request, run_id: str, services: Services) -> PropagationReport:
    subject = await subject_of(request, run_id, services)
    if subject.report is None:
        raise NotFound(what="report")
    return subject.report


async def _chart(request: Request, run_id: str, key: str, services: Services) -> SignalPlot:
    report = await _report(request, run_id, services)
    drawn = await run_in_threadpool(plot_of, report, key)
    if drawn is None:
        raise NotFound(what="chart")
    return drawn


async def _heat(request: Request, run_id: str, scheme: str, services: Services) -> HeatMap:
    report = await _report(request, run_id, services)
    drawn = await run_in_threadpool(heat_map, report, scheme)
    if drawn is None:
        raise NotFound(what="heat map")
    return drawn
