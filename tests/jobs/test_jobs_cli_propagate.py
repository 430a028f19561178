from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from app.config import Settings
from app.core.propagation import SCHEMA

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
SPEC = "input: [16]\nlayers:\n  - Linear(16, 16)\n  - ReLU()\n  - Linear(16, 4)\n"
FEW = ("--seeds", "2", "--batch", "4")


def initscope(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, "propagate", *(str(one) for one in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "net.yaml"
    path.write_text(SPEC)
    return path


def test_a_table_for_each_scheme_with_its_verdict(spec):
    result = initscope(spec, *FEW, "--scheme", "torch_default", "--scheme", "zeros")
    assert (result.returncode, result.stderr) == (0, "")
    assert "net.yaml · spec · 340 parameters · 2 layers" in result.stdout
    assert "✕" in result.stdout  # of zeros, which pass nothing on
    assert result.stdout.count("input share  gradient") == 2


def test_the_document_and_nothing_else_as_json(spec):
    result = initscope(spec, *FEW, "--json", "--input", "uniform01", "--activation", "Tanh")
    document = json.loads(result.stdout)
    assert (document["schema"], document["input"]["law"]) == (SCHEMA, "uniform01")
    assert [one["scheme"] for one in document["series"]] == ["torch_default"]
    assert [one["op"] for one in document["series"][0]["layers"]][1] == "aten.tanh.default"


def test_a_plan_is_a_series_beside_the_schemes(spec, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text('{"choices": {"linear": {"gain": 2}}, "activation": "GELU"}')
    result = initscope(spec, *FEW, "--plan", plan)
    assert (result.returncode, result.stderr) == (0, "")
    assert "plan: linear.gain 2 · act GELU" in result.stdout
    assert "Your plan: " in result.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a file of JSON"),
        ("[]", "a mapping with some of base"),
        ('{"activation": "gelu"}', "such as GELU"),
        ('{"base": "checkpoint"}', "plan's base"),
        (" " * 70_000, "65,536 bytes"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused_with_what_was_expected(spec, tmp_path, text, words):
    (tmp_path / "plan.json").write_text(text)
    result = initscope(spec, *FEW, "--plan", tmp_path / "plan.json")
    assert result.returncode == 2
    assert words in result.stderr


def test_a_checkpoint_is_a_series_and_a_file_its_input(spec, tmp_path):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    state = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    rows = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)
    np.save(tmp_path / "batch.npy", rows)
    files = ("--checkpoint", tmp_path / "model.safetensors", "--input", tmp_path / "batch.npy")
    result = initscope(spec, *files, "--mode", "eval", "--json", "--seeds", "1")
    series = json.loads(result.stdout)["series"]
    assert [one["scheme"] for one in series] == ["checkpoint", "torch_default"]
    with torch.no_grad():
        out = model(torch.from_numpy(rows))
    # float32 products of 16 terms, rounded at 2**-24 each
    expected = float(out.square().mean().sqrt())
    assert series[0]["layers"][-1]["forward"]["rms"] == pytest.approx(expected, rel=1e-5)


def test_a_verdict_at_the_level_asked_for_is_told_by_the_exit_code(spec):
    assert initscope(spec, *FEW, "--scheme", "zeros", "--fail-on", "problem").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scheme", "kaiming"), "GET /api/v1/schemes"),
        (("--activation", "relu"), "ReLU"),
        (("--seeds", "0"), "--seeds"),
        (("--input", "none.npy"), "none.npy"),
        (("--checkpoint", "none.pt"), "none.pt"),
        (("--plan", "none.json"), "none.json"),
    ],
)
def test_what_is_not_possible_is_refused_in_one_line(spec, arguments, words):
    result = initscope(spec, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert words in result.stderr


def test_a_mistake_in_a_spec_is_named_with_its_line(tmp_path):
    (tmp_path / "net.yaml").write_text("layers:\n  - Linear(16, 16)\n  - Relo()\n")
    result = initscope(tmp_path / "net.yaml")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "ine 3" in result.stderr


def test_a_gpu_that_is_not_there_is_refused(spec):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    result = initscope(spec, *FEW, "--device", "cuda")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "device" in result.stderr


def test_too_little_memory_is_told_with_numbers(spec, monkeypatch):
    least = Settings.model_fields["propagation_memory_bytes"].metadata[0].ge
    monkeypatch.setenv("INITSCOPE_PROPAGATION_MEMORY_BYTES", str(least))
    wide = spec.with_name("wide.yaml")
    wide.write_text("input: [30000]\nlayers:\n  - Linear(30000, 30000)\n")
    result = initscope(wide, *FEW)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "GB" in result.stderr
