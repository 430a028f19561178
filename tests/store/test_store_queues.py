from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.store.comparisons import Comparisons
from app.store.facts import Failure
from app.store.queues import Load, Queues

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
