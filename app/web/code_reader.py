"""The reader /code: a pasted init function, parsed and never run, and its mistakes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.architecture.initreading import MOST_BYTES, Mistake, Reading, read_init
from app.charts.names import visible
from app.charts.style import SIGN_ICONS
from app.core.report import Level, Sign
from app.errors import NotPython
from app.web.addresses import at
from app.web.api import PROBLEMS
from app.web.bodies import JsonRoute
from app.web.code_contexts import MistakeRow, ReaderPage, ReadingView
from app.web.contexts import Choice
from app.web.forms import fields
from app.web.render import TEMPLATES, json_response, render

TEXT_LIMIT: Final = 2**13  # characters of a text in an address; the form takes more
FORM_LIMIT: Final = 2**19  # bytes: every character of a text may take several, escaped
SIGNS: Final[dict[Level, Sign]] = {"problem": "problem", "warning": "differs", "info": "not_judged"}
WORDS: Final[dict[Level, str]] = {"problem": "problem", "warning": "warning", "info": "remark"}

EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    (
        "a forum's first try",
        "def init_weights(m):\n    if type(m) == nn.Linear or nn.Conv2d:\n"
        "        torch.nn.init.xavier_uniform(tensor)\n        m.bias.data.fill_(0.01)\n\n\n"
        "model = Net()\ninit_weights(model)\n",
    ),
    (
        "DCGAN",
        "def weights_init(m):\n    classname = m.__class__.__name__\n"
        "    if classname.find('Conv') != -1:\n"
        "        nn.init.normal_(m.weight.data, 0.0, 0.02)\n"
        "    elif classname.find('BatchNorm') != -1:\n"
        "        nn.init.normal_(m.weight.data, 1.0, 0.02)\n"
        "        nn.init.constant_(m.bias.data, 0)\n",
    ),
    (
        "a transformer's, with a cut",
        "def _init_weights(self, m):\n    if isinstance(m, nn.Linear):\n"
        "        trunc_normal_(m.weight, std=.02)\n        if m.bias is not None:\n"
        "            nn.init.zeros_(m.bias)\n    elif isinstance(m, nn.LayerNorm):\n"
        "        nn.init.ones_(m.weight)\n        nn.init.zeros_(m.bias)\n",
    ),
    (
        "GELU with Kaiming",
        "def init_weights(m):\n    if isinstance(m, (nn.Linear, nn.Conv2d, nn.GELU)):\n"
        "        nn.init.kaiming_normal_(m.weight, nonlinearity='gelu')\n"
        "        nn.init.zeros_(m.bias)\n",
    ),
)

router = APIRouter(include_in_schema=False)


class ReaderRoute(JsonRoute):
    """A route whose JSON may hold a whole function's text."""

    limit = FORM_LIMIT


api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS, route_class=ReaderRoute)


class InitFunction(BaseModel):
    """Python source with an init function, and what belongs to it."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description=f"At most {MOST_BYTES:,} bytes; parsed, never run.")


@api_router.post("/init-functions", response_model=Reading)
async def read_function(given: InitFunction) -> Response:
    """The mistakes in an init function's text: line, expression, why, and the correction."""
    return json_response(asdict(await run_in_threadpool(read_init, given.text)))


@router.get("/code.json")
async def reader_json(code: Annotated[str, Query(max_length=TEXT_LIMIT)] = "") -> Response:
    """What is found in a text, as data; null of none."""
    found = await run_in_threadpool(read_init, code) if code.strip() else None
    return json_response(None if found is None else asdict(found))


@router.get("/code")
async def reader(
    request: Request, code: Annotated[str, Query(max_length=TEXT_LIMIT)] = ""
) -> Response:
    """The page, with the text that the address holds."""
    return await run_in_threadpool(_page, request, code)


@router.post("/code")
async def reader_form(request: Request) -> Response:
    """The page, with a text of any length."""
    form = await fields(request, limit=FORM_LIMIT)
    return await run_in_threadpool(_page, request, form.get("code", ""))


@router.post("/code/reading")
async def reading_part(request: Request) -> Response:
    """What is found in a text, as a part of the page."""
    form = await fields(request, limit=FORM_LIMIT)
    text = await run_in_threadpool(_part, form.get("code", ""))
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _part(text: str) -> str:
    return TEMPLATES.get_template("_reading.html").render({"reading": reading_view(text)})


def _page(request: Request, text: str) -> Response:
    found = text.replace("\r\n", "\n")
    twin = at(f"/code.json?{urlencode({'code': found})}")
    page = ReaderPage(
        title="Check an init function",
        json_url=twin if len(found) <= TEXT_LIMIT else None,
        text=found,
        longest=TEXT_LIMIT,
        reading=reading_view(found),
        examples=tuple(
            Choice(
                label=name,
                href=at(f"/code?{urlencode({'code': example})}"),
                current=example == found,
                value=name,
            )
            for name, example in EXAMPLES
        ),
    )
    return render(request, "reader.html", page)


def reading_view(text: str) -> ReadingView | None:
    """What is found in a text; None of an empty one."""
    if not text.strip():
        return None
    try:
        found = read_init(text)
    except NotPython as refused:
        line = refused.facts.get("line")
        return ReadingView(
            sign="problem",
            icon=SIGN_ICONS["problem"],
            headline=visible(refused.message),
            about=refused.hint,
            mistakes=(),
            wrong_line=line if isinstance(line, int) else None,
        )
    return _view(found)


def _view(found: Reading) -> ReadingView:
    levels: list[Level] = [one.level for one in found.mistakes]
    worst = next((level for level in ("problem", "warning", "info") if level in levels), None)
    sign: Sign = "as_expected" if worst is None else SIGNS[worst]
    if worst is None and not found.draws:
        sign = "not_judged"
    draws = f"{found.draws} draw{'' if found.draws == 1 else 's'} read"
    return ReadingView(
        sign=sign,
        icon=SIGN_ICONS[sign],
        headline=found.headline,
        about=f"{draws}. The text was parsed and never run.",
        mistakes=tuple(_row(one) for one in found.mistakes),
        wrong_line=None,
    )


def _row(one: Mistake) -> MistakeRow:
    sign = SIGNS[one.level]
    return MistakeRow(
        level=one.level,
        sign=sign,
        icon=SIGN_ICONS[sign],
        word=WORDS[one.level],
        code=one.code,
        line=one.line,
        expression=visible(one.expression),
        message=visible(one.message),
        correction="\n".join(visible(line) for line in one.correction.split("\n")),
    )
