"""Measurements that are called off, lose who carries them, or wait for a GPU."""

from __future__ import annotations

import pytest
from ordered_networks import DEEP, ordered, under_way

from app.core.propagation import Order
from app.errors import NoGpuWorker
from app.jobs.devices import NO_GPU

LONG = Order(schemes=("torch_default",), seeds=400, batch=256)


def test_a_cancelled_measurement_ends_with_its_child(with_service):
    async def body(service):
        service.start()
        found = await ordered(service, DEEP, order=LONG)
        await service.measured(found, lambda now: now.step == "measuring" and now.done > 0)
        done = await service.submitter.cancel_propagation(found.id)
        assert done.state == "cancelled"
        await service.until_so(lambda: service.child() is None)

    with_service(body)


def test_a_child_that_is_killed_once_is_replaced(with_service):
    async def body(service):
        service.start()
        found = await under_way(service)
        service.kill_a_child()
        done = await service.measured(found)
        assert (done.state, done.error, done.attempt) == ("done", None, 1)

    with_service(body)


def test_a_measurement_whose_worker_dies_is_done_once_by_the_next(with_service):
    async def body(service):
        service.start()
        found = await under_way(service)
        service.kill()
        service.start()
        done = await service.measured(found)
        assert (done.state, done.error, done.attempt) == ("done", None, 1)
        assert await service.rows("SELECT count(*) FROM propagations WHERE state = 'done'") == [
            (1,)
        ]

    with_service(body)


def test_large_work_goes_to_a_gpu_worker_while_one_is_alive(with_service):
    async def body(service):
        service.start()
        service.start_gpu_worker()
        await service.gpu_worker_alive()
        done = await service.measured(await ordered(service))
        assert (done.state, done.error) == ("done", None)
        queues = await service.rows(
            "SELECT queue_name, executor_id FROM workflow_status WHERE workflow_uuid = :job",
            job=f"{done.job}-measure",
        )
        assert queues == [("gpu", "gpu@local-0")]

    with_service(body, gpu_multiply_adds=1)


def test_what_waits_for_a_gpu_worker_that_died_is_measured_on_the_cpu(with_service):
    async def body(service):
        service.start_gpu_worker()
        await service.gpu_worker_alive()
        service.start()
        found = await under_way(service)
        service.kill()  # the first, which is the GPU's
        done = await service.measured(found)
        assert (done.state, done.error) == ("done", None)
        assert NO_GPU in (await service.propagations.report(done.id)).notes

    with_service(body, gpu_multiply_adds=1, heartbeat_seconds=0.5)


def test_without_a_gpu_worker_large_work_is_done_on_the_cpu_and_says_so(with_service):
    async def body(service):
        service.start()
        done = await service.measured(await ordered(service))
        assert NO_GPU in (await service.propagations.report(done.id)).notes

    with_service(body, gpu_multiply_adds=1)


def test_a_gpu_that_is_asked_for_must_be_there(with_service):
    async def body(service):
        with pytest.raises(NoGpuWorker, match="asks for one"):
            await ordered(service, order=Order(device="cuda"))

    with_service(body)
