"""The page /m/{id}/compare: a plan beside the network as it is, or two checkpoints."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.charts import propagation_svg
from app.charts.propagation import SignalPlot
from app.core.graph import Inventory
from app.errors import CannotRun, NotFound
from app.web import drift, propagation_csvs
from app.web.addresses import at
from app.web.deps import RunId, Services, ServicesHere
from app.web.pages import SVG, attached, palette_of
from app.web.propagation import NO_STORE, SEE_OTHER
from app.web.propagation_choices import IDENTITY
from app.web.propagation_progress import status_document
from app.web.render import TEMPLATES, json_response, render
from app.web.whatif_choices import wish_for, wish_of
from app.web.whatif_comparison import Theory, compared, theory_of
from app.web.whatif_documents import document, operations
from app.web.whatif_subjects import Subject, subject_of
from app.web.whatif_views import SUGGESTING, going, shown, suggestions, whatif_page

router = APIRouter(include_in_schema=False)


@router.get("/m/{run_id}/compare.json")
async def compare_json(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """What theory and measurement say of a plan, operation by operation; or two checkpoints."""
    if other := _other(request):
        return await drift.drift_json(request, run_id, other, services)
    subject = await subject_of(request, run_id, services)
    return await run_in_threadpool(_document, subject, services)


def _document(subject: Subject, services: Services) -> Response:
    found = document(subject, theory_of(subject, services.expectations))
    return json_response(found, headers=NO_STORE)


@router.get("/m/{run_id}/compare.csv")
async def compare_table(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Every operation before and after; or every tensor of two checkpoints."""
    if other := _other(request):
        return await drift.drift_csv(request, run_id, other, services)
    subject = await subject_of(request, run_id, services)
    text = await run_in_threadpool(_table, subject, services)
    return attached(text, f"{run_id}-what-if.csv")


def _table(subject: Subject, services: Services) -> str:
    found = compared(subject, _theory(subject, services), whole=True)
    return operations(found.before, found.after)


@router.get("/m/{run_id}/compare/shown")
async def compare_shown(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The part of the page that a changed plan changes, for the page's script."""
    subject = await subject_of(request, run_id, services)
    return await run_in_threadpool(_shown, subject, services)


def _shown(subject: Subject, services: Services) -> Response:
    context = shown(subject, _theory(subject, services))
    text = TEMPLATES.get_template("_whatif.html").render({"shown": context})
    return HTMLResponse(text, headers=NO_STORE)


@router.get("/m/{run_id}/compare/suggestions")
async def compare_suggestions(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """What theory finds better than the plan, as a part of the page."""
    subject = await subject_of(request, run_id, services)
    return await run_in_threadpool(_suggestions, subject, services)


def _suggestions(subject: Subject, services: Services) -> Response:
    found = suggestions(subject, _theory(subject, services))
    text = TEMPLATES.get_template("_suggestions.html").render({"shown": {"suggestions": found}})
    return HTMLResponse(text, headers=NO_STORE)


@router.get("/m/{run_id}/compare/measurement.json")
async def compare_status(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """How far the measurement is, for the page's script; null where nobody asked for it."""
    subject = await subject_of(request, run_id, services)
    body = status_document(subject.measurement, going(subject))
    return json_response(body, headers=NO_STORE)


@router.get("/m/{run_id}/compare/chart/{key}.svg")
async def compare_svg(
    request: Request, run_id: RunId, key: str, services: ServicesHere
) -> Response:
    """One chart as a file."""
    subject = await subject_of(request, run_id, services)
    drawn = await run_in_threadpool(_chart, subject, services, key)
    text = propagation_svg.as_svg(drawn, palette_of(request), alone=True)
    return Response(text, media_type=SVG)


@router.get("/m/{run_id}/compare/chart/{key}.csv")
async def compare_csv(
    request: Request, run_id: RunId, key: str, services: ServicesHere
) -> Response:
    """What one chart shows, layer by layer."""
    subject = await subject_of(request, run_id, services)
    drawn = await run_in_threadpool(_chart, subject, services, key)
    return attached(propagation_csvs.chart(drawn), f"{run_id}-what-if-{drawn.key}.csv")


@router.get("/m/{run_id}/compare")
async def compare(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """What changes under a plan: theory at once, measured where somebody asked for it."""
    if other := _other(request):
        return await drift.drift(request, run_id, other, services)
    found = await services.propagations.find(run_id)
    if found is not None:
        file, wish = wish_for(found)
        return RedirectResponse(at(f"/m/{file}/compare{wish.query}"), SEE_OTHER)
    plain = wish_of(request.query_params).query
    if "base" in request.query_params and plain != _query(request):  # the form holds every field
        return RedirectResponse(at(f"/m/{run_id}/compare{plain}"), SEE_OTHER)
    subject = await subject_of(request, run_id, services)
    return await run_in_threadpool(_page, request, subject, services)


def _other(request: Request) -> str:
    """The other checkpoint that the address names; "" where it asks for a plan."""
    named = request.query_params.get("to", "")
    return named if IDENTITY.match(named) else ""


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _page(request: Request, subject: Subject, services: Services) -> Response:
    theory = theory_of(subject, services.expectations)
    suggesting = request.query_params.get(SUGGESTING) == "1"
    page = whatif_page(subject, theory, suggesting=suggesting)
    return render(request, "compare.html", page, headers=NO_STORE)


@router.post("/m/{run_id}/compare")
async def measure(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Measure the plan and what it is laid over, and show how far that is."""
    subject = await subject_of(request, run_id, services)
    asked = subject.wish.asked(subject.id, subject.net, subject.before)
    await services.submitter.propagate(asked, again=True)
    return RedirectResponse(subject.address + subject.wish.query, SEE_OTHER)


@router.post("/m/{run_id}/compare/measurement/cancel")
async def stop(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Stop the measurement and show that it stopped."""
    subject = await subject_of(request, run_id, services)
    if subject.measurement is not None:
        await services.submitter.cancel_propagation(subject.measurement.id)
    return RedirectResponse(subject.address + subject.wish.query, SEE_OTHER)


def _theory(subject: Subject, services: Services) -> Theory:
    """What answers.

    Raises:
        CannotRun: If only the network's parts are known.
        NotFound: If no worker has read it yet.
    """
    found = theory_of(subject, services.expectations)
    if found is not None:
        return found
    if isinstance(subject.network, Inventory):
        raise CannotRun(reason=subject.network.reason)
    raise NotFound(what="chart")


def _chart(subject: Subject, services: Services, key: str) -> SignalPlot:
    plots = compared(subject, _theory(subject, services)).plots
    drawn = next((plot for plot in plots if plot.key == key), None)
    if drawn is None:
        raise NotFound(what="chart")
    return drawn
