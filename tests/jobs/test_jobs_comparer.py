"""Comparisons whose job ended without a word, was lost, or whose worker died."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
import sqlalchemy as sa
from safetensors.numpy import save
from working_service import PATIENCE_SECONDS

from app.jobs import engine
from app.jobs.comparer import Comparer
from app.jobs.ordering import ComparisonOrders
from app.store.comparisons import Comparisons


async def ordered(service):
    """A comparison of two small files, queued."""
    orders = ComparisonOrders(service.settings, Comparisons(service.tables))
    files = [save({"w": np.full((2, 2), value, np.float32)}) for value in (1, 2)]
    ids = [await service.keep(content, "w.safetensors") for content in files]
    found = await orders.compare(*ids)
    await orders.close()
    return found


@pytest.fixture
def settled(with_service):
    """What becomes of a queued comparison at a look, after a change to the queue's own row."""

    def look(change: str):
        async def body(service):
            comparisons = Comparisons(service.tables)
            before = await ordered(service)
            async with service.tables.begin() as connection:
                await connection.execute(sa.text(change))
            client = engine.client(service.settings)
            await Comparer(service.settings, comparisons, service.blobs).look(client)
            after = await comparisons.find(before.id)
            queued = await service.rows(
                "SELECT workflow_uuid FROM workflow_status WHERE status = 'ENQUEUED'"
            )
            client.destroy()
            return before, after, [row[0] for row in queued]

        return with_service(body)

    return look


def test_one_that_is_on_its_way_is_left_alone(settled):
    before, after, queued = settled("SELECT 1")
    assert after == before
    assert queued == [before.job]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM workflow_status",
        "UPDATE workflow_status SET application_version = 'older'",
    ],
)
def test_one_that_can_get_no_further_is_begun_again(settled, change):
    before, after, queued = settled(change)
    assert after.state == "queued"
    assert after.job != before.job
    assert queued == [after.job]


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("CANCELLED", "cancelled", None),
        ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "failed", "child_lost"),
        ("ERROR", "failed", "failed"),
    ],
)
def test_one_that_ended_without_a_word_is_ended(settled, status, state, code):
    _, after, _ = settled(f"UPDATE workflow_status SET status = '{status}'")
    assert after.state == state
    assert (after.error.code if after.error else None) == code


def test_a_worker_that_dies_leaves_its_comparison_to_the_next(with_service):
    async def body(service):
        comparisons = Comparisons(service.tables)
        asked = await ordered(service)
        service.start()
        await service.eventually(
            "SELECT count(*) FROM workflow_status WHERE status != 'ENQUEUED'", (1,)
        )
        service.kill()
        service.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := await comparisons.find(asked.id)).finished:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)
        assert found.state == "done", found

    with_service(body)
