"""Statistics of one pass against float64 numpy on the same values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.core.sketch import Sketch, distribution_function, sketch, warm
from tests.sketch_cases import CASES, GAUSS, MINI, RNG, N, check_counts, check_moments


@pytest.mark.parametrize("name", CASES)
def test_counts_extremes_and_share_outside_are_exact(name: str) -> None:
    values = CASES[name]
    wide = values.astype(np.float64)
    finite = np.abs(wide[np.isfinite(wide)])
    for limit in (float(np.quantile(finite, 0.9)), float(finite.max()), 0.0, 1.0 / 3.0):
        check_counts(sketch(values, dtype=values.dtype.name, limit=limit), wide, limit)


@pytest.mark.parametrize("name", CASES)
def test_moments_equal_float64_numpy(name: str) -> None:
    values = CASES[name]
    wide = values.astype(np.float64)
    check_moments(sketch(values, dtype=values.dtype.name), wide[np.isfinite(wide)])


@pytest.mark.parametrize("size", [100, N])
@pytest.mark.parametrize("dtype", MINI)
def test_small_floats_equal_their_upcast_values(dtype: str, size: int) -> None:
    real, carrier = MINI[dtype]
    patterns = RNG.integers(0, 2 ** (8 * carrier().itemsize), size).astype(carrier)
    with np.errstate(invalid="ignore"):
        wide = patterns.view(real).astype(np.float64)
    found = sketch(patterns, dtype=dtype, limit=1.0)
    check_counts(found, wide, 1.0)
    check_moments(found, wide[np.isfinite(wide)])


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3e-40, 3e38])
@pytest.mark.parametrize("size", [1, 17, N])
def test_a_constant_has_std_exactly_zero_and_no_shape(value: float, size: int) -> None:
    found = sketch(np.full(size, value, np.float32), dtype="float32")
    assert found.std == 0.0
    assert (found.skewness, found.kurtosis) == (None, None)
    assert found.constant == float(np.float32(value))


@pytest.mark.parametrize("size", [0, 10, N])
def test_without_finite_values_nothing_is_claimed(size: int) -> None:
    found = sketch(np.full(size, np.nan, np.float32), dtype="float32", limit=1.0)
    assert (found.count, found.nan, found.finite) == (size, size, 0)
    undefined = (found.minimum, found.maximum, found.std, found.skewness, found.kurtosis)
    assert undefined == (None,) * 5
    assert found.quantile(0.5) is None
    assert found.second_moment is None
    assert found.constant is None
    assert distribution_function(found)[0].size == 0


def test_moments_beyond_float64_are_infinite_sums_and_none_in_the_report() -> None:
    found = sketch(np.array([-1.5e308, 1.5e308]), dtype="float64")
    assert found.m2 == math.inf
    assert found.second_moment is None
    assert found.std == pytest.approx(1.5e308)
    assert found.kurtosis == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "dtype", "limit", "message"),
    [
        (GAUSS, "float12", None, "expected one of"),
        (GAUSS, "bfloat16", None, "read from uint16"),
        (GAUSS, "float64", None, "read from float64"),
        (GAUSS, "float32", math.nan, "half-width"),
        (GAUSS, "float32", -1.0, "half-width"),
        (GAUSS.astype(">f4"), "float32", None, "read from float32"),
    ],
)
def test_wrong_arguments_are_refused(
    values: np.ndarray, dtype: str, limit: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sketch(values, dtype=dtype, limit=limit)


def test_warm_twice_is_harmless() -> None:
    warm()
    warm()


@pytest.mark.parametrize("limit", [0.0, 1e-6, 3e38, 1e300])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_the_largest_values_of_a_dtype_have_a_finite_cell(real: type, limit: float) -> None:
    values = np.zeros(5000, real)
    values[:4] = np.finfo(real).max * np.array([1.0, -1.0, 0.999, -0.999])
    check_counts(sketch(values, dtype=np.dtype(real).name, limit=limit), values.astype("f8"), limit)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.sampled_from([1, 5, 4097, 20_000]),
        elements=st.floats(width=32) | st.sampled_from([0.0, -0.0, 1e-45, -1e-45]),
        fill=st.floats(width=32),
    ),
    st.floats(0.0, 1e30),
)
def test_any_float32_values_are_counted_exactly(values: np.ndarray, limit: float) -> None:
    wide = values.astype(np.float64)
    found = sketch(values, dtype="float32", limit=limit)
    if np.isfinite(wide).any():
        check_counts(found, wide, limit)
    assert Sketch.from_bytes(found.to_bytes()).to_bytes() == found.to_bytes()
