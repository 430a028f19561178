"""Comparisons by the sandboxed child, by real workers, and on the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from working_service import PATIENCE_SECONDS

from app.config import Settings
from app.errors import NotACheckpoint
from app.jobs.comparing import compare
from app.jobs.ordering import ComparisonOrders
from app.readers import sandbox
from app.store.comparisons import Comparisons

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"


def weights(seed: int, layers: int = 3, width: int = 48) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    bound = width**-0.5
    return {
        f"{index}.weight": rng.uniform(-bound, bound, (width, width)).astype(np.float32)
        for index in range(layers)
    }


def trained(before: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first layer stays, the others move; names get a wrapper's prefix."""
    rng = np.random.default_rng(9)
    after = {"module.0.weight": before["0.weight"]}
    for name in ("1.weight", "2.weight"):
        step = 0.3 * before[name].std() * rng.normal(size=before[name].shape)
        after[f"module.{name}"] = (before[name] + step).astype(np.float32)
    return after


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    first = weights(1)
    for name, tensors in (("before", first), ("after", trained(first))):
        (tmp_path / f"{name}.safetensors").write_bytes(save(tensors))
    return tmp_path / "before.safetensors", tmp_path / "after.safetensors"


@pytest.fixture(autouse=True)
def no_server_left() -> Iterator[None]:
    """A comparison in this process starts the sandbox's server."""
    yield
    sandbox.stop()


def test_the_child_compares_what_two_files_share(files, tmp_path):
    told = []
    found = compare(*files, Settings(_env_file=None, data_dir=tmp_path), told.append)
    drifts = {pair.name: pair.drift for pair in found.pairs}
    assert drifts["0.weight"].still
    assert drifts["1.weight"].relative == pytest.approx(0.3, rel=0.1)
    assert found.prefixes == ("", "module.")
    assert [step.done for step in told] == [0, 1, 2]


def test_a_file_that_is_no_checkpoint_is_refused(files, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no tensors here")
    with pytest.raises(NotACheckpoint):
        compare(files[0], other, Settings(_env_file=None, data_dir=tmp_path), lambda _: None)


async def ended(comparisons: Comparisons, comparison: str):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await comparisons.find(comparison)).finished:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
    return found


def test_a_worker_compares_two_files(with_service, files):
    async def body(service):
        comparisons = Comparisons(service.tables)
        orders = ComparisonOrders(service.settings, comparisons)
        ids = [await service.keep(path.read_bytes(), path.name) for path in files]
        asked = await orders.compare(*ids)
        service.start()
        found = await ended(comparisons, asked.id)
        assert found.state == "done", found
        report = await comparisons.report(asked.id)
        assert [pair.drift.still for pair in report.pairs] == [True, False, False]
        await orders.close()

    with_service(body)


def test_a_comparison_of_what_is_no_checkpoint_fails_with_its_reason(with_service, files):
    async def body(service):
        comparisons = Comparisons(service.tables)
        orders = ComparisonOrders(service.settings, comparisons)
        first = await service.keep(files[0].read_bytes(), "a")
        asked = await orders.compare(first, await service.keep(b"hello world, no tensors", "b"))
        service.start()
        found = await ended(comparisons, asked.id)
        assert (found.state, found.error.code) == ("failed", "not_a_checkpoint")
        await orders.close()

    with_service(body)


def test_one_that_is_called_off_before_its_turn_is_not_made(with_service, files):
    async def body(service):
        comparisons = Comparisons(service.tables)
        orders = ComparisonOrders(service.settings, comparisons)
        ids = [await service.keep(path.read_bytes(), path.name) for path in files]
        asked = await orders.compare(*ids)
        assert (await orders.cancel(asked.id)).state == "cancelled"
        again = await orders.compare(*ids)
        assert again.job != asked.job
        service.start()
        assert (await ended(comparisons, asked.id)).state == "done"
        await orders.close()

    with_service(body)


def initscope(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120
    )


def test_the_command_line_tells_what_moved(files):
    result = initscope("compare", *files)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("2 of 3 weight tensors moved; 1 never did: 0.weight.")


def test_the_command_lines_json_is_one_document(files):
    result = initscope("compare", *files, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["schema"]) == (0, "initscope.comparison/1")
    movements = {one["name"]: one["movement"] for one in document["tensors"]}
    assert movements == {"0.weight": "unmoved", "1.weight": "moved", "2.weight": "moved"}
    assert document["after"]["name"] == "after.safetensors"


def test_the_report_is_written_to_a_file(files, tmp_path):
    page, summary = tmp_path / "r.html", tmp_path / "r.md"
    assert initscope("analyze", files[0], "--report", page).returncode == 0
    assert initscope("analyze", files[0], "--report", summary).returncode == 0
    assert "Content-Security-Policy" in page.read_text("utf-8")
    assert summary.read_text("utf-8").startswith("### initscope: `before.safetensors`")


def test_a_report_of_another_kind_is_refused(files, tmp_path):
    result = initscope("analyze", files[0], "--report", tmp_path / "r.docx")
    assert result.returncode == 2
    assert "ends in .html or .md" in result.stderr
