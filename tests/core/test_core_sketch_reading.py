"""A sketch of values as they lie: strides, threads, progress, merged parts."""

import threading

import numpy as np
import pytest

from app.core.sketch import merge, sketch
from tests.sketch_cases import CASES, GAUSS, RNG, N, check_counts, check_moments

VIEWS = {
    "transposed": lambda x: x.reshape(500, 600).T,
    "channels last": lambda x: x.reshape(3, 100, 10, 100).transpose(0, 3, 1, 2),
    "every third": lambda x: x[::3],
    "columns": lambda x: x.reshape(500, 600)[:, 7:311],
    "columns by two": lambda x: x.reshape(50, 60, 100)[:, ::2, 3::4],
    "expanded": lambda x: np.broadcast_to(x[:9000, None], (9000, 40)),
    "expanded in the middle": lambda x: np.broadcast_to(x[:9000].reshape(90, 1, 100), (90, 7, 100)),
    "one value expanded": lambda x: np.broadcast_to(x[3], (70, 80)),
    "overlapping": lambda x: np.lib.stride_tricks.sliding_window_view(x[:5000], 30),
    "read only": lambda x: np.frombuffer(x.tobytes(), x.dtype),
    "one axis of one": lambda x: x.reshape(N, 1, 1)[::2],
    "nothing left": lambda x: x.reshape(500, 600)[:, 5:5],
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "int64"])
@pytest.mark.parametrize("view", VIEWS)
def test_strides_do_not_matter(view: str, dtype: str) -> None:
    values = VIEWS[view]((GAUSS * 1000).astype(dtype))
    found = sketch(values, dtype=dtype, limit=20.0)
    plain = sketch(np.ascontiguousarray(values), dtype=dtype, limit=20.0)
    same = ("count", "zeros", "minimum", "maximum", "below", "above", "low_bits")
    assert [getattr(found, key) for key in same] == [getattr(plain, key) for key in same]
    if values.size:
        check_moments(found, values.astype(np.float64).reshape(-1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8", "int32"])
@pytest.mark.parametrize("shift", [1, 2, 3, 5])
def test_unaligned_values_are_read(dtype: str, shift: int) -> None:
    values = (GAUSS * 1000).astype(dtype) if dtype != "uint8" else np.arange(N).astype(np.uint8)
    room = np.zeros(values.nbytes + 8, np.uint8)
    moved = room[shift : shift + values.nbytes].view(dtype)
    moved[:] = values
    found, plain = sketch(moved, dtype=dtype), sketch(values, dtype=dtype)
    assert found.to_bytes() == plain.to_bytes()


def test_a_tensor_repeated_by_stride_zero_costs_one_copy_of_it() -> None:
    repeated = np.broadcast_to(GAUSS[:5000, None], (5000, 10**9))
    found = sketch(repeated, dtype="float32")
    once = sketch(GAUSS[:5000], dtype="float32")
    assert found.count == 5 * 10**12
    assert found.std == pytest.approx(once.std, rel=1e-12)
    assert np.array_equal(found.cells.counts, once.cells.counts * 10**9)


def test_threads_do_not_change_the_result() -> None:
    values = RNG.normal(1.0, 2.0, 5_000_000).astype(np.float32)
    values[::9999] = np.nan
    one = sketch(values, dtype="float32", limit=3.0)
    assert sketch(values, dtype="float32", limit=3.0, threads=3).to_bytes() == one.to_bytes()


def test_progress_adds_up_to_every_value() -> None:
    read: list[int] = []
    values = np.zeros((3, 6_000_000), np.float16)
    sketch(values[:, ::2], dtype="float16", on_chunk=read.append, threads=2)
    sketch(np.broadcast_to(values[:, :1], values.shape), dtype="float16", on_chunk=read.append)
    sketch(values[0, :5], dtype="float16", on_chunk=read.append)
    assert len(read) > 3
    assert sum(read) == 9_000_000 + 18_000_000 + 5


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_may_stop_the_reading(threads: int) -> None:
    calls: list[int] = []

    def stop(read: int) -> None:
        calls.append(read)
        raise InterruptedError

    before = threading.active_count()
    values = np.broadcast_to(np.zeros(1, np.float32), (1,)).repeat(2**24)
    with pytest.raises(InterruptedError):
        sketch(values, dtype="float32", on_chunk=stop, threads=threads)
    assert len(calls) <= threads
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "name", ["gauss", "1e-30 to 1e30", "NaN and infinity", "float16", "int64", "float64 huge"]
)
def test_merged_parts_equal_the_whole(name: str) -> None:
    values = CASES[name]
    dtype, wide = values.dtype.name, values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    limit = float(np.quantile(np.abs(finite), 0.8))
    parts = [values[:0], values[:7], values[7:5000], values[5000:123_456], values[123_456:]]
    found = sketch(parts[0], dtype=dtype, limit=limit)
    for part in parts[1:]:
        found = merge(found, sketch(part, dtype=dtype, limit=limit))
    check_counts(found, wide, limit)
    check_moments(found, finite)


def test_sketches_of_different_kinds_do_not_merge() -> None:
    a = sketch(GAUSS, dtype="float32", limit=1.0)
    with pytest.raises(ValueError, match="one limit"):
        merge(a, sketch(GAUSS, dtype="float32"))
    with pytest.raises(ValueError, match="one dtype"):
        merge(a, sketch(GAUSS.astype(np.float64), dtype="float64", limit=1.0))
