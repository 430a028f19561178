from __future__ import annotations

import asyncio
import json
import time

import pytest
import torch
from working_service import PATIENCE_SECONDS

from app.errors import NotFound

SEED = 20_240_607


def drawn(seed: int) -> bytes:
    """A safetensors file of linear layers that torch drew on the CPU; the second was redrawn."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 96), torch.nn.Linear(96, 96), torch.nn.Linear(96, 10)
    )
    torch.manual_seed(seed + 1)
    with torch.no_grad():
        model[1].weight.mul_(1.5)
    header, data, end = {}, [], 0
    for name, tensor in model.state_dict().items():
        raw = tensor.numpy().tobytes()
        offsets = [end, end + len(raw)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        end += len(raw)
        data.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data)


async def sought(service, run: str, wanted=lambda search: search.finished):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted(search := await service.seeds.find(run)):
        assert time.monotonic() < deadline, search
        await asyncio.sleep(0.1)
    return search


def test_the_seed_behind_a_file_is_found_by_a_worker(with_service):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(drawn(SEED)))
        await service.submitter.seek(run.id, full=False)
        search = await sought(service, run.id)
        assert search.state == "done", search
        assert f"torch.manual_seed({SEED})" in search.headline
        document = json.loads(await service.seeds.document(run.id))
        assert document["seeds"][0]["seed"] == SEED
        verdicts = {tensor["name"]: tensor["verdict"] for tensor in document["tensors"]}
        assert verdicts["0.weight"] == verdicts["2.weight"] == "from_stream"
        assert verdicts["1.weight"] != "from_stream"

    with_service(body)


def test_a_search_that_is_called_off_ends_its_child(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(checkpoint()))
        await service.submitter.seek(run.id, full=True)
        await sought(service, run.id, lambda search: search.state == "running")
        stopped = await service.submitter.cancel_seed(run.id)
        assert stopped.state == "cancelled"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while service.child() is not None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)

    with_service(body)


def test_a_worker_that_dies_leaves_its_search_to_the_next(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(checkpoint()))
        await service.submitter.seek(run.id, full=True)
        await sought(service, run.id, lambda search: search.state == "running")
        service.kill()
        service.start()
        await service.eventually(
            "SELECT count(*) FROM workflow_status WHERE name = 'seed' AND recovery_attempts > 1",
            (1,),
        )
        await service.submitter.cancel_seed(run.id)

    with_service(body)


def test_a_search_that_nobody_asked_for_cannot_be_stopped(with_service, checkpoint):
    async def body(service):
        run = await service.submit(checkpoint())
        with pytest.raises(NotFound):
            await service.submitter.cancel_seed(run.id)

    with_service(body)
