"""The status page: who works, what waits, how much room there is, how strong the walls are."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from fastapi import APIRouter, Request, Response

from app.jobs.slots import Sign
from app.web.addresses import at
from app.web.deps import Services, ServicesHere
from app.web.filters import plural
from app.web.render import Page, json_response, render

NO_STORE = {"Cache-Control": "no-store"}
WAITING = ("queued", "running")

ICONS = {"as_expected": "✓", "differs": "≠", "problem": "✕"}
WORDS = {"as_expected": "ready", "differs": "with a restriction", "problem": "problem"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One kind of work by state."""

    name: str
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the service is doing."""

    workers: tuple[Sign, ...]
    queues: tuple[Queue, ...]
    disk_free: int  # bytes
    disk_total: int
    disk_reserved: int  # that an upload must leave free
    database: Literal["SQLite", "PostgreSQL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What that means."""

    sign: Literal["as_expected", "differs", "problem"]
    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage(Page):
    """The context of status.html."""

    judgement: Judgement
    icon: str
    word: str
    status: Status


@router.get("/status.json")
async def status_json(services: ServicesHere) -> Response:
    """The same as data."""
    return json_response(asdict(await status_of(services)), headers=NO_STORE)


@router.get("/status")
async def status_page(request: Request, services: ServicesHere) -> Response:
    """Whether the service can take work, and if not why."""
    status = await status_of(services)
    judgement = judged(status)
    page = StatusPage(
        title="Status",
        json_url=at("/status.json"),
        judgement=judgement,
        icon=ICONS[judgement.sign],
        word=WORDS[judgement.sign],
        status=status,
    )
    return render(request, "status.html", page, headers=NO_STORE)


async def status_of(services: Services) -> Status:
    """Everything that the page shows."""
    settings = services.settings
    disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    runs, measured = await services.runs.counts(), await services.propagations.counts()
    return Status(
        workers=await services.submitter.workers(),
        queues=(_queue("Analyses", runs), _queue("Propagations", measured)),
        disk_free=disk.free,
        disk_total=disk.total,
        disk_reserved=settings.min_free_bytes,
        database="SQLite" if settings.database.startswith("sqlite") else "PostgreSQL",
    )


def judged(status: Status) -> Judgement:
    """What a person should know, worst first."""
    full = status.disk_free <= status.disk_reserved
    weak = sorted({wall for one in status.workers for wall in one.missing_walls or ()})
    lines = []
    if full:
        lines.append("The disk is full up to what is kept free: uploads are refused.")
    if weak:
        lines.append(f"The sandbox that opens uploads lacks {', '.join(weak)} on this system.")
    if not any(one.queue == "gpu" for one in status.workers):
        lines.append(
            "No GPU worker is alive: large networks and tensors are measured on the CPU, slower."
        )
    alive = sum(one.queue == "cpu" for one in status.workers)
    if not alive:
        headline = "No worker is alive: what is sent waits."
        return Judgement(sign="problem", headline=headline, lines=tuple(lines))
    if full or weak:
        return Judgement(sign="differs", headline=lines[0], lines=tuple(lines[1:]))
    waiting = sum(one.queued for one in status.queues)
    busy = f"; {plural(waiting, 'job')} waiting" if waiting else ""
    headline = f"{plural(alive, 'worker')} alive{busy}."
    return Judgement(sign="as_expected", headline=headline, lines=tuple(lines))


def _queue(name: str, counts: Mapping[str, int]) -> Queue:
    queued, running = (counts.get(state, 0) for state in WAITING)
    return Queue(name=name, queued=queued, running=running)
