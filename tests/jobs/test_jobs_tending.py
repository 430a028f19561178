from __future__ import annotations

import sqlalchemy as sa

from app.core.propagation import Order
from app.jobs import engine
from app.jobs.tending import Tender
from app.store.propagations import Asked


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
