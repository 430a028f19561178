"""Two checkpoints beside each other: the page, its twins, its orders and its API.

`compare.py` answers /m/{id}/compare and hands `?to=` of a file to `drift`, `drift_json` and
`drift_csv`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.charts.drift import as_svg
from app.errors import Invalid, NotFound
from app.store.facts import Compared
from app.web.api import PROBLEMS
from app.web.bodies import JsonRoute
from app.web.deps import ID_PATTERN, RunId, Services, ServicesHere
from app.web.drift_documents import ComparisonDocument, NewComparison, comparison_document, table
from app.web.drift_selection import drift_view
from app.web.drift_subjects import DriftSubject, compare_url, drift_subject, expected, verdict_on
from app.web.drift_views import OFFERED, choice_page, drift_page, percent_of, picture_of, step_of
from app.web.forms import fields
from app.web.pages import SVG, attached, palette_of
from app.web.progress import told
from app.web.render import json_response, render
from app.web.uploads import receive_form

SEE_OTHER = status.HTTP_303_SEE_OTHER
NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(route_class=JsonRoute)

OtherId = Annotated[str, Query(pattern=ID_PATTERN, alias="to")]
ComparisonId = Annotated[
    str, Path(description="The id that POST /comparisons answered.", pattern=ID_PATTERN)
]


async def drift(request: Request, run_id: str, other_id: str, services: Services) -> Response:
    """The page of two files: what moved between them, or how far that is, or the order for it."""
    subject = await drift_subject(run_id, other_id, services)
    return await run_in_threadpool(_page, request, subject)


def _page(request: Request, subject: DriftSubject) -> Response:
    view = drift_view(request.query_params, subject.after.id)
    return render(request, "drift.html", drift_page(subject, view), headers=NO_STORE)


async def drift_json(_request: Request, run_id: str, other_id: str, services: Services) -> Response:
    """The same as data."""
    subject = await expected(run_id, other_id, services)
    return await run_in_threadpool(_document, subject)


def _document(subject: DriftSubject) -> Response:
    assert subject.compared is not None  # noqa: S101 - `expected` saw to it
    return json_response(comparison_document(subject.compared, subject.report, subject.comparison))


async def drift_csv(_request: Request, run_id: str, other_id: str, services: Services) -> Response:
    """The table of the page."""
    subject = await expected(run_id, other_id, services)
    assert subject.comparison is not None  # noqa: S101 - `expected` saw to it
    text = await run_in_threadpool(table, subject.comparison)
    return attached(text, f"{run_id}-{other_id}.csv")


@router.get("/m/{run_id}/compare/drift.svg", include_in_schema=False)
async def drift_svg(
    request: Request, run_id: RunId, to: OtherId, services: ServicesHere
) -> Response:
    """The picture as a file."""
    subject = await expected(run_id, to, services)
    assert subject.comparison is not None  # noqa: S101 - `expected` saw to it
    plot = await run_in_threadpool(picture_of, subject.comparison)
    if plot is None:
        raise NotFound(what="picture")
    return Response(as_svg(plot, palette_of(request)), media_type=SVG)


@router.get("/m/{run_id}/compare/status.json", include_in_schema=False)
async def drift_status(run_id: RunId, to: OtherId, services: ServicesHere) -> Response:
    """How far the comparison is, for the page's script; null where nobody asked for it."""
    found = await services.comparisons.between(run_id, to)
    if found is None:
        return json_response(None, headers=NO_STORE)
    body = {
        "state": found.state,
        "percent": percent_of(found),
        "line": step_of(found),
        "error": told(found.error),
    }
    return json_response(body, headers=NO_STORE)


@router.get("/m/{run_id}/compare/with", include_in_schema=False)
async def choose(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """What this file may be compared with."""
    run = await services.runs.run(run_id)
    others = await services.runs.recent(2 * OFFERED)
    page = choice_page(
        run,
        others,
        await services.comparisons.of(run_id),
        max_bytes=services.settings.max_upload_bytes,
    )
    return render(request, "drift_choice.html", page, headers=NO_STORE)


@router.post("/m/{run_id}/compare/with", include_in_schema=False)
async def order(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Compare this file with the one that the form names, and show how far that is."""
    other = (await fields(request)).get("to", "")
    return await _ordered(run_id, other, services)


@router.post("/m/{run_id}/compare/upload", include_in_schema=False)
async def upload(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """Keep another file, analyse it, and compare this one with it."""
    await services.runs.file(run_id)
    file = await receive_form(request, services)
    await services.submitter.submit(file.id)
    return await _ordered(run_id, file.id, services)


@router.post("/m/{run_id}/compare/cancel", include_in_schema=False)
async def stop(run_id: RunId, to: OtherId, services: ServicesHere) -> Response:
    """Stop the comparison and show that it stopped."""
    found = await services.comparisons.between(run_id, to)
    if found is None:
        raise NotFound(what="comparison")
    await services.orders.cancel(found.id)
    return RedirectResponse(compare_url(run_id, to), SEE_OTHER)


async def _ordered(run_id: str, other: str, services: Services) -> Response:
    _expect_two(run_id, other)
    await services.orders.compare(run_id, other)
    return RedirectResponse(compare_url(run_id, other), SEE_OTHER)


def _expect_two(before: str, after: str) -> None:
    """Nothing, where the files are two.

    Raises:
        Invalid: If they are the same.
    """
    if before == after:
        raise Invalid(what="The comparison", expected="two files", got="the same bytes twice")


@router.post(
    "/api/v1/comparisons",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=ComparisonDocument,
    responses=PROBLEMS,
)
async def add_comparison(wanted: NewComparison, services: ServicesHere) -> Response:
    """Compare two stored files, tensor by tensor. One that was made before answers 200 with it."""
    _expect_two(wanted.before, wanted.after)
    found = await services.orders.compare(wanted.before, wanted.after, priority=wanted.priority)
    code = status.HTTP_200_OK if found.state == "done" else status.HTTP_202_ACCEPTED
    return json_response(await _documented(found, services), status=code)


@router.get(
    "/api/v1/comparisons/{comparison_id}", response_model=ComparisonDocument, responses=PROBLEMS
)
async def show_comparison(comparison_id: ComparisonId, services: ServicesHere) -> Response:
    """How far a comparison is, and its result: drift of every tensor, which left their law."""
    return json_response(await _documented(await _found(comparison_id, services), services))


@router.post(
    "/api/v1/comparisons/{comparison_id}/cancel",
    response_model=ComparisonDocument,
    responses=PROBLEMS,
)
async def cancel_comparison(comparison_id: ComparisonId, services: ServicesHere) -> Response:
    """Stop a comparison; one that has finished stays as it is."""
    found = await services.orders.cancel(comparison_id)
    return json_response(await _documented(found, services))


@router.delete(
    "/api/v1/comparisons/{comparison_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=PROBLEMS,
)
async def delete_comparison(comparison_id: ComparisonId, services: ServicesHere) -> Response:
    """Remove a comparison, calling it off first; both files stay."""
    await services.orders.delete(comparison_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


async def _found(comparison: str, services: Services) -> Compared:
    found = await services.comparisons.find(comparison)
    if found is None:
        raise NotFound(what="comparison")
    return found


async def _documented(found: Compared, services: Services) -> ComparisonDocument:
    report = await services.comparisons.report(found.id)
    judged = None
    if report is not None:
        runs = [await services.runs.find(file) for file in (found.before, found.after)]
        judged = await verdict_on(report, runs[0], runs[1], services)
    return await run_in_threadpool(comparison_document, found, report, judged)
