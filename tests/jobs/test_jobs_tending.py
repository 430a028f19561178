from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.propagation import Order
from app.jobs import engine
from app.jobs.tending import Tender
from app.store.propagations import Asked


@pytest.fixture
def tended(with_service):
    """What becomes of a queued measurement at a look, after a change to the queue's own row."""

    def look(change: str):
        async def body(service):
            network = await service.keep(b"layers: []", "net.yaml")
            asked = Asked(network=network, weights=None, inputs=None, order=Order())
            before = await service.submitter.propagate(asked)
            async with service.tables.begin() as connection:
                await connection.execute(sa.text(change))
            client = engine.client(service.settings)
            await Tender(client, service.propagations, service.settings).look()
            after = await service.propagations.propagation(before.id)
            queued = await service.rows(
                "SELECT workflow_uuid FROM workflow_status WHERE status = 'ENQUEUED'"
            )
            client.destroy()
            return before, after, [row[0] for row in queued]

        return with_service(body)

    return look


def test_a_job_that_is_on_its_way_is_left_alone(tended):
    before, after, queued = tended("SELECT 1")
    assert after == before
    assert queued == [before.job]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM workflow_status",
        "UPDATE workflow_status SET application_version = 'older'",
    ],
)
def test_a_job_that_can_get_no_further_is_begun_again(tended, change):
    before, after, queued = tended(change)
    assert (after.state, after.attempt) == ("queued", 2)
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
def test_a_job_that_ended_without_a_word_ends_its_measurement(tended, status, state, code):
    _, after, _ = tended(f"UPDATE workflow_status SET status = '{status}'")
    assert after.state == state
    assert (after.error.code if after.error else None) == code


def test_what_waits_for_a_gpu_worker_that_is_gone_goes_to_the_others(with_service):
    async def body(service):
        network = await service.keep(b"layers: []", "net.yaml")
        asked = Asked(network=network, weights=None, inputs=None, order=Order())
        await service.submitter.propagate(asked)
        async with service.tables.begin() as connection:
            await connection.execute(sa.text("UPDATE workflow_status SET queue_name = 'gpu'"))
        client = engine.client(service.settings)
        await Tender(client, service.propagations, service.settings).look()
        assert await service.rows("SELECT queue_name FROM workflow_status") == [(engine.PARTS,)]
        client.destroy()

    with_service(body)
