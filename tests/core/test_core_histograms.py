"""Display bins: exact where the values are known, and never on the wrong side of a limit."""

import base64

import ml_dtypes
import numpy as np
import pytest

from app.core.histograms import profile, rebin, tensor_histogram
from app.core.sketch import Sketch, sketch

RNG = np.random.default_rng(5)
N = 200_000
GAUSS = RNG.normal(0.0, 0.02, N).astype(np.float32)


def bfloat16(values: np.ndarray, *, limit: float | None = None) -> Sketch:
    return sketch(values.astype(ml_dtypes.bfloat16).view(np.uint16), dtype="bfloat16", limit=limit)


def in_bfloat16(value: float) -> float:
    return float(np.float32(value).astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("bins", [1, 10, 64, 257, 512])
def test_rebin_of_exact_cells_equals_numpy(bins: int) -> None:
    small = GAUSS.astype(np.float16)
    for values in (small, GAUSS[:1000], (GAUSS * 1000).astype(np.int8)):
        found = sketch(values, dtype=values.dtype.name)
        counts, edges = np.histogram(values.astype(np.float64), bins)
        assert np.array_equal(rebin(found, edges), counts)


def test_rebin_of_wide_cells_is_close_and_loses_nothing() -> None:
    counts, edges = np.histogram(GAUSS.astype(np.float64), 64)
    got = rebin(sketch(GAUSS, dtype="float32"), edges)
    assert got.sum() == pytest.approx(N, rel=1e-12)
    # Half a cell (2⁻⁸ of the value) is misplaced at most at either edge of a bin: at 0.09 that is
    # 7 % of a bin; inside a cell the density is flat to a percent.
    assert np.abs(got - counts).sum() / N < 0.01


def test_values_beyond_the_edges_are_left_out() -> None:
    values = GAUSS.astype(np.float16)
    edges = np.linspace(-0.01, 0.02, 20)
    wanted = np.histogram(values.astype(np.float64), edges)[0]
    assert np.array_equal(rebin(sketch(values, dtype="float16"), edges), wanted)


@pytest.mark.parametrize("edges", [[], [1.0], [1.0, 1.0], [1.0, 0.0], [0.0, np.nan], [0, np.inf]])
def test_edges_that_do_not_ascend_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        rebin(sketch(GAUSS, dtype="float32"), np.array(edges))


@pytest.mark.parametrize("bound", [0.05, 1 / 3, 1 / np.sqrt(512), 7e-5, 3.0])
def test_a_uniform_layer_shows_nothing_outside_its_bound(bound: float) -> None:
    values = RNG.uniform(-bound, bound, N).astype(np.float32)
    found = sketch(values, dtype="float32", limit=bound * (1 + 2**-22))
    edges = np.array([-2 * bound, -bound, 0.0, bound, 2 * bound])
    histogram = tensor_histogram(found, bound=bound)
    assert histogram is not None
    outside = [
        count
        for low, count in zip(histogram.edges, histogram.counts, strict=False)
        if low >= bound or low < -bound
    ]
    assert sum(outside) == 0.0
    assert rebin(sketch(values, dtype="float32", limit=bound), edges)[[0, 3]].sum() == 0.0


@pytest.mark.parametrize("bound", [0.1, 1 / 3, 1 / np.sqrt(512)])
def test_values_rounded_past_the_bound_count_as_inside(bound: float) -> None:
    found = bfloat16(RNG.uniform(-bound, bound, N), limit=max(bound, in_bfloat16(bound)))
    histogram = tensor_histogram(found, bound=bound)
    assert histogram is not None
    edges, counts = np.array(histogram.edges), np.array(histogram.counts)
    inside = (edges[:-1] >= -bound) & (edges[1:] <= bound)
    assert counts[~inside].sum() == 0.0
    assert counts.sum() == pytest.approx(N, rel=1e-12)
    levels = np.frombuffer(base64.b64decode(profile(found, scale=bound, unit="bound").levels), "u1")
    assert np.flatnonzero(levels).tolist() == list(range(80, 112))


def test_the_share_outside_is_drawn_exactly() -> None:
    limit = 0.05
    found = sketch(GAUSS, dtype="float32", limit=limit)
    below, inside, above = rebin(found, np.array([-1.0, -limit, limit, 1.0]))
    assert (below, above) == (found.below, found.above)
    assert below + inside + above == pytest.approx(N, rel=1e-12)


def test_sixteen_bit_steps_do_not_comb() -> None:
    found = bfloat16(RNG.uniform(-0.1, 0.1, N), limit=in_bfloat16(0.1))
    histogram = tensor_histogram(found, bound=0.1)
    assert histogram is not None
    counts = np.array(histogram.counts)
    counts = counts[counts > 0]
    # Without spreading, bins of 0.00083 hold one or two steps of 0.00049: off by 25 % and more.
    # Spread, what is left is the sampling noise of N / 240 draws, 3.5 %, of which 5 σ are allowed.
    assert np.abs(counts / counts.mean() - 1).max() < 5 * np.sqrt(counts.size / N)


def test_spread_values_stay_between_the_smallest_and_the_largest() -> None:
    values = RNG.choice(np.array([-1.0, 0.5, 1.0]), 5000)
    found = bfloat16(values)
    assert rebin(found, np.array([-2.0, -1.0, 1.0, 2.0])).tolist() == [
        0.0,
        *np.histogram(values, [-1.0, 1.0, 2.0])[0],
    ]
    histogram = tensor_histogram(found, bound=None)
    assert histogram is not None
    assert (histogram.edges[0], histogram.edges[-1]) == (-1.0, 1.0)
    assert sum(histogram.counts) == pytest.approx(5000, rel=1e-12)


BOUNDS = [None, 1e-5, 0.0003, 0.013, 0.05, 0.0937, 0.2, 5.0, 1e6]
SHAPES = {
    "gauss": GAUSS,
    "uniform": RNG.uniform(-0.05, 0.05, N).astype(np.float32),
    "student": RNG.standard_t(2, N).astype(np.float32),
    "norm weight": RNG.normal(1.0, 0.01, N).astype(np.float32),
    "mean 100": RNG.normal(100.0, 0.01, N),
    "pruned": np.where(RNG.random(N) < 0.999, 0.0, GAUSS).astype(np.float32),
    "few": GAUSS[:30],
    "outlier": np.append(GAUSS, np.float32(1e4)),
    "few with outlier": np.append(GAUSS[:99], np.float32(1e4)),
    "one": np.array([0.25], np.float32),
    "zeros": np.zeros(5000, np.float32),
    "ones": np.ones(100, np.float16),
    "denormals": np.array([1e-45, 3e-45, 0.0], np.float32),
    "neighbours": np.array([1.0, np.nextafter(1.0, 2.0)]),
    "huge": np.array([-1.7e308, 1.7e308, 0.0]),
}


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_histogram_spans_all_values_with_at_most_300_bins(
    shape: str, bound: float | None
) -> None:
    values = SHAPES[shape]
    histogram = tensor_histogram(sketch(values, dtype=values.dtype.name), bound=bound)
    assert histogram is not None
    edges, counts = np.array(histogram.edges), np.array(histogram.counts)
    assert edges.size == counts.size + 1
    assert 10 <= counts.size <= 300
    assert np.all(np.diff(edges) > 0)
    assert edges[0] <= values.min()
    assert edges[-1] >= values.max()
    assert counts.sum() == pytest.approx(values.size, rel=1e-12)
    assert counts.min() >= 0.0
    if bound is not None:
        assert {-bound, bound} <= set(histogram.edges)


@pytest.mark.parametrize(("count", "bins"), [(30, 24), (400, 48), (2_500, 120), (10**6, 240)])
def test_few_values_get_few_bins(count: int, bins: int) -> None:
    values = np.random.default_rng(5).uniform(-0.5, 0.5, count).astype(np.float32)
    drawn = tensor_histogram(sketch(values, dtype="float32"), bound=0.5)
    assert drawn is not None
    assert len(drawn.counts) == bins


@pytest.mark.parametrize("shape", ["outlier", "few with outlier"])
def test_one_outlier_does_not_flatten_the_rest(shape: str) -> None:
    values = SHAPES[shape]
    histogram = tensor_histogram(sketch(values, dtype="float32"), bound=None)
    assert histogram is not None
    assert np.count_nonzero(histogram.counts) > min(30, values.size // 10)
    assert histogram.counts[-1] == 1.0


def test_integers_get_bins_of_whole_numbers() -> None:
    values = RNG.integers(0, 1000, N)
    histogram = tensor_histogram(sketch(values, dtype="int64"), bound=None)
    assert histogram is not None
    widths = set(np.diff(histogram.edges))
    assert widths == {5.0}
    assert len(histogram.counts) == 200
    flags = tensor_histogram(sketch(values > 300, dtype="bool"), bound=None)
    assert flags is not None
    assert flags.counts == (float((values <= 300).sum()), float((values > 300).sum()))


def test_without_finite_values_there_is_no_histogram() -> None:
    found = sketch(np.full(3, np.nan), dtype="float64")
    assert tensor_histogram(found, bound=0.1) is None
    empty = profile(found, scale=1.0, unit="bound")
    assert set(base64.b64decode(empty.levels)) == {0}


@pytest.mark.parametrize("bound", [0.0, -1.0, np.nan, np.inf])
def test_a_bound_that_is_no_half_width_is_refused(bound: float) -> None:
    found = sketch(GAUSS, dtype="float32")
    with pytest.raises(ValueError, match="above 0"):
        tensor_histogram(found, bound=bound)
    with pytest.raises(ValueError, match="above 0"):
        profile(found, scale=bound, unit="bound")


def test_profile_levels_follow_the_square_root_of_the_counts() -> None:
    few = GAUSS[:4000]
    found = profile(sketch(few, dtype="float32"), scale=0.0125, unit="scheme")
    counts = np.histogram(few.astype(np.float64), 0.0125 * np.arange(-96, 97) / 16)[0]
    wanted = np.rint(255 * np.sqrt(counts / counts.max()))
    assert np.array_equal(np.frombuffer(base64.b64decode(found.levels), np.uint8), wanted)
    assert (found.unit, found.scale) == ("scheme", 0.0125)


def test_profile_counts_what_lies_beyond_six_units() -> None:
    found = profile(sketch(GAUSS, dtype="float32"), scale=0.01, unit="scheme")
    # Cells at 0.06 are 2⁻⁸ wide, so at most the values of one cell on each side are in doubt.
    doubt = np.count_nonzero(np.abs(np.abs(GAUSS) - 0.06) < 0.06 * 2**-7)
    assert abs(found.below - np.count_nonzero(GAUSS < -0.06)) <= doubt
    assert abs(found.above - np.count_nonzero(GAUSS > 0.06)) <= doubt
    exact = profile(
        sketch(np.array([-7.1, -6.0, 6.0, 6.6]), dtype="float64"), scale=1, unit="bound"
    )
    assert (exact.below, exact.above) == (1, 1)


def test_rare_values_stay_visible_in_a_profile() -> None:
    values = np.append(np.zeros(10**6, np.float32), np.float32(0.5))
    levels = base64.b64decode(
        profile(sketch(values, dtype="float32"), scale=1.0, unit="bound").levels
    )
    assert sorted(levels)[-2:] == [1, 255]
