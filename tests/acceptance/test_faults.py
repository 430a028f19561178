"""Long runs in which processes are killed at random moments."""

from __future__ import annotations

import asyncio
import random
import sys
import time

import pytest
from deployment import database

__all__ = ["database"]

pytestmark = pytest.mark.acceptance

FILES, LAYERS, KILLS = 4, 20, 10


async def submit_all(service, checkpoint):
    """Several analyses on the queue at once."""
    return [
        await service.submit(checkpoint(layers=LAYERS, width=256, seed=seed))
        for seed in range(FILES)
    ]


class Watch:
    """What whoever follows the runs sees of them."""

    def __init__(self, service, runs):
        self.started = time.monotonic()
        self._tasks = [asyncio.create_task(self._follow(service, run)) for run in runs]

    async def _follow(self, service, run):
        return [now async for now in service.submitter.events(run.id)]

    async def saw_each_once(self):
        """See that every run went forward, at one attempt, to its one end."""
        for seen in await asyncio.gather(*self._tasks):
            assert {now.attempt for now in seen} == {1}
            counts = [now.done for now in seen]
            assert counts == sorted(counts)
            assert [now.finished for now in seen] == [False] * (len(seen) - 1) + [True]
        sys.stderr.write(f"{len(self._tasks)} reports, {time.monotonic() - self.started:.1f} s\n")


async def done_in_all(service, runs):
    """Tensors measured in all runs together, and whether all runs have ended."""
    now = [await service.runs.run(run.id) for run in runs]
    return sum(run.done for run in now), all(run.finished for run in now)


async def at_each_moment(service, runs, moments, fault):
    """Call `fault` each time that so many tensors are measured."""
    for moment in sorted(moments):
        while True:
            done, ended = await done_in_all(service, runs)
            if done >= moment or ended:
                break
            await asyncio.sleep(0.01)
        fault()


async def each_is_done_once(service, runs, kills):
    for run in runs:
        done = await service.finished(run)
        assert (done.state, done.error, done.attempt) == ("done", None, 1)
        assert [one.index for one in await service.runs.tensors(run.id)] == list(range(LAYERS))
    schema = "" if service.settings.database.startswith("sqlite") else "dbos."
    what = "count(*), sum(recovery_attempts), min(status), max(status)"
    ((jobs, executions, *states),) = await service.rows(
        f"SELECT {what} FROM {schema}workflow_status"
    )
    sys.stderr.write(f"{jobs} jobs begun {executions} times, {kills} kills\n")
    assert states == ["SUCCESS", "SUCCESS"]
    assert jobs == FILES * (LAYERS + 3)  # the analysis, its directory, its parts, its end
    # A killed worker loses at most the one part it measures and the analyses it hands out.
    assert executions <= jobs + kills * (FILES + 1)


@pytest.mark.parametrize("seed", range(3))
def test_workers_killed_at_ten_random_moments_lose_and_repeat_nothing(
    with_service, checkpoint, database, seed
):
    chance = random.Random(seed)

    async def body(service):
        service.start(2)
        runs = await submit_all(service, checkpoint)
        watch = Watch(service, runs)

        def fault():
            service.kill(chance.randrange(2))
            service.start()

        moments = chance.sample(range(FILES * LAYERS), KILLS)
        await at_each_moment(service, runs, moments, fault)
        await watch.saw_each_once()
        await each_is_done_once(service, runs, KILLS)

    with_service(body, database_url=database)


def test_the_whole_service_killed_at_random_moments_loses_and_repeats_nothing(
    with_service, checkpoint, database
):
    chance = random.Random(7)

    async def body(service):
        service.start(2)
        runs = await submit_all(service, checkpoint)
        watch = Watch(service, runs)

        def fault():
            service.kill_all()
            service.start(2)

        moments = chance.sample(range(FILES * LAYERS), KILLS // 2)
        await at_each_moment(service, runs, moments, fault)
        await watch.saw_each_once()
        await each_is_done_once(service, runs, KILLS)

    with_service(body, database_url=database)


def test_children_killed_at_random_moments_are_replaced(with_service, checkpoint, database):
    """A child that is killed is started once more, so spread-out kills fail no run."""
    chance = random.Random(11)

    async def body(service):
        service.start(2)
        runs = await submit_all(service, checkpoint)
        moments = chance.sample(range(FILES * LAYERS), KILLS)
        await at_each_moment(
            service, runs, moments, lambda: service.kill_a_child(chance.randrange(2))
        )
        await each_is_done_once(service, runs, 0)

    with_service(body, database_url=database)
