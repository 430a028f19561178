"""Quantiles, cells and the distribution function of a sketch."""

import ml_dtypes
import numpy as np
import pytest

from app.core.sketch import distribution_function, sketch
from tests.sketch_cases import CASES, GAUSS, RNG, N


@pytest.mark.parametrize("p", [0.0, 0.001, 0.1, 0.5, 0.75, 0.999, 1.0])
@pytest.mark.parametrize("name", ["float16", "few", "upcast bfloat16", "upcast float16", "int8"])
def test_quantiles_of_exact_cells_are_exact(name: str, p: float) -> None:
    values = CASES[name]
    found = sketch(values, dtype=values.dtype.name)
    assert found.quantile(p) == np.quantile(values.astype(np.float64), p, method="inverted_cdf")


@pytest.mark.parametrize("name", ["gauss", "uniform", "float64", "outlier", "sorted drift"])
def test_quantiles_of_wide_cells_are_within_a_cell(name: str) -> None:
    values = CASES[name]
    found = sketch(values, dtype=values.dtype.name)
    shares = np.linspace(0.0, 1.0, 101)
    wanted = np.quantile(values.astype(np.float64), shares, method="inverted_cdf")
    got = np.array([found.quantile(p) for p in shares])
    assert np.all(np.abs(got - wanted) <= np.abs(wanted) * 2.0**-7)


def test_a_narrow_band_away_from_zero_has_fine_cells() -> None:
    for name in ("norm weight", "mean 100, std 0.01", "mean -100, std 0.01", "float64 mean 100"):
        values = CASES[name]
        cells = sketch(values, dtype=values.dtype.name).cells
        std = float(values.astype(np.float64).std())
        # At least 8 cells per std: a histogram of 200 bins over 8 std has no empty ones.
        assert np.median(np.diff(cells.low)) < std / 8


def test_upcast_values_are_known_exactly() -> None:
    for name in ("upcast bfloat16", "upcast float16", "two values"):
        assert sketch(CASES[name], dtype="float32").cells.exact


def test_quantile_needs_a_share() -> None:
    with pytest.raises(ValueError, match="0 ≤ p ≤ 1"):
        sketch(GAUSS, dtype="float32").quantile(1.5)


def test_low_bits_tell_of_a_narrower_origin() -> None:
    assert sketch(CASES["upcast bfloat16"], dtype="float32").low_bits % 2**16 == 0
    assert sketch(CASES["upcast float16"], dtype="float32").low_bits % 2**13 == 0
    assert sketch(GAUSS, dtype="float32").low_bits % 2 == 1
    assert sketch(np.arange(5000) * 2, dtype="int64").low_bits % 2 == 0


@pytest.mark.parametrize("size", [300, N])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "upcast"])
def test_distribution_function_is_exact_for_the_values_before_rounding(
    dtype: str, size: int
) -> None:
    drawn = RNG.normal(0.0, 0.02, size).astype(np.float32).astype(np.float64)
    if dtype == "bfloat16":
        stored = drawn.astype(ml_dtypes.bfloat16).view(np.uint16)
    elif dtype == "upcast":
        stored, dtype = drawn.astype(ml_dtypes.bfloat16).astype(np.float32), "float32"
    else:
        stored = drawn.astype(dtype)
    x, share = distribution_function(sketch(stored, dtype=dtype))
    assert np.all(np.diff(x) > 0)
    assert (share[0], share[-1]) == (0.0, 1.0)
    # A draw on a midpoint itself may have been rounded to either side.
    drawn.sort()
    assert np.all(np.searchsorted(drawn, x, side="left") / size <= share)
    assert np.all(share <= np.searchsorted(drawn, x, side="right") / size)
