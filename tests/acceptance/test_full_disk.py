"""A disk that is really full in the middle of an analysis."""

from __future__ import annotations

import pytest
from working_service import disk, ends_well, to_its_middle

__all__ = ["disk"]

pytestmark = pytest.mark.acceptance

LAYERS = 120


def test_it_ends_in_a_sentence_and_the_next_analysis_works(with_service, checkpoint, disk):
    async def body(service):
        async with service.kept(2):
            run = await to_its_middle(service, checkpoint(LAYERS, 256), disk)
            await ends_well(service, run)
            (disk / "filler").unlink()
            again = await service.finished(await service.submitter.again(run.id))
            assert (again.state, again.error, again.done) == ("done", None, LAYERS)

    with_service(body)


def test_workers_that_start_on_a_full_disk_end_what_was_under_way(with_service, checkpoint, disk):
    async def body(service):
        service.start(2)
        run = await to_its_middle(service, checkpoint(LAYERS, 256), disk)
        service.kill_all()
        async with service.kept(2):
            await ends_well(service, run)

    with_service(body)


def test_an_analysis_can_be_called_off_on_a_full_disk(with_service, checkpoint, disk):
    async def body(service):
        service.start()
        run = await to_its_middle(service, checkpoint(LAYERS, 256), disk)
        service.kill()
        assert (await service.submitter.cancel(run.id)).state == "cancelled"

    with_service(body)
