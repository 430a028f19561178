"""Owners take turns: many jobs of one do not keep another one waiting."""

from __future__ import annotations

import pytest

from app.store.viewers import seen_by

MANY = 40  # 16 analyses are in hand at once, so 24 wait when the other owner's comes


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql")
    url = server.fresh()
    yield url
    server.drop(url)


def test_one_job_of_another_owner_does_not_wait_for_all_of_the_first(
    with_service, checkpoint, database
):
    async def body(service):
        with seen_by("ann"):
            many = [await service.submit(checkpoint(1, 8, seed)) for seed in range(MANY)]
        with seen_by("bob"):
            one = await service.submit(checkpoint(1, 8, MANY))
        service.start()
        mine = await service.finished(one)
        theirs = [await service.finished(run) for run in many]
        # A free place goes to either owner with probability 1/2: all 24 to ann with 6e-8.
        assert any(run.finished_at > mine.finished_at for run in theirs)

    with_service(body, database_url=database)
