"""Runs as the start page and the job page show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from app.charts.names import headed, visible
from app.charts.style import SIGN_ICONS, SIGN_WORDS
from app.core.report import Sign
from app.store.facts import Propagation, Run
from app.web.addresses import at
from app.web.examples import EXAMPLES, Example
from app.web.filters import plural
from app.web.problems import Problem
from app.web.progress import StepLine, job_status, job_url, place_of, report_url
from app.web.render import Page

Shown: TypeAlias = tuple[Sign, str, str]  # tone of the sign, sign, word

RECENT = 20  # reports on the start page
LONGEST_LINE = 140
VERBS = {"failed": "Not read:", "cancelled": "Stopped:"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentRun:
    """One line of the list of reports."""

    id: str
    url: str
    name: str
    bytes: int
    owner: str  # who sent it, "" where it is everybody's
    state: str
    sign: Sign
    sign_icon: str
    sign_word: str
    line: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentNetwork:
    """One line of the list of measurements."""

    id: str
    url: str
    name: str
    owner: str  # who sent it, "" where it is everybody's
    state: str
    line: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage(Page):
    """The context of home.html."""

    max_bytes: int
    origin: str  # "http://localhost:8000"
    recent: tuple[RecentRun, ...]
    networks: tuple[RecentNetwork, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage(Page):
    """The context of job.html."""

    id: str
    name: str
    bytes: int
    sha256: str
    owner: str  # who sent it, "" where it is everybody's
    created_at: datetime
    verb: str
    live: bool  # the page keeps asking
    percent: int | None
    line: str
    notice: str  # why nothing moves, "" while something does
    steps: tuple[StepLine, ...]
    report_url: str | None  # of an earlier attempt
    problem: Problem | None
    sign: Sign
    sign_icon: str
    sign_word: str


def home_page(
    recent: Sequence[Run], networks: Sequence[Propagation], *, max_bytes: int, origin: str
) -> HomePage:
    """What the start page shows."""
    return HomePage(
        title="Are these weights right?",
        json_url=at("/.json"),
        max_bytes=max_bytes,
        origin=origin,
        recent=tuple(_recent(run) for run in recent),
        networks=tuple(_network(found) for found in networks),
        examples=EXAMPLES,
    )


def home_twin(recent: Sequence[Run], networks: Sequence[Propagation]) -> dict[str, Any]:
    """The start page's data."""
    return {
        "recent": [_recent(run) for run in recent],
        "networks": [_network(found) for found in networks],
    }


def _network(found: Propagation) -> RecentNetwork:
    return RecentNetwork(
        id=found.id,
        url=place_of(found),
        name=visible(found.name),
        owner=found.owner,
        state=found.state,
        line=_measured(found),
        created_at=found.created_at,
    )


def _measured(found: Propagation) -> str:
    if found.state == "done":
        return headed(found.headline or "Measured.", LONGEST_LINE)
    if found.error is not None:
        return headed(found.error.message, LONGEST_LINE)
    return {"cancelled": "The measurement was cancelled."}.get(found.state, "Being measured …")


def job_page(run: Run, *, workers: int) -> JobPage:
    """What the job page shows of a run that is not done, with so many workers alive."""
    status = job_status(run, workers=workers)
    verb = VERBS.get(run.state, "Reading")
    sign, icon, word = _sign(run)
    return JobPage(
        title=f"{verb} {run.name}",
        json_url=f"{job_url(run.id)}.json",
        id=run.id,
        name=run.name,
        bytes=run.bytes,
        sha256=run.sha256,
        owner=run.owner,
        created_at=run.created_at,
        verb=verb,
        live=not run.finished,
        percent=status.percent,
        line=status.line,
        notice=status.notice,
        steps=status.steps,
        report_url=report_url(run.id) if run.reported else None,
        problem=_problem(run),
        sign=sign,
        sign_icon=icon,
        sign_word=word,
    )


def _problem(run: Run) -> Problem | None:
    if run.error is not None:
        error = run.error
        return Problem(status=200, code=error.code, message=error.message, hint=error.hint)
    if run.state == "cancelled":
        return Problem(
            status=200,
            code="cancelled",
            message="The analysis was cancelled.",
            hint="The file is kept: analyse it again when you like.",
        )
    return None


def _recent(run: Run) -> RecentRun:
    sign, icon, word = _sign(run)
    return RecentRun(
        id=run.id,
        url=place_of(run),
        name=run.name,
        bytes=run.bytes,
        owner=run.owner,
        state=run.state,
        sign=sign,
        sign_icon=icon,
        sign_word=word,
        line=_line(run),
        created_at=run.created_at,
    )


def _sign(run: Run) -> Shown:
    if run.state == "done" and run.status is not None:
        return run.status, SIGN_ICONS[run.status], SIGN_WORDS[run.status]
    if run.state == "failed":
        return "problem", "✕", "failed"
    if run.state == "cancelled":
        return "not_judged", "–", "cancelled"
    return "no_match", "●", "in progress"


def _line(run: Run) -> str:
    if run.state == "done":
        return run.headline or plural(run.tensors or 0, "tensor")
    problem = _problem(run)
    return job_status(run).line if problem is None else problem.message
