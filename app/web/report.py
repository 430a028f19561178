"""The report of a file: on a page, as one HTML file, as Markdown, as a badge."""

from __future__ import annotations

import hashlib
from datetime import datetime

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.core.report import Overview
from app.errors import NoReport, NotFound, NotReady
from app.store.facts import Run
from app.web.addresses import at
from app.web.deps import RunId, Services, ServicesHere
from app.web.pages import SVG
from app.web.progress import job_url, report_url
from app.web.propagation_choices import choices_for
from app.web.propagation_subjects import Subject, subject_of
from app.web.recipes import seed_line
from app.web.render import render
from app.web.report_badges import badge_of
from app.web.report_contexts import Document, ReportPage
from app.web.report_files import policy, whole_file
from app.web.report_markdown import markdown
from app.web.report_views import Findings, document, drawn

SEE_OTHER = status.HTTP_303_SEE_OTHER
BADGE_SECONDS = 300  # a file may be analysed again, by a newer version
BADGE_HEADERS = {
    "Cache-Control": f"public, max-age={BADGE_SECONDS}",
    "Cross-Origin-Resource-Policy": "cross-origin",  # a README shows it from elsewhere
}
MARKDOWN = "text/markdown; charset=utf-8"

router = APIRouter(include_in_schema=False)


@router.get("/m/{run_id}/report.html")
async def report_html(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The report as one file that needs no network."""
    elsewhere = await _elsewhere(run_id, "report.html", services)
    if elsewhere is not None:
        return elsewhere
    report = await _document(request, run_id, services)
    text = await run_in_threadpool(whole_file, report)
    headers = {"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'"}
    return HTMLResponse(text, headers=headers)


@router.get("/m/{run_id}/report.md")
async def report_markdown(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The short report."""
    elsewhere = await _elsewhere(run_id, "report.md", services)
    if elsewhere is not None:
        return elsewhere
    report = await _document(request, run_id, services)
    return Response(markdown(report), media_type=MARKDOWN)


@router.get("/m/{run_id}/badge.svg")
async def badge_svg(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The file's scheme and what differs, for a README."""
    run = await services.runs.find(run_id)
    if run is None:
        await services.runs.file(run_id)
    reported = run is not None and run.reported
    text = badge_of(run, await services.runs.overview(run_id) if reported else None)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    headers = {**BADGE_HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(text, media_type=SVG, headers=headers)


@router.get("/m/{run_id}/report")
async def report(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The report to read, print and share; the job page while there is none."""
    elsewhere = await _elsewhere(run_id, "report", services)
    if elsewhere is not None:
        return elsewhere
    try:
        found = await _document(request, run_id, services)
    except (NotReady, NoReport):
        return RedirectResponse(job_url(run_id), SEE_OTHER)
    run = await services.runs.find(run_id)
    return await run_in_threadpool(_page, request, run_id, run, found)


def _page(request: Request, run_id: str, run: Run | None, found: Document) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    analysed = run is not None and run.reported
    address = f"{request.url.scheme}://{request.url.netloc}{report_url(run_id)}"
    badge = f"{address}/badge.svg"
    page = ReportPage(
        title=f"Report · {found.name}",
        json_url=at(f"/m/{run_id}.json") if analysed else None,
        id=run_id,
        file=found.name,
        current="report",
        report=found,
        analysed=analysed,
        html_url=at(f"/m/{run_id}/report.html{query}"),
        markdown_url=at(f"/m/{run_id}/report.md{query}"),
        badge_url=at(f"/m/{run_id}/badge.svg"),
        badge_markdown=f"[![initialisation checked by initscope]({badge})]({address}/report)",
        summary_markdown=markdown(found),
    )
    return render(request, "summary.html", page)


async def _elsewhere(run_id: str, twin: str, services: Services) -> Response | None:
    """Where the report of a measurement's own address is: at its network's."""
    itself = await services.propagations.find(run_id)
    if itself is None:
        return None
    query = choices_for(itself, itself.network).query()
    return RedirectResponse(at(f"/m/{itself.network}/{twin}{query}"), SEE_OTHER)


async def _document(request: Request, run_id: str, services: Services) -> Document:
    """The report of a file: analysed, measured, or both.

    Raises:
        NotFound: If nothing is known of it.
        NotReady: If its analysis is on its way and nothing else is known.
        NoReport: If its analysis ended without a report and nothing else is known.
    """
    run = await services.runs.find(run_id)
    subject = await subject_of(request, run_id, services)
    if run is not None and not run.reported and subject.report is None:
        run.expect_report()
    if run is None and subject.report is None:
        raise NotFound(what="report")
    overview = None
    if run is not None and run.reported:
        overview = await services.runs.overview(run_id)
    found = await _findings(run, overview, subject, services)
    return await run_in_threadpool(document, found)


async def _findings(
    run: Run | None, overview: Overview | None, subject: Subject, services: Services
) -> Findings:
    odd = [] if overview is None else drawn(overview.rows)
    search = await services.seeds.find(subject.id)
    file = await services.runs.file(subject.id)
    return Findings(
        name=file.name,
        sha256=file.sha256,
        owner=file.owner,
        overview=overview,
        oddities=tuple([await services.runs.tensor(subject.id, row.index) for row in odd]),
        signal=subject.report,
        inputs=subject.inputs,
        seed=seed_line(search) if search is not None and search.state == "done" else "",
        made=_made(run, overview, subject),
    )


def _made(run: Run | None, overview: Overview | None, subject: Subject) -> datetime | None:
    """When what the report tells was found out."""
    if run is not None and overview is not None:
        return run.finished_at
    return subject.shown.finished_at if subject.shown is not None else None
