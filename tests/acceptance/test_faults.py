"""Long runs in which processes are killed at random moments."""

from __future__ import annotations

import asyncio
import random

import pytest

pytestmark = pytest.mark.acceptance

FILES, LAYERS, KILLS = 4, 20, 10


async def submit_all(service, checkpoint):
    """Several analyses on the queue at once."""
    return [
        await service.submit(checkpoint(layers=LAYERS, width=256, seed=seed))
        for seed in range(FILES)
    ]


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
    query = "SELECT count(*), sum(recovery_attempts), min(status), max(status) FROM workflow_status"
    ((jobs, executions, *states),) = await service.rows(query)
    assert states == ["SUCCESS", "SUCCESS"]
    assert jobs == FILES * (LAYERS + 3)  # the analysis, its directory, its parts, its end
    # A killed worker loses at most the one part it measures and the analyses it hands out.
    assert executions <= jobs + kills * (FILES + 1)


@pytest.mark.parametrize("seed", range(3))
def test_workers_killed_at_ten_random_moments_lose_and_repeat_nothing(
    with_service, checkpoint, seed
):
    chance = random.Random(seed)

    async def body(service):
        service.start(2)
        runs = await submit_all(service, checkpoint)

        def fault():
            service.kill(chance.randrange(2))
            service.start()

        moments = chance.sample(range(FILES * LAYERS), KILLS)
        await at_each_moment(service, runs, moments, fault)
        await each_is_done_once(service, runs, KILLS)

    with_service(body)


def test_the_whole_service_killed_at_random_moments_loses_and_repeats_nothing(
    with_service, checkpoint
):
    chance = random.Random(7)

    async def body(service):
        service.start(2)
        runs = await submit_all(service, checkpoint)

        def fault():
            service.kill_all()
            service.start(2)

        moments = chance.sample(range(FILES * LAYERS), KILLS // 2)
        await at_each_moment(service, runs, moments, fault)
        await each_is_done_once(service, runs, KILLS)

    with_service(body)


def test_children_killed_at_random_moments_are_replaced(with_service, checkpoint):
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

    with_service(body)
