"""Devices: chosen by name, with arithmetic that they agree on."""

import pytest
import torch

from app.core.propagation import Order
from app.errors import DeviceFailed, Invalid
from app.probe.device import AGREEMENT, arithmetic, chosen, memory, text, using
from app.probe.interpreter import cannot_run
from app.probe.measure import measure
from tests.hand_graphs import mlp

CPU = torch.device("cpu")


def test_the_cpu_is_always_there():
    assert (chosen("cpu"), text(CPU), memory(CPU, 7)) == (CPU, "cpu", 7)


@pytest.mark.parametrize("asked", ["gpu", "cuda:x", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused(asked):
    with pytest.raises(Invalid, match="device"):
        chosen(asked)


def fails(error: Exception) -> None:
    with using("cpu"):
        raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to"), "its memory is full"),
        (torch.AcceleratorError("CUDA error: an illegal\nCompile"), "CUDA error: an illegal"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when"), "CUBLAS_STATUS_ALLOC"),
    ],
)
def test_what_a_device_fails_at_is_told_in_a_sentence(error, reason):
    with pytest.raises(DeviceFailed, match=reason):
        fails(error)
    assert cannot_run("an operation", error) is error


def test_an_operation_that_fails_is_no_failure_of_the_device():
    with pytest.raises(RuntimeError, match="shapes"):
        fails(RuntimeError("shapes do not fit"))


def test_a_worker_whose_device_is_gone_says_so():
    with pytest.raises(DeviceFailed, match="this machine has no cuda:99"), using("cuda:99"):
        pass


def test_products_are_in_full_float32_and_the_callers_settings_come_back():
    before = (torch.get_default_dtype(), torch.backends.cudnn.conv.fp32_precision)
    with arithmetic(CPU, torch.float64):
        assert torch.get_default_dtype() == torch.float64
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert before == (torch.get_default_dtype(), torch.backends.cudnn.conv.fp32_precision)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("memory_bytes", [2 * 10**9, 3 * 10**6])
def test_a_gpu_agrees_with_the_cpu_within_the_stated_tolerance(dtype, memory_bytes):
    order = Order(schemes=("kaiming_normal(fan_in,relu)",), seeds=2, dtype=dtype)
    here, there = (
        measure(mlp(12, 128), order, memory_bytes=memory_bytes, device=device).series[0]
        for device in ("cpu", "cuda")
    )
    close = {"rel": AGREEMENT[dtype]}
    for a, b in zip(here.layers, there.layers, strict=True):
        assert b.forward.rms == pytest.approx(a.forward.rms, **close)
        assert b.backward.grad_rms == pytest.approx(a.backward.grad_rms, **close)
