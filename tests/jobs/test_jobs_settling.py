"""Jobs of every kind that ended without a word, were lost, or belong to another version."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sqlalchemy as sa
from safetensors.numpy import save

from app.core.propagation import Order
from app.jobs import engine, queueing
from app.jobs.ordering import ComparisonOrders
from app.jobs.settling import settle
from app.store.attempts import Attempts
from app.store.comparisons import Comparisons
from app.store.propagations import Asked


class Analyses:
    """An analysis of a file, its rows, and how its job is put on the queue."""

    put = queueing.enqueue

    def __init__(self, service) -> None:
        self.service = service
        self.rows = Attempts(service.tables)

    async def order(self):
        return await self.service.submit(save({"w": np.ones((2, 2), np.float32)}))

    async def now(self, before):
        return await self.service.runs.run(before.id)


class Searches(Analyses):
    put = queueing.enqueue_seed

    def __init__(self, service) -> None:
        super().__init__(service)
        self.rows = service.seeds

    async def order(self):
        run = await super().order()
        async with self.service.tables.begin() as connection:
            await connection.execute(sa.text("UPDATE runs SET report = job, state = 'done'"))
            await connection.execute(sa.text("DELETE FROM workflow_status"))
        return await self.service.submitter.seek(run.id, full=True)

    async def now(self, before):
        return await self.service.seeds.find(before.run)


class Measurements(Analyses):
    put = queueing.enqueue_propagation

    def __init__(self, service) -> None:
        super().__init__(service)
        self.rows = service.propagations

    async def order(self):
        network = await self.service.keep(b"layers: []", "net.yaml")
        asked = Asked(network=network, weights=None, inputs=None, order=Order())
        return await self.service.submitter.propagate(asked)

    async def now(self, before):
        return await self.rows.propagation(before.id)


class Pairs(Analyses):
    put = queueing.enqueue_comparison

    def __init__(self, service) -> None:
        super().__init__(service)
        self.rows = Comparisons(service.tables)

    async def order(self):
        orders = ComparisonOrders(self.service.settings, self.rows)
        files = [save({"w": np.full((2, 2), value, np.float32)}) for value in (1, 2)]
        ids = [await self.service.keep(content, "w.safetensors") for content in files]
        found = await orders.compare(*ids)
        await orders.close()
        return found

    async def now(self, before):
        return await self.rows.find(before.id)


@pytest.fixture(params=[Analyses, Searches, Measurements, Pairs])
def settled(request, with_service):
    """What becomes of a queued job at a look, after a change to the queue's own row."""
    kind = request.param

    def look(change: str):
        async def body(service):
            jobs = kind(service)
            before = await jobs.order()
            async with service.tables.begin() as connection:
                await connection.execute(sa.text(change))
            client = engine.client(service.settings)

            async def restart(job: str) -> None:
                await jobs.rows.restart(job, partial(kind.put, client))

            await settle(client, jobs.rows, restart)
            queued = await service.rows(
                "SELECT workflow_uuid FROM workflow_status WHERE status = 'ENQUEUED'"
            )
            client.destroy()
            return before, await jobs.now(before), [row[0] for row in queued]

        return with_service(body)

    return look


def test_a_job_that_is_on_its_way_is_left_alone(settled):
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
def test_a_job_that_can_get_no_further_is_begun_again(settled, change):
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
def test_a_job_that_ended_without_a_word_is_ended(settled, status, state, code):
    _, after, _ = settled(f"UPDATE workflow_status SET status = '{status}'")
    assert after.state == state
    assert (after.error.code if after.error else None) == code
