"""What is counted of an output, by the compiled loops and by torch."""

import math

import numpy as np
import pytest
import torch

from app.core.compiled import prepare
from app.probe import statistics
from app.probe.kernels import BLOCK
from app.probe.statistics import NO_LIMITS, Counter, mark_alive, squares

LIMITS = (-0.97, 0.97)


@pytest.fixture(scope="module", autouse=True)
def _ready():
    prepare()


def pair(*shape, seed=0, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=draw).to(dtype) for _ in range(2))


def counted(a, b, limits=NO_LIMITS):
    return Counter(1).pair(a, b, limits)


def by_torch(a, b, limits=NO_LIMITS):
    return statistics.Sums(elsewhere=statistics._pair_by_torch(a, b, limits)).settle()


@pytest.fixture(params=["loops", "torch"])
def count(request):
    return counted if request.param == "loops" else by_torch


def test_mean_std_and_rms_are_those_of_all_values(count):
    a, b = pair(3 * BLOCK + 7)
    both = torch.cat([a, b]).double()
    found = count(a, b)
    assert found.count == both.numel()
    assert found.mean == pytest.approx(float(both.mean()), rel=1e-12)
    assert found.std == pytest.approx(float(both.std(correction=0)), rel=1e-12)
    assert found.rms == pytest.approx(float(both.square().mean().sqrt()), rel=1e-12)


def test_the_bins_are_those_of_numpy(count):
    a, b = pair(5000)
    inside, _ = np.histogram(torch.cat([a, b]).numpy(), bins=128, range=(-4, 4))
    bins = count(a * 1.5, b * 1.5).bins
    inside, _ = np.histogram(torch.cat([a, b]).numpy() * np.float32(1.5), bins=128, range=(-4, 4))
    below = int((torch.cat([a, b]) * 1.5 < -4).sum())
    assert bins[0] == below
    assert bins[1:-1].tolist() == inside.tolist()
    assert bins.sum() == 10000


def test_exact_zeros_are_counted(count):
    a, b = pair(4, 999)
    assert count(a.relu(), b.relu()).zero_fraction == pytest.approx(
        float((torch.cat([a, b]) <= 0).double().mean())
    )


def test_values_beyond_the_limits_are_saturated(count):
    a, b = (x.tanh() for x in pair(7777))
    share = float((torch.cat([a, b]).abs().double() > 0.97).double().mean())
    assert count(a, b, LIMITS).saturated_fraction == pytest.approx(share)


def test_what_is_not_finite_is_counted_and_left_out(count):
    a, b = pair(2 * BLOCK)
    a[5], a[6], b[BLOCK] = math.nan, math.inf, -math.inf
    kept = torch.cat([a, b]).double()
    kept = kept[torch.isfinite(kept)]
    found = count(a, b)
    assert (found.nonfinite, found.count) == (3, kept.numel())
    assert found.mean == pytest.approx(float(kept.mean()), rel=1e-12)
    assert found.bins.sum() == kept.numel()


def test_the_input_share_is_the_spread_over_inputs(count):
    # 20,000 pairs: a mean square is known to √(2/20,000) = 1 %, its root to half of that.
    a, b = pair(20_000)
    assert count(3 + 4 * a, 3 + 4 * b).input_share == pytest.approx(4 / 5, rel=0.03)


def test_what_no_input_changes_has_an_input_share_of_0(count):
    a = torch.randn(1000)
    assert count(a, a.clone()).input_share == 0.0


def test_no_share_of_nothing(count):
    assert count(torch.zeros(9), torch.zeros(9)).input_share is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes_are_counted_by_their_values(dtype):
    a, b = pair(3000, dtype=dtype)
    wide = counted(a.float(), b.float())
    narrow = counted(a, b)
    assert narrow.bins.tolist() == wide.bins.tolist() or dtype == torch.float64
    assert narrow.rms == pytest.approx(wide.rms, rel=1e-6)


def test_squares_of_a_tiny_signal_do_not_vanish(count):
    a, b = pair(1000)
    assert count(a * 1e-30, b * 1e-30).rms == pytest.approx(1e-30, rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.T,
        lambda x: x[:, ::2],
        lambda x: x.expand(3, *x.shape),
        lambda x: x.reshape(5, 4, 10).permute(2, 0, 1),
    ],
)
def test_the_layout_in_memory_does_not_matter(change):
    a, b = pair(20, 10)
    strided = counted(change(a), change(b))
    plain = counted(change(a).contiguous(), change(b).contiguous())
    assert strided.sums == pytest.approx(plain.sums, rel=1e-12)
    assert strided.bins.tolist() == plain.bins.tolist()


def test_pairs_of_different_layout_are_matched_by_their_axes():
    a, b = pair(30, 40)
    assert counted(a, b.T.contiguous().T).sums == pytest.approx(counted(a, b).sums, rel=1e-12)


def test_threads_count_what_one_counts():
    a, b = pair(300_001)
    counter = Counter(2)
    shared = counter.pair(a, b)
    counter.close()
    assert shared.sums == pytest.approx(counted(a, b).sums, rel=1e-12)


def test_the_squares_of_a_gradient_leave_out_what_is_not_finite():
    x = torch.tensor([3.0, math.inf, 4.0, math.nan])
    found = squares(x)
    assert (found.rms, found.nonfinite) == (math.sqrt(12.5), 2)


@pytest.mark.parametrize(("shape", "axis"), [((6, 5), -1), ((2, 5, 3, 4), 1), ((2, 3, 5), -1)])
def test_a_unit_is_dead_if_it_is_0_over_the_whole_batch(shape, axis):
    x = torch.ones(shape)
    x.select(axis, 3).zero_()
    x.select(axis, 1).zero_()
    x.select(axis, 1)[(-1,) * (x.ndim - 1)] = 7.0
    alive = np.zeros(5, np.bool_)
    mark_alive(x, axis, alive)
    assert alive.tolist() == [True, True, True, False, True]
    assert statistics._alive_by_torch(x, axis % x.ndim).tolist() == alive.tolist()


def test_the_squares_that_torch_counts_are_those_of_the_loops():
    x, _ = pair(5000)
    x[7] = math.inf
    found = statistics.Sums(elsewhere=[statistics._row_by_torch(x.double(), NO_LIMITS)]).settle()
    assert found.rms == pytest.approx(squares(x).rms, rel=1e-12)
    assert found.nonfinite == 1
