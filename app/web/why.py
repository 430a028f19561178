"""The explanations' pages: /why/{topic}, with their data and figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from app.charts import lines
from app.charts.style import VARIABLES
from app.errors import NotFound
from app.web.addresses import at
from app.web.contexts import Choice, Fact, LegendEntry
from app.web.explanations import TOPICS, topic_of
from app.web.laws import Derivation
from app.web.numbers import FAN, LAYERS, Numbers
from app.web.pages import SVG, palette_of
from app.web.render import Page, json_response, render
from app.web.topics import Explanation, Reference, RuleTable, Topic

MOST = 2**24  # units of a layer; far above any that exists
DEEPEST = 1000  # layers

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyFigure:
    """The explanation's picture."""

    svg: Markup
    legend: tuple[LegendEntry, ...]
    sentence: str
    svg_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPage(Page):
    """The context of why.html."""

    topics: tuple[Choice, ...]
    question: str
    answer: str
    paragraphs: tuple[str, ...]
    fan_in: int
    fan_out: int
    layers: int
    most: int
    deepest: int
    deep: bool  # the depth matters
    derivations: tuple[Derivation, ...]
    points: tuple[Fact, ...]
    table: RuleTable | None
    figure: WhyFigure | None
    sources: tuple[Reference, ...]


def _numbers(
    n: Annotated[int, Query(ge=1, le=MOST, description="Both fans.")] = FAN,
    fan_in: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    fan_out: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    layers: Annotated[int, Query(ge=1, le=DEEPEST)] = LAYERS,
) -> Numbers:
    return Numbers(fan_in=fan_in or n, fan_out=fan_out or n, layers=layers)


NumbersHere: TypeAlias = Annotated[Numbers, Depends(_numbers)]


@router.get("/why/{topic}.json")
def why_json(topic: str, numbers: NumbersHere) -> Response:
    """An explanation as data."""
    found = topic_of(topic)
    told = found.explain(numbers)
    head = {"topic": found.id, "question": found.question, "numbers": asdict(numbers)}
    return json_response(head | asdict(told) | {"topics": [other.id for other in TOPICS]})


@router.get("/why/{topic}.svg")
def why_svg(request: Request, topic: str, numbers: NumbersHere) -> Response:
    """The picture of an explanation."""
    plot = topic_of(topic).explain(numbers).plot
    if plot is None:
        raise NotFound(what="picture of this topic")
    return Response(lines.as_svg(plot, palette_of(request), alone=True), media_type=SVG)


@router.get("/why/{topic}")
def why(request: Request, topic: str, numbers: NumbersHere) -> Response:
    """One question that people ask about initialisation, answered in the reader's numbers."""
    found = topic_of(topic)
    if found.id != topic:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(at(f"/why/{found.id}{query}"), status_code=308)
    return render(request, "why.html", _page(found, found.explain(numbers), numbers))


@router.get("/why")
def why_first() -> Response:
    """The question that is asked most."""
    return RedirectResponse(at(f"/why/{TOPICS[0].id}"), status_code=307)


def _page(topic: Topic, told: Explanation, numbers: Numbers) -> WhyPage:
    query = numbers.query
    return WhyPage(
        title=topic.question,
        json_url=at(f"/why/{topic.id}.json{query}"),
        topics=tuple(
            Choice(
                label=other.title,
                href=at(f"/why/{other.id}{query}"),
                current=other is topic,
                value=other.id,
            )
            for other in TOPICS
        ),
        question=topic.question,
        answer=told.answer,
        paragraphs=told.paragraphs,
        fan_in=numbers.fan_in,
        fan_out=numbers.fan_out,
        layers=numbers.layers,
        most=MOST,
        deepest=DEEPEST,
        deep=topic.deep,
        derivations=told.derivations,
        points=told.points,
        table=told.table,
        figure=_figure(topic, told, query),
        sources=told.sources,
    )


def _figure(topic: Topic, told: Explanation, query: str) -> WhyFigure | None:
    plot = told.plot
    if plot is None:
        return None
    return WhyFigure(
        svg=Markup(lines.as_svg(plot, VARIABLES)),  # noqa: S704 - svg.py escapes every name
        legend=tuple(
            LegendEntry(
                style="dotted" if line.dotted else "thick", family=line.family, label=line.name
            )
            for line in plot.lines
        ),
        sentence=plot.sentence,
        svg_url=at(f"/why/{topic.id}.svg{query}"),
    )
