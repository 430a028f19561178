"""Rows to facts, and the changes that both sides of the store make to a run."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import tables
from app.store.facts import Compared, Failure, File, Priority, Propagation, Run
from app.store.viewers import seen

Enqueue: TypeAlias = Callable[[sa.Connection, Run], None]
"""Puts the run's job on the queue inside the transaction that it is given."""

ACTIVE = ("queued", "running")
WAITING = "waiting"
RUN = sa.select(
    *(column for column in tables.runs.c if column.name != "visited_at"),
    tables.files.c.bytes,
    tables.files.c.sha256,
    tables.files.c.owner,
).join_from(tables.runs, tables.files)


def run_fact(row: sa.RowMapping) -> Run:
    """The run in a row of `RUN`."""
    values: dict[str, Any] = dict(row)
    failure = {name: values.pop(f"error_{name}") for name in ("code", "message", "hint")}
    values["error"] = Failure(**failure) if failure["code"] else None
    values["reported"] = values.pop("report") is not None
    return Run(**values)


async def find_run(connection: AsyncConnection, run: str) -> Run | None:
    """One run that the viewer sees, or None."""
    here = (tables.runs.c.id == run) & seen(tables.runs.c.file)
    row = (await connection.execute(RUN.where(here))).mappings().first()
    return None if row is None else run_fact(row)


async def active_run(connection: AsyncConnection, job: str) -> Run | None:
    """The run that this job carries; None once it carries another or was called off."""
    here = (tables.runs.c.job == job) & tables.runs.c.state.in_(ACTIVE)
    row = (await connection.execute(RUN.where(here))).mappings().first()
    return None if row is None else run_fact(row)


async def find_file(connection: AsyncConnection, file: str) -> File | None:
    """One file that the viewer sees, or None."""
    here = (tables.files.c.id == file) & seen(tables.files.c.id)
    query = sa.select(tables.files).where(here)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else File(**row)


def references() -> list[sa.Column[Any]]:
    """Every column of every table that names a file."""
    every = (column for table in tables.metadata.sorted_tables for column in table.columns)
    return [column for column in every if column.references(tables.files.c.id)]


def overtaken(last: Run | Propagation | Compared, priority: Priority) -> bool:
    """Whether what waits with low priority is now ordered by somebody who waits for it."""
    return last.state == "queued" and last.priority == "low" and priority == "normal"


async def begin_attempt(
    connection: AsyncConnection,
    file: File,
    last: Run | None,
    enqueue: Enqueue,
    *,
    priority: Priority,
) -> Run:
    """The run of a file at its next attempt, on the queue; its last report stays meanwhile."""
    now = datetime.now(UTC)
    attempt = last.attempt + 1 if last else 1
    # The random part keeps a file that was deleted and sent again apart from its first life.
    job = f"{file.id}-{attempt}-{secrets.token_hex(4)}"
    values: dict[str, Any] = {
        **dict.fromkeys(("error_code", "error_message", "error_hint")),
        **dict.fromkeys(("started_at", "finished_at")),
        "state": "queued",
        "step": WAITING,
        "done": 0,
        "total": 0,
        "attempt": attempt,
        "job": job,
        "priority": priority,
        "created_at": now,
    }
    if last is None:
        row = {"id": file.id, "file": file.id, "name": file.name, **values}
        await connection.execute(sa.insert(tables.runs).values(row))
    else:
        here = tables.runs.c.id == last.id
        await connection.execute(sa.update(tables.runs).where(here).values(values))
    await connection.execute(sa.insert(tables.jobs).values(id=job, run=file.id, created_at=now))
    rows = await connection.execute(RUN.where(tables.runs.c.job == job))
    run = run_fact(rows.mappings().one())
    await connection.run_sync(enqueue, run)
    return run


async def end_attempt(connection: AsyncConnection, job: str, **values: object) -> None:
    """End a run without a report of this job; what the job had measured goes."""
    for table in (tables.parts, tables.tensors):
        await connection.execute(sa.delete(table).where(table.c.job == job))
    ended = {"step": "", "finished_at": datetime.now(UTC), **values}
    await connection.execute(sa.update(tables.runs).where(tables.runs.c.job == job).values(ended))
