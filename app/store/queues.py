"""How much there is of each kind of work, how long it has waited, and how long analyses took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import QueueFull
from app.store import tables
from app.store.database import reading

EVERYBODY: Final = " "  # no token's name
KINDS: Final = {
    "analysis": tables.runs,
    "propagation": tables.propagations,
    "comparison": tables.comparisons,
    "seed": tables.seeds,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One kind of work."""

    states: dict[str, int]  # how many are in each; one without any is left out
    oldest_seconds: float  # that the first of those queued has waited; 0 where none is


class Queues:
    """What is asked of the queues as a whole, of all viewers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reads = reading(engine)

    async def loads(self) -> dict[str, Load]:
        """By kind of work: "analysis", "propagation", "comparison", "seed"."""
        now = datetime.now(UTC)
        async with self._reads.connect() as connection:
            found = {
                kind: (await connection.execute(_by_state(table))).all()
                for kind, table in KINDS.items()
            }
        return {kind: _load(rows, now) for kind, rows in found.items()}

    async def seconds_of_analyses(self, *, since: datetime) -> list[float]:
        """How long those analyses took that ended well since a moment."""
        runs = tables.runs.c
        ended = (runs.state == "done") & (runs.finished_at >= since)
        query = sa.select(runs.started_at, runs.finished_at).where(
            ended & runs.started_at.is_not(None)
        )
        async with self._reads.connect() as connection:
            rows = await connection.execute(query)
            return [(finished - started).total_seconds() for started, finished in rows]


def admit(connection: sa.Connection, *, most: int) -> None:
    """Let in the job whose row stands already, if no more than `most` then wait.

    Raises:
        QueueFull: If not; the transaction that the row is in must then be undone.
    """
    waiting = sum(
        connection.execute(
            sa.select(sa.func.count()).select_from(table).where(table.c.state == "queued")
        ).scalar_one()
        for table in KINDS.values()
    )
    if waiting > most:
        raise QueueFull(most=f"{most:,}")


def turn_of(connection: sa.Connection, job: str) -> str:
    """Whose turn a job takes: its file's owner, or everybody's where it has none.

    The queue serves owners in turn, so that many jobs of one do not keep another one waiting.
    """
    of_file = {
        "analysis": tables.runs.c.file,
        "propagation": tables.propagations.c.network,
        "comparison": tables.comparisons.c.before,
    }
    jobs = [
        sa.select(tables.files.c.owner)
        .join_from(tables.files, KINDS[kind], column == tables.files.c.id)
        .where(KINDS[kind].c.job == job)
        for kind, column in of_file.items()
    ]
    searches = (
        sa.select(tables.files.c.owner)
        .select_from(tables.seeds.join(tables.runs).join(tables.files))
        .where(tables.seeds.c.job == job)
    )
    owner: str | None = connection.execute(sa.union_all(*jobs, searches)).scalar()
    return owner or EVERYBODY


def _by_state(table: sa.Table) -> sa.Select[str, int, datetime]:
    here = table.c
    return sa.select(here.state, sa.func.count(), sa.func.min(here.created_at)).group_by(here.state)


def _load(rows: Sequence[sa.Row[str, int, datetime]], now: datetime) -> Load:
    found = {state: (count, first) for state, count, first in rows}
    first = found["queued"][1] if "queued" in found else now
    waited = max(0.0, (now - first).total_seconds())
    return Load(states={state: count for state, (count, _) in found.items()}, oldest_seconds=waited)
