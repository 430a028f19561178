"""Sketches whose counting a torch device did, against those of the compiled loops."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
import torch

from app.core.chunks import CHUNK
from app.core.sketch import Sketch, sketch
from app.core.storage import FP8_SCALE
from app.probe.counting import AGREEMENT, lanes_on

RNG = np.random.default_rng(11)
N = 70_001  # more than four of the compiled loops' blocks, and not a multiple of anything
GAUSS = RNG.normal(0.0, 0.02, N).astype(np.float32)
BITS32 = RNG.integers(0, 2**32, N, dtype=np.uint32)
BITS64 = RNG.integers(0, 2**64, N, dtype=np.uint64)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def some(of: np.ndarray, share: float, value: float) -> np.ndarray:
    """With the value in place of a share of the others."""
    return np.where(RNG.random(of.size) < share, of.dtype.type(value), of)


def with_nonfinite(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[::1001], changed[5], changed[60_000:60_003] = np.nan, np.inf, -np.inf
    return changed


REALS = {
    "gauss": GAUSS,
    "norm weight, counted finely": RNG.normal(1.0, 0.01, N).astype(np.float32),
    "negative band, counted finely": RNG.normal(-100.0, 0.01, N).astype(np.float32),
    "70 % pruned": some(GAUSS, 0.7, 0.0),
    "minus zero": some(GAUSS, 0.5, -0.0),
    "zeros of both signs": some(np.zeros(N, np.float32), 0.5, -0.0),
    "outlier": np.concatenate((GAUSS, np.float32([1e4]))),
    "NaN and infinity": with_nonfinite(GAUSS),
    "only NaN": np.full(N, np.nan, np.float32),
    "any bits": BITS32.view(np.float32),
    "constant": np.full(N, 0.3, np.float32),
    "two values": some(np.full(N, -1.0, np.float32), 0.5, 1.0),
    "1e-30 to 1e30": (np.sign(GAUSS) * 10.0 ** RNG.uniform(-30, 30, N)).astype(np.float32),
    "denormals": RNG.normal(0.0, 3e-40, N).astype(np.float32),
    "sorted drift": np.sort(RNG.uniform(0.0, 1.0, N)).astype(np.float32),
    "upcast bfloat16": GAUSS.astype(ml_dtypes.bfloat16).astype(np.float32),
    "upcast float16": GAUSS.astype(np.float16).astype(np.float32),
    "float64": RNG.normal(0.0, 0.02, N),
    "float64 negative band": RNG.normal(-100.0, 0.01, N),
    "float64 NaN and infinity": with_nonfinite(RNG.normal(0.0, 0.02, N)),
    "float64 any bits": BITS64.view(np.float64),
    "float64 huge": RNG.normal(0.0, 1e200, N),
    "float64 huge constant": np.full(N, 1e300),
    "float64 tiny": RNG.normal(0.0, 1e-250, N),
    "float64 upcast float32": GAUSS.astype(np.float64),
    "int64": RNG.integers(-(2**62), 2**62, N),
    "uint64": BITS64,
    "int32": RNG.integers(-1000, 1000, N).astype(np.int32),
}
PATTERNS = {
    "bfloat16": BITS32.astype(np.uint16),
    "float16": BITS32.astype(np.uint16).view(np.float16),
    "int16": BITS32.astype(np.int16),
    "int8": BITS32.astype(np.int8),
    "uint8": BITS32.astype(np.uint8),
    "bool": BITS32 % 3 == 0,
    "float8_e4m3fn": BITS32.astype(np.uint8),
    FP8_SCALE: BITS32.astype(np.uint8),
}
COUNTED = ("dtype", "count", "nan", "posinf", "neginf", "zeros", "minimum", "maximum")
COUNTED_OUTSIDE = ("limit", "below", "above", "low_bits")


def both(values: np.ndarray, dtype: str, device: str, **how) -> tuple[Sketch, Sketch]:
    there = lanes_on(torch.device(device))
    return sketch(values, dtype=dtype, **how), sketch(values, dtype=dtype, lanes=there, **how)


def counted(found: Sketch) -> list[object]:
    facts = [getattr(found, name) for name in (*COUNTED, *COUNTED_OUTSIDE)]
    cells = (found.cells.low, found.cells.high, found.cells.counts)
    return [*facts, found.moments.count, *(end.tolist() for end in cells)]


def check_sums(here: Sketch, there: Sketch) -> None:
    a, b = here.moments, there.moments
    step = b.exponent - a.exponent
    deviation = math.ldexp(math.sqrt(a.m2 / max(a.count, 1)), a.exponent)
    close = AGREEMENT * deviation + np.spacing(abs(a.mean))
    assert abs((b.mean - a.mean) + (b.mean_low - a.mean_low)) <= close
    assert math.ldexp(b.m2, 2 * step) == pytest.approx(a.m2, rel=AGREEMENT, abs=0)
    assert math.ldexp(b.m4, 4 * step) == pytest.approx(a.m4, rel=AGREEMENT, abs=0)
    third = AGREEMENT * math.sqrt(a.m2) * math.sqrt(a.m4)
    assert math.ldexp(b.m3, 3 * step) == pytest.approx(a.m3, rel=0, abs=third)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("limit", [None, 0.03])
@pytest.mark.parametrize("name", REALS)
def test_a_device_counts_what_the_compiled_loops_count(name, limit, device):
    here, there = both(REALS[name], REALS[name].dtype.name, device, limit=limit)
    assert counted(there) == counted(here)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", REALS)
def test_a_devices_sums_agree_within_the_stated_tolerance(name, device):
    check_sums(*both(REALS[name], REALS[name].dtype.name, device))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", PATTERNS)
def test_a_narrow_dtype_gives_the_same_sketch_bit_for_bit(dtype, device):
    here, there = both(PATTERNS[dtype], dtype, device, limit=0.5)
    assert there.to_bytes() == here.to_bytes()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("form", ["bfloat16", "float32"])
def test_a_read_only_strided_view_of_several_chunks_and_threads_counts_the_same(form, device):
    rows = np.tile(GAUSS[:65_536], 2 * (CHUNK // 65_536) + 1).reshape(-1, 64)
    values = rows if form == "float32" else rows.view(np.uint16)
    turned = values[:, ::2].T
    turned.flags.writeable = False
    here, there = both(turned, form, device, threads=2)
    assert turned.size > CHUNK
    assert counted(there) == counted(here)
    check_sums(here, there)


@pytest.mark.parametrize("device", DEVICES)
def test_an_unaligned_tensor_of_a_file_counts_the_same(device):
    file = np.frombuffer(b"\x00" + GAUSS.tobytes(), np.uint8)[1:]
    values = np.ndarray((N,), np.float32, file.data)
    here, there = both(values, "float32", device)
    assert counted(there) == counted(here)


@pytest.mark.parametrize("device", DEVICES)
def test_a_constant_has_no_deviation(device):
    _, there = both(REALS["constant"], "float32", device)
    assert (there.std, there.constant) == (0.0, float(np.float32(0.3)))
