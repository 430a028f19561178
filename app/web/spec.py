"""The spec editor /spec: a network as text, understood as one types, then measured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

from app.architecture.understanding import understand
from app.core.graph import Graph
from app.errors import NotFound, Refused
from app.store.facts import File
from app.web.addresses import at
from app.web.deps import Services, ServicesHere
from app.web.forms import fields
from app.web.propagation_choices import IDENTITY, LAWS, Choices
from app.web.render import TEMPLATES, json_response, render
from app.web.spec_views import echo_of, normal, spec_page, title_of

TEXT_LIMIT = 2**18  # characters of a text in an address; the form takes as many
FORM_LIMIT = 2**20  # bytes: every character of a text may take several, escaped

router = APIRouter(include_in_schema=False)


@router.get("/spec.json")
async def spec_json(net: Annotated[str, Query(max_length=TEXT_LIMIT)] = "") -> Response:
    """What is understood of a text, as data; null of none."""
    return json_response(await run_in_threadpool(echo_of, net))


@router.get("/spec")
async def spec(
    request: Request,
    services: ServicesHere,
    _net: Annotated[str, Query(alias="net", max_length=TEXT_LIMIT)] = "",
) -> Response:
    """The editor, with the text that the address holds."""
    return await _editor(request, services, request.query_params)


@router.post("/spec")
async def spec_form(request: Request, services: ServicesHere) -> Response:
    """The editor, with a text of any length."""
    form = await fields(request, limit=FORM_LIMIT)
    return await _editor(request, services, form)


@router.post("/spec/echo")
async def echo(request: Request) -> Response:
    """What is understood of a text, as a part of the page."""
    form = await fields(request, limit=FORM_LIMIT)
    found = await run_in_threadpool(echo_of, form.get("net", ""))
    text = await run_in_threadpool(TEMPLATES.get_template("_echo.html").render, {"echo": found})
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


@router.post("/spec/measure")
async def measure(request: Request, services: ServicesHere) -> Response:
    """Keep the text as a network, measure it, and show how far that is."""
    form = await fields(request, limit=FORM_LIMIT)
    net = normal(form.get("net", ""))
    try:
        found = await run_in_threadpool(understand, net)
    except Refused:
        found = None
    if not isinstance(found, Graph):
        answer = await _editor(request, services, form)
        answer.status_code = status.HTTP_422_UNPROCESSABLE_CONTENT
        return answer
    file = await stored(services, net, name=title_of(found))
    place, choices = await _place(services, file, form)
    await services.submitter.propagate(choices.asked(place))
    address = at(f"/m/{place}/propagation{choices.query()}")
    return RedirectResponse(address, status.HTTP_303_SEE_OTHER)


async def stored(services: Services, net: str, *, name: str) -> File:
    """A network's text as a file of its own: the same text, the same address."""
    content = net.encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    limit = services.settings.max_upload_bytes
    received = await services.blobs.receive(chunks(), limit=limit, expected=len(content))
    return await services.runs.add_file(received, name=name, format="text")


async def _place(services: Services, file: File, form: QueryParams) -> tuple[str, Choices]:
    """The page that shows the measurement: the checkpoint's where the network is for one."""
    weights = await _checkpoint(services, form.get("weights", ""))
    choices = Choices(input=_law(form))
    if weights is None:
        return file.id, choices
    return weights.id, replace(choices, own=True, net=file.id)


def _law(form: QueryParams) -> str:
    law = form.get("input", "")
    return law if law in LAWS else LAWS[0]


async def _checkpoint(services: Services, weights: str) -> File | None:
    if not IDENTITY.match(weights):
        return None
    try:
        return await services.runs.file(weights)
    except NotFound:
        return None


async def _editor(request: Request, services: Services, form: QueryParams) -> Response:
    file = await _checkpoint(services, form.get("weights", ""))
    page = await run_in_threadpool(
        spec_page,
        form.get("net", ""),
        law=_law(form),
        weights=file.id if file else "",
        weights_name=file.name if file else "",
    )
    return render(request, "spec.html", page)
