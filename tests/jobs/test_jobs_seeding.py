"""`initscope seed` as a person and a script use it: real processes, real files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from app.cli.seed import table
from app.config import Settings
from app.jobs.seeding import asked_of, find_seeds, recover_seeds
from app.readers import sandbox

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"
SEED = 20_240_131


def initscope(*arguments: object, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=120
    )


def found_in(path):
    try:
        return find_seeds(path, Settings(), full=False, on_progress=lambda _step: None)
    finally:
        sandbox.stop()


def saved(model: nn.Module, folder: Path) -> Path:
    path = folder / "model.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(SEED)
    layers = nn.Sequential(nn.Conv2d(3, 32, 5), nn.BatchNorm2d(32), nn.Flatten(), nn.Linear(32, 1))
    nn.init.orthogonal_(layers.append(nn.Linear(20, 30))[4].weight)
    return saved(layers, tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="module")
def report(model):
    return found_in(model)


def test_the_seed_of_a_file_is_found_in_the_sandbox(report):
    assert [found.seed for found in report.seeds] == [SEED]
    assert report.left_out == 3  # the running mean, variance and count of the batch norm


def test_every_tensor_has_a_verdict_in_the_order_of_the_file(report):
    assert [(row.name, row.origin.verdict) for row in report.tensors] == [
        ("0.weight", "from_stream"),
        ("0.bias", "from_stream"),
        ("1.weight", "cannot_be_replayed"),
        ("1.bias", "cannot_be_replayed"),
        ("3.weight", "from_stream"),
        ("3.bias", "from_stream"),
        ("4.weight", "cannot_be_replayed"),
        ("4.bias", "from_stream"),
    ]


def test_an_orthogonal_matrix_is_told_as_what_it_is(report):
    assert "orthogonal" in report.tensors[6].origin.reason


def test_the_table_names_the_seed_and_every_tensor(report):
    text = table(report)
    assert f"torch.manual_seed({SEED})" in text.splitlines()[0]
    assert all(row.name in text for row in report.tensors)


def test_bfloat16_cannot_be_replayed(tmp_path):
    path = saved(nn.Linear(64, 64).bfloat16(), tmp_path)
    found = found_in(path)
    assert {row.origin.verdict for row in found.tensors} == {"cannot_be_replayed"}
    assert found.seeds == ()
    assert "No seed was found" in table(found)


def test_a_search_out_of_time_is_an_answer_and_no_failure(model):
    descriptor = os.open(model, os.O_RDONLY)
    asked = asked_of("model.pt", Settings(), full=False, threads=1) | {"seconds": 0.0}
    try:
        found = recover_seeds(descriptor, asked, lambda _progress: None)
    finally:
        os.close(descriptor)
    assert (found.complete, found.seeds) == (False, ())
    assert "before the search's time was over" in table(found)


def test_a_child_ends_its_search_before_it_would_be_ended():
    settings = Settings(part_seconds=100)
    assert asked_of("a", settings, full=True, threads=1)["seconds"] < settings.part_seconds


def test_seed_json_is_one_document_and_nothing_else(model):
    result = initscope("seed", model, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert document["schema"] == "initscope.seed/1"
    assert document["seeds"][0]["seed"] == SEED
    assert (
        document["tensors"][0] | {"stream_offset": 0, "verdict": "from_stream"}
        == (document["tensors"][0])
    )


def test_progress_goes_to_stderr_and_only_to_a_terminal(model):
    terminal, end = pty.openpty()
    result = initscope("seed", model, stderr=end)
    os.close(end)
    assert b"solving for the generator's state" in os.read(terminal, 10_000)
    os.close(terminal)
    assert result.stdout.startswith("✓")


def test_a_refused_file_is_one_line_on_stderr_and_exit_2(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello, world")
    result = initscope("seed", path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_a_hostile_name_does_not_reach_the_terminal_raw(tmp_path):
    path = tmp_path / "hostile.pt"
    torch.save({"\x1b[2J\u202eweight": torch.zeros(2, 2)}, path)
    result = initscope("seed", path)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
