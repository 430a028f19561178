"""How far a tensor moved, against numpy's own float64 and torch's own rounding."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.core.drift import PIECE, drift
from app.core.rounding import PRECISION, coarser, decoded, rounded

# float64 sums of n terms in numpy's pairwise order err by a few ε·log₂ n of the sum of sizes.
CLOSE = 1e-12
PATTERNS = {
    "bfloat16": (ml_dtypes.bfloat16, np.uint16),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8),
}
PLAIN = ("float64", "float32", "float16", "int8", "int16", "int32", "int64", "uint8", "bool")


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype in PATTERNS:
        kind, bits = PATTERNS[dtype]
        return values.astype(kind).view(bits)
    return values.astype(dtype)


def numbers(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype in PATTERNS:
        values = values.view(PATTERNS[dtype][0])
    return values.astype(np.float64)


@pytest.mark.parametrize("dtype", [*PLAIN, *PATTERNS])
@pytest.mark.parametrize("shape", [(7, 13), (), (1,), (3, 5, 2)])
def test_every_number_is_numpys(dtype, shape):
    rng = np.random.default_rng(3)
    before = stored(np.asarray(rng.normal(0, 9, shape)), dtype)
    after = stored(np.asarray(rng.normal(1, 9, shape)), dtype)
    found = drift(before, after, dtypes=(dtype, dtype))
    a, b = numbers(before, dtype), numbers(after, dtype)
    assert found.count == a.size
    assert found.unchanged == np.sum(a == b)
    assert found.max_change == np.abs(b - a).max()
    assert found.mean_before == pytest.approx(a.mean(), rel=CLOSE, abs=CLOSE)
    assert found.std_after == pytest.approx(b.std(), rel=CLOSE, abs=CLOSE)
    if np.linalg.norm(a):
        expected = np.linalg.norm(b - a) / np.linalg.norm(a)
        assert found.relative == pytest.approx(expected, rel=CLOSE)
    if np.linalg.norm(a) and np.linalg.norm(b):
        angle = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
        assert found.cosine == pytest.approx(angle, rel=1e-9, abs=CLOSE)


def test_pieces_are_put_together_as_if_there_were_one():
    rng = np.random.default_rng(4)
    before = rng.normal(3, 1, (5, PIECE // 2 + 17))
    after = before * 1.01 + rng.normal(0, 0.1, before.shape)
    found = drift(before, after, dtypes=("float64", "float64"))
    assert found.std_before == pytest.approx(before.std(), rel=CLOSE)
    expected = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    assert found.correlation == pytest.approx(expected, rel=1e-10)
    assert found.step == pytest.approx(
        np.sqrt(np.mean((after - before) ** 2)) / before.std(), rel=CLOSE
    )


def test_a_transposed_tensor_is_compared_place_by_place():
    values = np.arange(12.0).reshape(3, 4)
    turned = np.ascontiguousarray(values.T).T
    assert drift(values, turned, dtypes=("float64", "float64")).still


def test_an_empty_tensor_has_no_numbers():
    found = drift(np.empty((0, 4)), np.empty((0, 4)), dtypes=("float64", "float64"))
    assert (found.count, found.unchanged) == (0, 0)
    assert found.relative is found.cosine is found.mean_after is None


def test_a_tensor_that_was_all_zeros_has_no_relative_drift():
    found = drift(np.zeros(9), np.ones(9), dtypes=("float64", "float64"))
    assert found.relative is None
    assert (found.max_change, found.unchanged) == (1.0, 0)


def test_two_tensors_of_zeros_are_still():
    found = drift(np.zeros(9), np.zeros(9), dtypes=("float64", "float64"))
    assert (found.still, found.relative) == (True, 0.0)


def test_what_is_not_finite_is_counted_and_left_out_of_the_sums():
    before = np.array([1.0, np.nan, 3.0, np.inf])
    after = np.array([1.0, np.nan, 4.0, 0.0])
    found = drift(before, after, dtypes=("float64", "float64"))
    assert (found.nonfinite_before, found.nonfinite_after) == (2, 1)
    assert found.unchanged == 2
    assert found.relative == pytest.approx(1 / math.sqrt(10), rel=CLOSE)


def test_minus_zero_is_another_value_than_zero_bit_by_bit():
    found = drift(np.array([0.0]), np.array([-0.0]), dtypes=("float64", "float64"))
    assert (found.unchanged, found.max_change) == (0, 0.0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_a_cast_to_a_coarser_dtype_moves_nothing(dtype):
    values = torch.randn(4096, generator=torch.Generator().manual_seed(5))
    cast = values.to(getattr(torch, dtype))
    raw = cast.view(torch.uint8 if dtype.startswith("float8") else torch.int16).numpy()
    raw = raw.view(np.float16) if dtype == "float16" else raw.view(f"u{raw.dtype.itemsize}")
    found = drift(values.numpy(), raw, dtypes=("float32", dtype))
    assert found.still
    assert found.relative is not None
    assert found.relative > 0


def test_large_integers_are_compared_exactly():
    before = np.array([2**62, 2**62 + 1], dtype=np.int64)
    after = np.array([2**62, 2**62], dtype=np.int64)
    assert drift(before, after, dtypes=("int64", "int64")).unchanged == 1


def test_sizes_whose_squares_are_too_large_are_not_told():
    found = drift(np.full(4, 1e200), np.full(4, 2e200), dtypes=("float64", "float64"))
    assert found.relative is found.cosine is None
    assert found.max_change == 1e200


def test_other_shapes_cannot_be_compared():
    with pytest.raises(ValueError, match="expected one shape"):
        drift(np.zeros(3), np.zeros(4), dtypes=("float64", "float64"))


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"]
)
@given(st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_rounding_is_torchs(dtype, values):
    given_values = np.array(values, np.float64)
    kind = getattr(torch, dtype)
    expected = torch.tensor(values, dtype=torch.float32).to(kind).to(torch.float64).numpy()
    found = rounded(given_values, dtype)
    np.testing.assert_array_equal(found, expected)


def test_of_two_dtypes_the_one_with_fewer_digits_is_the_coarser():
    assert coarser("float32", "bfloat16") == "bfloat16"
    assert coarser("float16", "bfloat16") == "bfloat16"
    assert coarser("int8", "float32") == "float32"


@pytest.mark.parametrize("dtype", sorted(set(PRECISION) & set(PATTERNS)))
def test_every_pattern_is_decoded(dtype):
    kind, bits = PATTERNS[dtype]
    patterns = np.arange(2 ** (8 * np.dtype(bits).itemsize), dtype=np.uint32).astype(bits)
    with np.errstate(invalid="ignore"):
        expected = patterns.view(kind).astype(np.float64)
    np.testing.assert_array_equal(decoded(patterns, dtype), expected)
