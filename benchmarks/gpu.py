"""What a GPU worker does with large tensors beside what a CPU worker does, in one run.

Wall clock, medians of interleaved rounds: a GPU works beside the process whose CPU time is counted.
The device is CUDA where there is one; else torch counts on the CPU, which shows that the path works
and nothing about a GPU. `INITSCOPE_BENCHMARK_DEVICE` names another one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from safetensors.torch import save_file

from app.core.sketch import sketch, warm
from app.probe.counting import lanes_on
from app.probe.device import chosen, text
from app.readers import sandbox
from app.readers.checkpoints import open_checkpoint
from app.readers.naming import describe

ROUNDS = 5
VALUES = {"cpu": 2**22, "cuda": 2**28}
PART_ROUNDS = 3
PART_VALUES = {"cpu": 2**24, "cuda": 2**30}
LIMITS = {"memory_bytes": 8 * 2**30, "seconds": 600}

Work = dict[str, Callable[[], object]]


def main() -> None:
    """Print the kernels' times, those of a whole part, and from which size a GPU is worth while."""
    torch.set_num_threads(1)
    warm()
    asked = "cuda" if torch.cuda.is_available() else "cpu"
    device = chosen(os.environ.get("INITSCOPE_BENCHMARK_DEVICE", asked))
    print(f"device: {text(device)}")
    if device.type == "cpu":
        print("There is no GPU here: the ratios say what torch's operations cost on this CPU.")
    gauss = torch.randn(VALUES[device.type], generator=torch.Generator().manual_seed(0)) * 0.02
    for name in ("float32", "bfloat16", "float64"):
        _counting(gauss.to(getattr(torch, name)), device)
    _parts(device)


def _counting(tensor: torch.Tensor, device: torch.device) -> None:
    """The counting alone: values in memory here, counts in memory here."""
    name = str(tensor.dtype).removeprefix("torch.")
    values = tensor.view(torch.uint16).numpy() if name == "bfloat16" else tensor.numpy()
    lanes = lanes_on(device)
    seconds = _medians(
        {
            "compiled loops, one core": lambda: sketch(values, dtype=name),
            "torch on the device": lambda: sketch(values, dtype=name, lanes=lanes),
            "sent to the device alone": lambda: float(tensor.to(device, copy=True)[0]),
        },
        ROUNDS,
    )
    here, there, _ = seconds.values()
    print(f"\n{name}, {tensor.numel():.1e} values, milliseconds")
    for what, taken in seconds.items():
        print(f"  {what:28}{taken * 1e3:9.1f}{values.nbytes / taken / 1e9:8.2f} GB/s")
    print(f"  the device takes {there / here:.2f} times as long as one core")


def _parts(device: torch.device) -> None:
    """Whole parts of an analysis, each in a fresh child behind its walls, as workers do them."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        rows = int(PART_VALUES[device.type] ** 0.5)
        save_file({"weight": torch.randn(64, 80) * 0.02}, small)
        save_file({"weight": torch.randn(rows, rows) * 0.02}, large)
        seconds = _medians(
            {
                "small part, CPU worker": lambda: _part(small, None),
                "small part, GPU worker": lambda: _part(small, str(device)),
                "large part, CPU worker": lambda: _part(large, None),
                "large part, GPU worker": lambda: _part(large, str(device)),
            },
            PART_ROUNDS,
        )
        size = large.stat().st_size
    sandbox.stop()
    print(
        f"\nparts in fresh children, milliseconds; the large one has {size / 1e6:.0f} MB of float32"
    )
    for what, taken in seconds.items():
        print(f"  {what:28}{taken * 1e3:9.1f}")
    print(_worth_while(*seconds.values(), size=size))


def _worth_while(
    small: float, small_there: float, large: float, large_there: float, *, size: int
) -> str:
    """From which size on the device is ahead, if a part's time is a start and so much a byte."""
    start, saved = small_there - small, (large - small) - (large_there - small_there)
    if saved <= 0:
        return "  the GPU worker is never ahead: a byte takes it longer"
    return f"  the GPU worker is ahead from {max(start, 0.0) / saved * size / 1e9:.1f} GB on"


def _part(path: Path, device: str | None) -> object:
    with path.open("rb") as file:
        checkpoint = open_checkpoint(file.fileno())
        facts = describe(checkpoint)
        todo = {"tensors": checkpoint.tensors, "facts": facts, "alpha": 0.001}
        there = {"said": None} if device is None else {"device": device}
        return sandbox.run(
            f"app.jobs.{'analysis' if device is None else 'accelerated'}:measure_part",
            descriptor=file.fileno(),
            arguments={"todo": todo, "threads": 1, "large": 1, **there},
            limits=sandbox.Limits(**LIMITS, walls="closed" if device is None else "device"),
        )


def _medians(work: Work, rounds: int) -> dict[str, float]:
    """Median seconds of each, taken by turns; the first round is thrown away."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return {name: median(times[1:]) for name, times in seconds.items()}


sandbox.preload("app.jobs.analysis:warm")
sandbox.preload("app.jobs.accelerated", "app.jobs.analysis:warm", server="compute")
