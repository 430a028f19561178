import numpy as np
import pytest
import torch

from app.core.precision import effective_dtype, narrowed
from app.core.sketch import sketch

NARROW = ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"]


def upcast(narrow, *, scale=0.02, n=20_000, into=torch.float32):
    torch.manual_seed(0)
    return (scale * torch.randn(n)).to(getattr(torch, narrow)).to(into)


@pytest.mark.parametrize("n", [100, 20_000])  # below and above the sketch's exact size
@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize("into", [torch.float32, torch.float64])
def test_upcast_values_are_known_by_their_origin(narrow, into, n):
    values = upcast(narrow, n=n, into=into)
    found = sketch(values.numpy(), dtype=str(into).removeprefix("torch."))
    assert effective_dtype(found) == narrow


@pytest.mark.parametrize("narrow", ["bfloat16", "float16"])
def test_tiny_values_of_both_halves_are_told_apart(narrow):
    # Near 1e-6 float16 has steps of 6e-8: its numbers have 5 bits, and are bfloat16's as well.
    values = upcast(narrow, scale=1e-6)
    assert effective_dtype(sketch(values.numpy(), dtype="float32")) == narrow


def test_8_bit_values_in_a_bfloat16_file_are_recognised():
    values = upcast("float8_e4m3fn", into=torch.bfloat16)
    found = sketch(values.view(torch.uint16).numpy(), dtype="bfloat16")
    assert effective_dtype(found) == "float8_e4m3fn"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_values_keep_their_dtype(dtype):
    values = np.random.default_rng(0).normal(size=999).astype(dtype)
    assert effective_dtype(sketch(values, dtype=dtype)) == dtype


def test_float32_values_in_a_float64_file_are_recognised():
    values = np.random.default_rng(0).normal(size=999).astype(np.float32).astype(np.float64)
    assert effective_dtype(sketch(values, dtype="float64")) == "float32"


@pytest.mark.parametrize("narrow", ["bfloat16", "float16"])
def test_narrowed_values_are_those_of_a_file_of_that_dtype(narrow):
    values = upcast(narrow)
    stored = values.to(getattr(torch, narrow))
    plain = stored.view(torch.uint16).numpy() if narrow == "bfloat16" else stored.numpy()
    ours, theirs = narrowed(sketch(values.numpy(), dtype="float32")), sketch(plain, dtype=narrow)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours.cells.low, theirs.cells.low)
    assert np.array_equal(ours.cells.counts, theirs.cells.counts)
