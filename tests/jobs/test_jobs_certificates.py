"""Certificates of a whole file, from its bytes to the document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"


def analysed(model: nn.Module, path: Path) -> dict[str, dict]:
    """The document's tensors by name."""
    torch.save(model.state_dict(), path)
    command = [sys.executable, "-c", MAIN, "analyze", str(path), "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120, check=True
    )
    return {tensor["name"]: tensor for tensor in json.loads(done.stdout)["tensors"]}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(41)
    layers = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 80), nn.LayerNorm(80))
    nn.init.kaiming_normal_(layers[2].weight)
    return layers


def test_a_fresh_file_carries_its_certificates(model, tmp_path):
    tensors = analysed(model, tmp_path / "fresh.pt")
    told = {name: tensor["certificate"] for name, tensor in tensors.items()}
    assert told["0.weight"]["verdict"] == told["2.weight"]["verdict"] == "bit_exact_draw"
    assert (told["0.weight"]["bound"], told["2.weight"]["law"]) == (0.125, "normal")
    assert told["3.weight"] is None
    proof = "; its bits are those of an untouched float32 draw."
    assert tensors["0.weight"]["sentence"].endswith(proof)


def test_one_small_step_is_told_though_the_law_still_fits(model, tmp_path):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-6 * torch.randn(parameter.shape)
    tensor = analysed(model, tmp_path / "stepped.pt")["2.weight"]
    assert tensor["status"] == "consistent"
    assert tensor["certificate"]["verdict"] == "refuted"
    assert "untouched" not in tensor["sentence"]
