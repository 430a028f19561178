"""The code page /m/{id}/code: an init function that draws the plan of the address."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.core.plans import fields_of
from app.core.report import Overview
from app.errors import CannotRun
from app.web.code_views import NO_NETWORK, Written, code_page, remarks, written
from app.web.deps import RunId, Services, ServicesHere
from app.web.propagation import NO_STORE
from app.web.render import json_response, render
from app.web.whatif_subjects import Subject, subject_of

PYTHON = "text/x-python; charset=utf-8"

router = APIRouter(include_in_schema=False)


@router.get("/m/{run_id}/code.json")
async def code_json(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The plan, the code that draws it, and what it was made by."""
    _, made = await _made(request, run_id, services)
    body = {
        "plan": fields_of(made.plan),
        "code": made.code or None,
        "network_known": made.known,
        "branch_ends": made.planned.branch_ends if made.planned else (),
        "notes": remarks(made),
    }
    return json_response(body, headers=NO_STORE)


@router.get("/m/{run_id}/code.py")
async def code_file(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The code as a file.

    Raises:
        CannotRun: If nothing is known of the network.
    """
    _, made = await _made(request, run_id, services)
    if not made.code:
        raise CannotRun(reason=NO_NETWORK)
    headers = {"Content-Disposition": f'attachment; filename="init_{run_id[:8]}.py"'}
    return Response(made.code, media_type=PYTHON, headers=headers | NO_STORE)


@router.get("/m/{run_id}/code")
async def code(request: Request, run_id: RunId, services: ServicesHere) -> Response:
    """The code that draws a plan, to copy, and what theory says that it changes."""
    subject, made = await _made(request, run_id, services)
    return await run_in_threadpool(_page, request, subject, made, services)


def _page(request: Request, subject: Subject, made: Written, services: Services) -> Response:
    return render(request, "code.html", code_page(subject, made, services), headers=NO_STORE)


async def _made(request: Request, run_id: str, services: Services) -> tuple[Subject, Written]:
    """What the address asks for, and its code.

    Raises:
        NotFound: If there is no file of this id.
        Invalid: If a field of the address holds nonsense.
    """
    subject = await subject_of(request, run_id, services)
    overview: Overview | None = None
    if subject.analysed:
        overview = await services.runs.overview(subject.id)
    return subject, await run_in_threadpool(written, subject, overview)
