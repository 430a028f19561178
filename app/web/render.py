"""Facts to HTML or JSON: one page, one context dataclass, one template, one JSON twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import __version__
from app.web.addresses import root
from app.web.assets import folder, static_url
from app.web.filters import FILTERS

THEMES = ("light", "dark")
SIGNED_IN = "initscope.signed_in"  # in a request's scope: the name of who sent it
SHARED_NAMES = ("theme", "address", "viewer")  # added to every context by `render`


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What base.html needs; the context of each page extends it.

    A template sees exactly the fields of its context, `theme`, `address` (path of this page),
    `viewer` (who is signed in, "") and the globals `root()`, before the path of every link,
    `static(path)` and `version`.
    """

    title: str
    json_url: str | None = None  # the page's JSON twin, linked from the page


def environment() -> Environment:
    """The template environment: everything escaped, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(root=root, static=static_url, version=__version__)
    return made


TEMPLATES = environment()


def render(
    request: Request,
    template: str,
    context: Page,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page of `template` filled with the fields of `context`."""
    names: dict[str, Any] = {item.name: getattr(context, item.name) for item in fields(context)}
    chosen = request.query_params.get("theme")
    names["theme"] = chosen if chosen in THEMES else None
    names["address"] = request.url.path
    names["viewer"] = request.scope.get(SIGNED_IN, "")
    text = TEMPLATES.get_template(template).render(names)
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`value` as JSON: dataclasses as objects, NaN and infinity as null."""
    body = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, dict(headers or {}), media_type="application/json")
