"""The order of one owner's jobs, and the bound on all, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import QueueFull
from app.jobs.submit import Submitter
from app.store import database as databases
from app.store.propagations import Propagations
from app.store.runs import Runs
from app.store.seeds import Seeds
from app.store.viewers import seen_by

MANY = 24  # of low priority: more than a worker takes in hand at once


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql")
    url = server.fresh()
    yield url
    server.drop(url)


def queue_of(database: str) -> str:
    """The queue's own table."""
    return "dbos.workflow_status" if database else "workflow_status"


async def ordered(service, checkpoint, number, priority):
    """A run of a file of its own."""
    file = await service.keep(checkpoint(1, 8, number), f"{number}.safetensors")
    return await service.submitter.submit(file, priority=priority)


def test_a_usual_job_ends_before_those_of_low_priority_that_wait(
    with_service, checkpoint, database
):
    async def body(service):
        low = [await ordered(service, checkpoint, number, "low") for number in range(6)]
        usual = await ordered(service, checkpoint, MANY, "normal")
        service.start()
        mine = await service.finished(usual)
        theirs = [await service.finished(run) for run in low]
        # It is taken first, and between its three children at most two of others' run.
        assert sum(run.finished_at < mine.finished_at for run in theirs) <= 2
        assert {run.state for run in theirs} == {"done"}

    with_service(body, database_url=database)


def test_a_usual_job_overtakes_those_that_a_worker_has_in_hand(with_service, checkpoint, database):
    async def body(service):
        low = [await ordered(service, checkpoint, number, "low") for number in range(MANY)]
        service.start()
        await service.eventually("SELECT count(*) > 0 FROM runs WHERE state = 'running'", (True,))
        mine = await service.finished(await ordered(service, checkpoint, MANY, "normal"))
        theirs = [await service.finished(run) for run in low]
        assert any(run.finished_at > mine.finished_at for run in theirs)
        assert {run.state for run in (mine, *theirs)} == {"done"}

    with_service(body, database_url=database)


def test_an_order_as_usual_of_what_waits_with_low_priority_is_done_once(
    with_service, checkpoint, database
):
    async def body(service):
        low = await ordered(service, checkpoint, 0, "low")
        usual = await ordered(service, checkpoint, 0, "normal")
        assert (usual.id, usual.attempt) == (low.id, 2)
        service.start()
        assert (await service.finished(usual)).state == "done"
        # The job that was overtaken ends as well, without a child.
        unfinished = f"SELECT count(*) FROM {queue_of(database)} WHERE completed_at IS NULL"
        await service.eventually(unfinished, (0,))
        assert (await service.runs.run(low.id)).state == "done"

    with_service(body, database_url=database)


async def accepted(orders) -> int:
    """How many of the orders given at once are taken; the others are told that it is full."""
    answers = await asyncio.gather(*orders, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {type(refusal) for refusal in refused} <= {QueueFull}
    return len(answers) - len(refused)


def test_two_replicas_together_let_in_just_as_many_as_may_wait(with_service, checkpoint, database):
    async def body(service):
        settings = service.settings
        tables = databases.connect(settings)
        runs, seeds, propagations = Runs(tables), Seeds(tables), Propagations(tables)
        other = Submitter(settings, runs, service.blobs, seeds, propagations)
        files = [await service.keep(checkpoint(1, 8, number), "a") for number in range(30)]
        both = (service.submitter, other)
        orders = [both[number % 2].submit(file) for number, file in enumerate(files)]
        assert await accepted(orders) == settings.max_queued
        waiting = (settings.max_queued,)
        assert await service.rows("SELECT count(*) FROM runs") == [waiting]
        assert await service.rows(f"SELECT count(*) FROM {queue_of(database)}") == [waiting]
        await other.close()
        await tables.dispose()

    with_service(body, database_url=database, max_queued=10)


@pytest.mark.parametrize(("owner", "priority"), [("ann", "normal"), ("", "low")])
def test_half_of_the_places_are_for_others(with_service, checkpoint, owner, priority):
    async def body(service):
        with seen_by(owner):
            mine = [await service.keep(checkpoint(1, 8, number), "a") for number in range(8)]
            submit = service.submitter.submit
            assert await accepted([submit(file, priority=priority) for file in mine]) == 5
            assert await accepted([submit(file, priority=priority) for file in mine]) == 5
        with seen_by("bob"):
            others = [await service.keep(checkpoint(1, 8, number), "a") for number in range(8)]
            assert await accepted([submit(file) for file in others]) == 5

    with_service(body, max_queued=10)
