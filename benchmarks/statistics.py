"""The statistics kernel beside numpy and torch, all of them once per round in one process.

Medians of the process's CPU time, which other processes disturb less than the wall clock. Every
candidate runs on one thread, on the same 10⁷ values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import ml_dtypes
import numpy as np
import torch

from app.core.sketch import sketch, warm

VALUES = 10**7
ROUNDS = 9
BINS = 64
GOALS = {"float32": 7.0, "bfloat16": 15.0}  # times faster than np.histogram

Candidates = dict[str, Callable[[], object]]


def main() -> None:
    """Print one table per dtype."""
    torch.set_num_threads(1)
    warm()
    gauss = np.random.default_rng(0).normal(0.0, 0.02, VALUES).astype(np.float32)
    for dtype in ("float32", "bfloat16", "float16", "float64"):
        _report(dtype, _measured(_candidates(gauss, dtype)), _bytes(gauss, dtype))


def _bytes(gauss: np.ndarray, dtype: str) -> int:
    return gauss.size * torch.empty(0, dtype=getattr(torch, dtype)).element_size()


def _candidates(gauss: np.ndarray, dtype: str) -> Candidates:
    tensor = torch.from_numpy(gauss).to(getattr(torch, dtype))
    if dtype == "bfloat16":
        patterns = tensor.view(torch.uint16).numpy()
        plain = patterns.view(ml_dtypes.bfloat16)
    else:
        patterns = plain = tensor.numpy()
    words = patterns.view(np.uint64)
    return {
        "sketch: every output": lambda: sketch(patterns, dtype=dtype),
        f"np.histogram({BINS})": lambda: np.histogram(_numbers(plain), BINS),
        f"torch.histc({BINS})": lambda: torch.histc(_torch_numbers(tensor), BINS),
        "torch min, max, mean, std, histc": lambda: _torch_all(tensor),
        "sketch and values outside a bound": lambda: sketch(patterns, dtype=dtype, limit=0.05),
        "plain read (np.bitwise_or.reduce)": lambda: np.bitwise_or.reduce(words),
    }


def _numbers(values: np.ndarray) -> np.ndarray:
    """What np.histogram can count: bfloat16 is none of numpy's own dtypes."""
    return values.astype(np.float32) if values.dtype == ml_dtypes.bfloat16 else values


def _torch_numbers(tensor: torch.Tensor) -> torch.Tensor:
    """What torch.histc counts on a CPU: float32 and float64."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def _torch_all(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    std = tensor.std(correction=0)
    histogram = torch.histc(_torch_numbers(tensor), BINS)
    return tensor.min(), tensor.max(), tensor.mean(), std, histogram


def _measured(candidates: Candidates) -> dict[str, float]:
    """Median CPU seconds of each candidate, interleaved."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: median(times) for name, times in seconds.items()}


def _report(dtype: str, seconds: dict[str, float], size: int) -> None:
    ours, numpy_histogram, *_, read = seconds.values()
    print(f"\n{dtype}, {VALUES:.0e} values, one thread, CPU milliseconds")
    for name, time_taken in seconds.items():
        ratio = time_taken / ours
        print(f"  {name:36}{time_taken * 1e3:9.2f}{ratio:9.2f} x the sketch's time")
    print(f"  read at {size / ours / 1e9:.1f} GB/s, {read / ours:.0%} of the memory-read limit")
    if dtype in GOALS:
        verdict = "met" if numpy_histogram / ours >= GOALS[dtype] else "MISSED"
        print(f"  goal {GOALS[dtype]:g} x np.histogram: {verdict}")
