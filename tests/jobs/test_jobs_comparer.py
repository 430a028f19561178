"""A comparison whose worker died."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from safetensors.numpy import save
from working_service import PATIENCE_SECONDS

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
