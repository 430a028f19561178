"""How much there is of each kind of work, how long it has waited, and how long analyses took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

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


# Of one owner's jobs, what goes first: what somebody waits for; then searches, which take long;
# then what was ordered with low priority. The queue counts from 1.
RANKS: Final = {"normal": 1, "seed": 2, "low": 3}


class Turn(TypedDict):
    """The place of a job in the queue, as JSON: workflows hand it on to their parts.

    The queue serves owners in turn, so that many jobs of one do not keep another one waiting, and
    the jobs of each by rank, then by age.
    """

    owner: str  # of its file; everybody's where it has none
    rank: int  # one of RANKS


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


def turn_of(connection: sa.Connection, job: str) -> Turn:
    """The place that a job takes in the queue."""
    found = connection.execute(sa.select(_JOBS.c.owner, _JOBS.c.rank).where(_JOBS.c.job == job))
    owner, rank = found.one()
    return Turn(owner=owner or EVERYBODY, rank=rank)


def admit(connection: sa.Connection, turn: Turn, *, most: int) -> None:
    """Let in the job whose row stands already, if no more than `most` then wait.

    Half of the places are for others: one person's jobs, and those of low priority, take no more
    than the other half. Transactions that write take turns, so the count is exact.

    Raises:
        QueueFull: If not; the transaction that the row is in must then be undone.
    """
    here = _JOBS.c
    own, low = here.owner == turn["owner"], here.rank == RANKS["low"]
    count = sa.func.count()
    query = sa.select(count, count.filter(own), count.filter(low)).select_from(_JOBS)
    waiting, of_owner, of_low = connection.execute(query.where(here.state == "queued")).one()
    half = max(1, most // 2)
    if waiting > most:
        raise QueueFull(most=f"{most:,} jobs")
    if turn["owner"] != EVERYBODY and of_owner > half:
        raise QueueFull(most=f"{half:,} jobs of one person")
    if turn["rank"] == RANKS["low"] and of_low > half:
        raise QueueFull(most=f"{half:,} jobs of low priority")


def _jobs_of(file: sa.Column[Any]) -> sa.Select[Any]:
    """The jobs of the kind of work whose table names its file in this column."""
    here = file.table.c
    rank = sa.case((here.priority == "low", RANKS["low"]), else_=RANKS["normal"])
    return sa.select(here.job, here.state, tables.files.c.owner, rank.label("rank")).join_from(
        file.table, tables.files, file == tables.files.c.id
    )


_JOBS: Final = sa.union_all(
    _jobs_of(tables.runs.c.file),
    _jobs_of(tables.propagations.c.network),
    _jobs_of(tables.comparisons.c.before),
    sa.select(
        tables.seeds.c.job, tables.seeds.c.state, tables.files.c.owner, sa.literal(RANKS["seed"])
    ).select_from(tables.seeds.join(tables.runs).join(tables.files)),
).subquery()


def _by_state(table: sa.Table) -> sa.Select[str, int, datetime]:
    here = table.c
    return sa.select(here.state, sa.func.count(), sa.func.min(here.created_at)).group_by(here.state)


def _load(rows: Sequence[sa.Row[str, int, datetime]], now: datetime) -> Load:
    found = {state: (count, first) for state, count, first in rows}
    first = found["queued"][1] if "queued" in found else now
    waited = max(0.0, (now - first).total_seconds())
    return Load(states={state: count for state, (count, _) in found.items()}, oldest_seconds=waited)
