"""Where a run takes place: its name, its memory, and arithmetic that devices agree on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from app.errors import DeviceFailed, Invalid

# What messages of torch hold where one of CUDA's libraries failed, not the operation.
LIBRARIES: Final = ("CUDA error", "CUDA driver", "CUDNN_STATUS", "CUBLAS_STATUS", "cuDNN error")
REASON_CHARACTERS: Final = 200

AGREEMENT = {"float64": 1e-9, "float32": 2e-3, "bfloat16": 5e-2, "float16": 2e-2}
"""Relative difference of an operation's rms or gradient rms between devices, by dtype.

Source: derived for float32, where sums of up to 2¹⁴ terms come in another order through 200
layers: 2⁻²⁴·√(2¹⁴)·200 = 1.5e-3, with no TF32; float64 has room to spare. The 16-bit dtypes round
every result, at 2⁻⁹ and 2⁻¹²; a tenth of a layer's rounding is taken to be common to all values.
"""


def chosen(asked: str) -> torch.device:
    """The device that an order means.

    Args:
        asked: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        Invalid: If there is no such device here.
    """
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, place = asked.partition(":")
    if kind not in {"cpu", "cuda"} or (place and not (place.isascii() and place.isdigit())):
        raise Invalid(what="device", expected='"auto", "cpu", "cuda" or "cuda:0"', got=repr(asked))
    if kind == "cpu":
        return torch.device("cpu")
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    number = int(place or 0)
    if number >= present:
        raise Invalid(what="device", expected=_listed(present), got=asked)
    return torch.device("cuda", number)


def _listed(present: int) -> str:
    """What there is to choose from, of so many CUDA devices."""
    if not present:
        return "cpu, as torch sees no CUDA device here"
    return " or ".join(["cpu", *(f"cuda:{number}" for number in range(present))])


def failed(error: BaseException) -> bool:
    """Whether a device failed, rather than what was asked of it."""
    if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(name in str(error) for name in LIBRARIES)


@contextmanager
def using(asked: str) -> Iterator[torch.device]:
    """The device of a worker, whose failures in the block are told in a sentence.

    Args:
        asked: "cpu", "cuda" or "cuda:N".

    Raises:
        DeviceFailed: If it is not there, its memory is full or its driver fails.
    """
    try:
        device = chosen(asked)
    except Invalid as missing:
        raise DeviceFailed(reason=f"this machine has no {asked} at the moment") from missing
    try:
        yield device
    except RuntimeError as failure:
        if not failed(failure):
            raise
        raise DeviceFailed(reason=_reason(failure)) from failure


def _reason(failure: RuntimeError) -> str:
    if isinstance(failure, torch.OutOfMemoryError):
        return "its memory is full"
    return str(failure).strip().partition("\n")[0].rstrip(".")[:REASON_CHARACTERS]


def text(device: torch.device) -> str:
    """A device as a report names it: "cpu", "cuda:0 (NVIDIA H100 80GB HBM3)"."""
    if device.type != "cuda":
        return device.type
    return f"{device} ({torch.cuda.get_device_name(device)})"


def memory(device: torch.device, allowed: int) -> int:
    """Bytes that a run may use: what is allowed, and on a GPU no more than what is free there."""
    if device.type != "cuda":
        return allowed
    free, _ = torch.cuda.mem_get_info(device)
    return min(allowed, free)


@contextmanager
def arithmetic(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Full float32 products, factories of the run's dtype, and the caller's random numbers kept.

    Numbers below the dtype's smallest normal become 0: a gradient that vanishes over 100 layers
    would otherwise cost the CPU a hundred times as much from there on.
    """
    before = torch.get_default_dtype()
    cudnn: Any = torch.backends.cudnn  # its type leaves out what it gives
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    were = [switch.fp32_precision for switch in switches]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            for switch in switches:
                switch.fp32_precision = "ieee"
            torch.set_default_dtype(dtype)
            torch.set_flush_denormal(True)
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_default_dtype(before)
            for switch, was in zip(switches, were, strict=True):
                switch.fp32_precision = was


def seed(device: torch.device, value: int) -> None:
    """Set the stream that dropout draws from."""
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(value)
    else:
        torch.default_generator.manual_seed(value)
