from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from working_service import ROOT

from app.config import Settings
from app.core.propagation import Order
from app.core.sketch import Sketch
from app.jobs import engine, slots
from app.jobs.devices import NO_GPU
from app.jobs.parcels import split
from app.jobs.stages import Stages
from app.jobs.supervisor import environment
from app.probe.counting import AGREEMENT
from app.readers import sandbox
from app.store.documents import TENSOR, Deflated, inflate, load
from app.store.propagations import Asked

NET = b"input: [32]\nlayers:\n  - Linear(32, 32)\n  - ReLU()\n  - Linear(32, 8)\n"
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="the CUDA device here works")


def model() -> bytes:
    random = np.random.default_rng(3)
    return save(
        {
            "0.weight": random.uniform(-0.05, 0.05, (300, 400)).astype(np.float32),
            "0.bias": np.full(300, np.nan, np.float32),
            "1.weight": random.normal(0, 0.02, (300, 300)).astype(np.float16),
        }
    )


@pytest.fixture
def opened(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(model())
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)
    sandbox.stop()


@pytest.fixture
def settings(tmp_path):
    return Settings(_env_file=None, data_dir=tmp_path / "data", gpu_tensor_bytes=100_000)


async def inspected(stages, descriptor, settings):
    inventory = await stages.inspect(descriptor)
    (todo,) = split(inventory, part_bytes=settings.part_bytes)
    return todo


def measured_in_torch(descriptor, todo):
    """What the child of a GPU worker gives, behind its walls, with the CPU as its device."""
    arguments = {"todo": todo, "threads": 1, "large": 100_000, "device": "cpu"}
    limits = sandbox.Limits(memory_bytes=2**31, seconds=120, walls="device")
    answer = sandbox.run(
        "app.jobs.accelerated:measure_part",
        descriptor=descriptor,
        arguments=arguments,
        limits=limits,
    )
    reports = [load(TENSOR, document) for document in answer.attachments[::2]]
    return reports, [Sketch.from_bytes(packed) for packed in answer.attachments[1::2]]


def test_a_gpu_workers_child_counts_the_same_and_says_where(opened, settings):
    async def here():
        stages = Stages(settings)
        todo = await inspected(stages, opened, settings)
        return todo, await stages.measure(opened, todo, lambda _: None, said=NO_GPU)

    todo, compiled = asyncio.run(here())
    reports, sketches = measured_in_torch(opened, todo)
    for one, report, found in zip(compiled, reports, sketches, strict=True):
        known, wanted = Sketch.from_bytes(one.sketch), load(TENSOR, inflate(Deflated(one.report)))
        assert found.cells.counts.tolist() == known.cells.counts.tolist()
        assert (report.status, report.schemes) == (wanted.status, wanted.schemes)
        assert report.digest == wanted.digest
        if known.finite:
            assert found.std == pytest.approx(known.std, rel=AGREEMENT)
    said = {one.name: one.computed for one in reports}
    assert said == {"0.weight": "counted on cpu", "0.bias": None, "1.weight": "counted on cpu"}


def start_without_its_gpu(service) -> None:
    """A worker whose GPU went away after its start: it was never there."""
    command = (
        "from app.config import Settings; from app.jobs import worker; "
        "worker.main(Settings(), with_parent=False, queue='gpu', device='cuda')"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=os.environ | environment(service.settings),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    service.workers.append(worker)


async def analysed(service, run):
    """The run at its end, and what its reports say of where they were computed."""
    done = await service.finished(run)
    assert (done.state, done.error) == ("done", None)
    return done, [report.computed for report in await service.runs.tensors(done.id)]


def asked_of(network: str) -> Asked:
    """The least measurement of a network."""
    order = Order(seeds=1, batch=4, backward=False)
    return Asked(network=network, weights=None, inputs=None, order=order)


async def queues_of(service, job: str) -> list[tuple[str, str]]:
    """Queue and worker of every part of a job that measures."""
    return await service.rows(
        "SELECT queue_name, executor_id FROM workflow_status"
        " WHERE workflow_uuid LIKE :parts ORDER BY workflow_uuid",
        parts=f"{job}-measure-%",
    )


def test_large_tensors_go_to_a_gpu_worker_while_one_is_alive(with_service, checkpoint):
    async def body(service):
        service.start()
        service.start_gpu_worker()
        await service.gpu_worker_alive()
        run = await service.submit(checkpoint(2, width=128))
        done, _ = await analysed(service, run)
        assert await queues_of(service, done.job) == [(engine.GPU, "gpu@local-0")] * 2

    with_service(body, gpu_tensor_bytes=128 * 128 * 4)


def test_without_a_gpu_worker_the_cpu_counts_large_tensors_and_says_so(with_service, checkpoint):
    async def body(service):
        service.start()
        done, computed = await analysed(service, await service.submit(checkpoint(2)))
        assert computed == [NO_GPU] * 2
        overview = await service.runs.overview(done.id)
        assert overview.summary.computed == (f"2 large tensors: {NO_GPU}.",)

    with_service(body, gpu_tensor_bytes=1)


@WITHOUT_GPU
def test_what_a_gpu_fails_at_the_cpu_does_and_says_why(with_service, checkpoint):
    async def body(service):
        service.start()
        start_without_its_gpu(service)
        await service.gpu_worker_alive()
        network = await service.keep(NET, "net.yaml")
        found = await service.submitter.propagate(asked_of(network))
        measured = await service.measured(found)
        assert (measured.state, measured.error) == ("done", None)
        notes = (await service.propagations.report(measured.id)).notes
        _, computed = await analysed(service, await service.submit(checkpoint(1)))
        for said in (*computed, *notes):
            assert "this machine has no cuda" in said
            assert "computed on the CPU" in said

    with_service(body, gpu_tensor_bytes=1, gpu_multiply_adds=1)


def test_parts_that_wait_for_a_gpu_worker_that_died_are_done_by_the_others(
    with_service, checkpoint
):
    async def body(service):
        service.start_gpu_worker()
        await service.gpu_worker_alive()
        service.start()
        run = await service.submit(checkpoint(24))
        await service.until(run, lambda now: now.done > 0)
        service.kill()  # the first, which is the GPU's
        done, computed = await analysed(service, run)
        assert len(computed) == 24
        assert (engine.PARTS, "local-0") in await queues_of(service, done.job)

    with_service(body, gpu_tensor_bytes=1)


async def beating(slot) -> None:
    while True:
        slot.beat()
        await asyncio.sleep(0.1)


def test_nothing_waits_for_a_gpu_worker_that_fell_silent(with_service, checkpoint):
    async def body(service):
        folder = service.settings.data_dir / slots.FOLDER
        worker = slots.claim(folder, slots.place(service.settings, queue="gpu"))
        beats = asyncio.create_task(beating(worker))
        service.start()
        run, network = await service.submit(checkpoint(1)), await service.keep(NET, "net.yaml")
        found = await service.submitter.propagate(asked_of(network))
        waiting = "SELECT count(*) FROM workflow_status WHERE queue_name = 'gpu'"
        await service.eventually(waiting, (2,))
        beats.cancel()
        _, computed = await analysed(service, run)
        assert computed == [NO_GPU]
        measured = await service.measured(found)
        assert NO_GPU in (await service.propagations.report(measured.id)).notes
        worker.release()

    with_service(body, gpu_tensor_bytes=1, gpu_multiply_adds=1)
