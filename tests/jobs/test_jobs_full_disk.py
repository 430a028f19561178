"""The disk fills in the middle of an analysis: what a worker does then."""

from __future__ import annotations

import asyncio

import pytest
from working_service import disk, ends_well, to_its_middle

from app.errors import DiskFull
from app.jobs.edge import Edge
from app.store.reserve import FILE, Reserve

__all__ = ["disk"]


async def failing(problem):
    raise problem


@pytest.fixture
def edge(tmp_path):
    Reserve(tmp_path).lay_in()
    return Edge(Reserve(tmp_path))


@pytest.mark.parametrize("problem", [DiskFull(), OSError(28, "No space left on device")])
def test_a_full_disk_is_told_and_makes_room(edge, tmp_path, problem):
    outcome = asyncio.run(edge.told(failing(problem)))
    assert outcome["error"]["code"] == "disk_full"
    assert not (tmp_path / FILE).exists()


def test_another_failure_keeps_the_room(edge, tmp_path):
    outcome = asyncio.run(edge.told(failing(ValueError("odd"))))
    assert outcome["error"]["code"] == "failed"
    assert (tmp_path / FILE).exists()


def test_a_job_is_carried_while_it_is_worked_on(edge):
    with edge.carrying("a"):
        assert edge.carries("a")
    assert not edge.carries("a")


def test_a_disk_that_is_really_full_ends_an_analysis_and_the_next_one_works(
    with_service, checkpoint, disk
):
    async def body(service):
        async with service.kept(1):
            run = await to_its_middle(service, checkpoint(40, 64), disk)
            await ends_well(service, run)
            (disk / "filler").unlink()
            again = await service.finished(await service.submitter.again(run.id))
            assert (again.state, again.error, again.done) == ("done", None, 40)

    with_service(body)
