from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from carried_runs import Queue, measured_run

from app.errors import DatabaseAway, NotFound
from app.store import tables, visits
from app.store.runs import Runs
from app.store.viewers import seen_by
from app.store.visits import DAY, Visits


class Visited:
    """A report, those who look at it, and what is written of that."""

    def __init__(self, shelf, run: str) -> None:
        self.visits = Visits(shelf.engine)
        self.runs = Runs(shelf.engine, self.visits)
        self.run = run
        self.engine = shelf.engine

    async def last(self) -> datetime | None:
        query = sa.select(tables.runs.c.visited_at).where(tables.runs.c.id == self.run)
        async with self.engine.connect() as connection:
            found: datetime | None = (await connection.execute(query)).scalar_one()
        return found

    async def change(self, moment: datetime) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(sa.update(tables.runs).values(visited_at=moment))


@pytest.fixture
def on_report(on_shelf):
    """Runs a test body with a report that nobody has looked at."""

    def start(body):
        async def whole(shelf):
            run = await measured_run(shelf, Queue())
            return await body(Visited(shelf, run.id))

        return on_shelf(whole)

    return start


@pytest.mark.parametrize(
    "look",
    [
        lambda it: it.runs.overview(it.run),
        lambda it: it.runs.overview_json(it.run),
        lambda it: it.runs.tensor(it.run, 1),
        lambda it: it.runs.tensors(it.run),
    ],
)
def test_every_look_at_a_report_counts(on_report, look):
    async def body(it):
        await look(it)
        assert await it.visits.write() == 1
        assert await it.last() is not None

    on_report(body)


def test_a_look_at_how_far_a_run_is_or_at_the_list_does_not_count(on_report):
    async def body(it):
        await it.runs.run(it.run)
        await it.runs.recent()
        assert await it.visits.write() == 0
        assert await it.last() is None

    on_report(body)


def test_a_look_at_what_is_not_there_or_anothers_does_not_count(on_report):
    async def body(it):
        with pytest.raises(NotFound):
            await it.runs.overview("0" * 32)
        async with it.engine.begin() as connection:
            await connection.execute(sa.update(tables.files).values(owner="ann"))
        with seen_by("bob"), pytest.raises(NotFound):
            await it.runs.overview(it.run)
        assert await it.visits.write() == 0

    on_report(body)


def test_a_thousand_looks_are_written_once(on_report):
    async def body(it):
        statements: list[str] = []
        sa.event.listen(
            it.engine.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2])
        )
        for _ in range(1000):
            it.visits.note("runs", it.run)
        await it.visits.write()
        first = await it.last()
        for _ in range(1000):
            it.visits.note("runs", it.run)
        assert await it.visits.write() == 0
        assert await it.last() == first
        assert sum(statement.startswith("UPDATE") for statement in statements) == 1

    on_report(body)


def test_what_another_process_told_today_is_not_written_again(on_report):
    async def body(it):
        it.visits.note("runs", it.run)
        assert await it.visits.write() == 1
        other = Visits(it.engine)
        other.note("runs", it.run)
        assert await other.write() == 0

    on_report(body)


def test_a_look_on_the_next_day_is_written(on_report, monkeypatch):
    async def body(it):
        it.visits.note("runs", it.run)
        await it.visits.write()
        yesterday = await it.last() - DAY
        await it.change(yesterday)
        monkeypatch.setattr(it.visits, "_since", yesterday)
        await it.visits.write()  # a day has passed: all is noted anew
        it.visits.note("runs", it.run)
        assert await it.visits.write() == 1
        assert await it.last() - yesterday > timedelta(hours=23)

    on_report(body)


def test_what_could_not_be_written_is_kept_for_later(on_report, monkeypatch):
    async def body(it):
        it.visits.note("runs", it.run)
        with monkeypatch.context() as away:
            away.setattr(visits, "_change", lambda *_: (_ for _ in ()).throw(DatabaseAway()))
            with pytest.raises(DatabaseAway):
                await it.visits.write()
        assert await it.visits.write() == 1

    on_report(body)


def test_what_is_noted_is_written_while_the_service_runs_and_at_its_end(on_report, monkeypatch):
    async def body(it):
        monkeypatch.setattr(visits, "WRITTEN_SECONDS", 0)
        async with it.visits.kept():
            it.visits.note("runs", it.run)
            while await it.last() is None:  # noqa: ASYNC110 - the database tells of no change
                await asyncio.sleep(0)
        monkeypatch.setattr(visits, "WRITTEN_SECONDS", 3600)
        other = Visits(it.engine)
        await it.change(await it.last() - DAY)
        async with other.kept():
            other.note("runs", it.run)
        assert other._waiting == set()

    on_report(body)
