from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.propagation import Order
from app.store import tables
from app.store.comparisons import Comparisons
from app.store.facts import Failure
from app.store.propagations import Asked, Propagations
from app.store.queues import EVERYBODY, RANKS, Load, Queues, Turn, turn_of
from app.store.seeds import Seeds
from app.store.viewers import seen_by

FAILURE = Failure(code="child_lost", message="gone", hint="again")
NOTHING = Load(states={}, oldest_seconds=0.0)


def nothing(*_) -> None:
    """No queue."""


def test_an_empty_store_has_no_load(on_shelf):
    async def body(shelf):
        loads = await Queues(shelf.engine).loads()
        assert list(loads.values()) == [NOTHING] * 4

    on_shelf(body)


def test_each_kind_is_counted_by_state_and_waits_since_its_first(on_shelf):
    async def body(shelf):
        files = [(await shelf.keep(content)).id for content in (b"a", b"b", b"c")]
        began = datetime.now(UTC)
        runs = [await shelf.runs.accept(file, again=False, enqueue=nothing) for file in files]
        assert await shelf.attempts.fail(runs[0].job, FAILURE)
        await Comparisons(shelf.engine).accept(*files[:2], enqueue=nothing)
        loads = await Queues(shelf.engine).loads()
        assert loads["analysis"].states == {"queued": 2, "failed": 1}
        passed = (datetime.now(UTC) - began).total_seconds()
        assert 0 < loads["analysis"].oldest_seconds <= passed
        assert loads["comparison"].states == {"queued": 1}
        assert loads["propagation"] == loads["seed"] == NOTHING

    on_shelf(body)


def test_only_analyses_that_ended_well_are_timed(on_shelf):
    async def body(shelf):
        run = await shelf.runs.accept((await shelf.keep(b"a")).id, again=False, enqueue=nothing)
        await shelf.attempts.step(run.job, "measuring")
        queues = Queues(shelf.engine)
        since = datetime.now(UTC) - timedelta(days=1)
        assert await queues.seconds_of_analyses(since=since) == []
        assert await shelf.attempts.fail(run.job, FAILURE)
        assert await queues.seconds_of_analyses(since=since) == []

    on_shelf(body)


class Places:
    """An enqueuing callback that keeps the place of each job."""

    def __init__(self) -> None:
        self.found: list[Turn] = []

    def __call__(self, connection: sa.Connection, accepted: object) -> None:
        job = accepted if isinstance(accepted, str) else accepted.job
        self.found.append(turn_of(connection, job))


async def all_kinds(shelf, places: Places, priority: str) -> None:
    """An order of each kind about one file of the viewer."""
    file, other = [(await shelf.keep(content)).id for content in (b"a", b"b")]
    how = {"enqueue": places, "priority": priority}
    await shelf.runs.accept(file, again=False, **how)
    asked = Asked(network=file, weights=None, inputs=None, order=Order())
    await Propagations(shelf.engine).accept(asked, again=False, **how)
    await Comparisons(shelf.engine).accept(file, other, **how)
    async with shelf.engine.begin() as connection:
        await connection.execute(sa.update(tables.runs).values(report="a", state="done"))
    await Seeds(shelf.engine).accept(file, full=False, enqueue=places)


@pytest.mark.parametrize("priority", ["normal", "low"])
def test_every_kind_of_job_has_its_owners_place_and_its_rank(on_shelf, priority):
    async def body(shelf):
        places = Places()
        with seen_by("ann"):
            await all_kinds(shelf, places, priority)
        ranks = [RANKS[priority]] * 3 + [RANKS["seed"]]
        assert places.found == [Turn(owner="ann", rank=rank) for rank in ranks]

    on_shelf(body)


def test_what_is_nobodys_own_takes_everybodys_place(on_shelf):
    async def body(shelf):
        places = Places()
        await shelf.runs.accept((await shelf.keep(b"a")).id, again=False, enqueue=places)
        assert places.found == [Turn(owner=EVERYBODY, rank=RANKS["normal"])]

    on_shelf(body)


def test_a_place_is_found_without_reading_every_job(on_shelf):
    """On SQLite: each part of the union looks its job up in an index."""

    async def body(shelf):
        if shelf.settings.database_url:
            return
        plans: list[str] = []

        def look(connection: sa.Connection, run) -> None:
            job = str(
                turn_of.__globals__["_JOBS"]
                .select()
                .where(turn_of.__globals__["_JOBS"].c.job == run.job)
                .compile(connection, compile_kwargs={"literal_binds": True})
            )
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {job}")
            plans.extend(row[-1] for row in rows)

        await shelf.runs.accept((await shelf.keep(b"a")).id, again=False, enqueue=look)
        assert not [step for step in plans if step.startswith("SCAN")], plans

    on_shelf(body)


async def overtaken(shelf, orders) -> None:
    """Ordered with low priority, again so, then as usual: the last is a new job."""
    first = await orders("low")
    assert await orders("low") == first
    usual = await orders("normal")
    assert usual.id == first.id
    assert (usual.state, usual.priority) == ("queued", "normal")
    assert usual.job != first.job
    assert await orders("normal") == usual
    assert await orders("low") == usual


def test_a_run_that_waits_with_low_priority_is_overtaken_by_a_usual_order(on_shelf):
    async def body(shelf):
        file = (await shelf.keep(b"a")).id
        await overtaken(
            shelf,
            lambda priority: shelf.runs.accept(
                file, again=False, enqueue=nothing, priority=priority
            ),
        )

    on_shelf(body)


def test_a_measurement_that_waits_with_low_priority_is_overtaken(on_shelf):
    async def body(shelf):
        file = (await shelf.keep(b"a")).id
        asked = Asked(network=file, weights=None, inputs=None, order=Order())
        await overtaken(
            shelf,
            lambda priority: Propagations(shelf.engine).accept(
                asked, again=False, enqueue=nothing, priority=priority
            ),
        )

    on_shelf(body)


def test_a_comparison_that_waits_with_low_priority_is_overtaken(on_shelf):
    async def body(shelf):
        files = [(await shelf.keep(content)).id for content in (b"a", b"b")]
        await overtaken(
            shelf,
            lambda priority: Comparisons(shelf.engine).accept(
                *files, enqueue=nothing, priority=priority
            ),
        )

    on_shelf(body)


def test_a_run_of_low_priority_that_is_measured_goes_on(on_shelf):
    async def body(shelf):
        file = (await shelf.keep(b"a")).id
        accept = shelf.runs.accept
        low = await accept(file, again=False, enqueue=nothing, priority="low")
        await shelf.attempts.step(low.job, "measuring")
        assert (await accept(file, again=False, enqueue=nothing)).job == low.job

    on_shelf(body)


def test_a_job_that_is_begun_again_keeps_its_priority(on_shelf):
    async def body(shelf):
        file = (await shelf.keep(b"a")).id
        low = await shelf.runs.accept(file, again=False, enqueue=nothing, priority="low")
        assert await shelf.attempts.restart(low.job, nothing)
        assert (await shelf.runs.run(low.id)).priority == "low"

    on_shelf(body)
