"""Values of every kind, and a sketch held against float64 numpy on the same values."""

import math

import ml_dtypes
import numpy as np
import pytest

from app.core.sketch import Sketch

RNG = np.random.default_rng(7)
N = 300_000  # more than a block, and not a multiple of anything
GAUSS = RNG.normal(0.0, 0.02, N).astype(np.float32)


def pruned() -> np.ndarray:
    values = GAUSS.copy()
    values[RNG.random(N) < 0.7] = 0.0
    return values


def with_outlier() -> np.ndarray:
    values = GAUSS.copy()
    values[N // 3] = 1e4
    return values


def with_nonfinite() -> np.ndarray:
    values = GAUSS.copy()
    values[::1001] = np.nan
    values[5], values[N - 3], values[70_000] = np.inf, np.inf, -np.inf
    return values


def wide_range() -> np.ndarray:
    return (np.sign(GAUSS) * 10.0 ** RNG.uniform(-30, 30, N)).astype(np.float32)


CASES = {
    "gauss": GAUSS,
    "uniform": RNG.uniform(-0.05, 0.05, N).astype(np.float32),
    "norm weight": RNG.normal(1.0, 0.01, N).astype(np.float32),
    "mean 100, std 0.01": RNG.normal(100.0, 0.01, N).astype(np.float32),
    "mean -100, std 0.01": RNG.normal(-100.0, 0.01, N).astype(np.float32),
    "student t": RNG.standard_t(3, N).astype(np.float32),
    "70 % pruned": pruned(),
    "outlier": with_outlier(),
    "NaN and infinity": with_nonfinite(),
    "sorted drift": np.sort(RNG.uniform(0.0, 1.0, N)).astype(np.float32),
    "1e-30 to 1e30": wide_range(),
    "denormals": (RNG.normal(0.0, 3e-40, N)).astype(np.float32),
    "tiny and zeros": np.where(RNG.random(N) < 0.5, 0.0, RNG.normal(0, 1e-42, N)).astype("f4"),
    "minus zero": np.where(RNG.random(N) < 0.5, -0.0, GAUSS).astype(np.float32),
    "upcast bfloat16": GAUSS.astype(ml_dtypes.bfloat16).astype(np.float32),
    "upcast float16": GAUSS.astype(np.float16).astype(np.float32),
    "two values": np.where(RNG.random(N) < 0.5, 1.0, -1.0).astype(np.float32),
    "constant blocks": np.repeat(RNG.normal(0, 1, 37), 8192).astype(np.float32),
    "few": GAUSS[:100],
    "one": np.array([3.5], np.float32),
    "two": np.array([1.0, 2.0], np.float32),
    "float64": RNG.normal(0.0, 0.02, N),
    "float64 mean 100": RNG.normal(100.0, 0.01, N),
    "float64 huge": RNG.normal(0.0, 1e200, N),
    "float64 tiny": RNG.normal(0.0, 1e-250, N),
    "float64 small, then huge": np.concatenate((GAUSS.astype("f8"), RNG.normal(0, 1e150, N))),
    "float64 huge, then small": np.concatenate((RNG.normal(0, 1e150, N), GAUSS.astype("f8"))),
    "float64 few huge": RNG.normal(0.0, 1e300, 50),
    "float16": GAUSS.astype(np.float16),
    "float16 random bits": RNG.integers(0, 2**16, N).astype(np.uint16).view(np.float16),
    "int64": RNG.integers(-(2**62), 2**62, N),
    "int64 indices": np.arange(N),
    "int32": RNG.integers(-1000, 1000, N).astype(np.int32),
    "uint64": RNG.integers(0, 2**63, N, dtype=np.uint64) * np.uint64(2),
    "int16": RNG.integers(-(2**15), 2**15, N).astype(np.int16),
    "int8": RNG.integers(-128, 128, N).astype(np.int8),
    "uint8": RNG.integers(0, 256, N).astype(np.uint8),
    "bool": RNG.random(N) < 0.3,
}
MINI = {
    "bfloat16": (ml_dtypes.bfloat16, np.uint16),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8),
    "float8_e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, np.uint8),
    "float8_e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, np.uint8),
    "float8_e8m0fnu": (ml_dtypes.float8_e8m0fnu, np.uint8),
}


def exact_sum(values: np.ndarray) -> float:
    return math.fsum(values.tolist())


def reference(values: np.ndarray) -> dict[str, float]:
    """Moments of finite float64 values, scaled so that no power overflows, summed exactly."""
    scale = math.ldexp(1.0, -math.frexp(float(np.abs(values).max()) or 1.0)[1])
    scaled = values * scale
    n = values.size
    mean = exact_sum(scaled) / n
    # The mean is rounded once; the deviations are taken with what it lost.
    low = exact_sum(scaled - mean) / n
    d = (scaled - mean) - low
    m2, m3, m4 = (exact_sum(d**power) / n for power in (2, 3, 4))
    moments = {"mean": mean / scale, "std": math.sqrt(m2) / scale}
    if m2 > 0:
        moments |= {"skewness": m3 / m2 / math.sqrt(m2), "kurtosis": m4 / m2 / m2}
    return moments


def check_counts(found: Sketch, wide: np.ndarray, limit: float) -> None:
    finite = wide[np.isfinite(wide)]
    assert found.count == wide.size
    assert found.nan == np.isnan(wide).sum()
    assert found.posinf == np.isposinf(wide).sum()
    assert found.neginf == np.isneginf(wide).sum()
    assert found.zeros == (finite == 0).sum()
    assert found.minimum == finite.min()
    assert found.maximum == finite.max()
    assert (found.below, found.above) == ((finite < -limit).sum(), (finite > limit).sum())
    assert found.cells.counts.sum() == finite.size
    assert found.cells.low[0] == finite.min()
    assert found.cells.high[-1] == finite.max()
    assert np.all(found.cells.low <= found.cells.high)
    assert np.all(found.cells.high[:-1] < found.cells.low[1:])
    place = np.searchsorted(found.cells.high, finite)
    assert np.all(found.cells.low[place] <= finite)
    assert np.array_equal(np.bincount(place), found.cells.counts)


def check_moments(found: Sketch, finite: np.ndarray) -> None:
    wanted = reference(finite)
    # The issue asks for 1e-12 of the std (a mean of 100 ± 0.01 has its own rounding, half of
    # 1.4e-14), 1e-12, and 1e-10 for the shape.
    rounding = np.spacing(abs(wanted["mean"]))
    assert found.mean == pytest.approx(
        wanted["mean"], rel=0, abs=max(1e-12 * wanted["std"], rounding)
    )
    assert found.std == pytest.approx(wanted["std"], rel=1e-12, abs=0)
    if wanted["std"] == 0:
        assert found.skewness is None
        assert found.kurtosis is None
        return
    assert found.skewness == pytest.approx(wanted["skewness"], rel=1e-10, abs=1e-10)
    assert found.kurtosis == pytest.approx(wanted["kurtosis"], rel=1e-10, abs=1e-10)
