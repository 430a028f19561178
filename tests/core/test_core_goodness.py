import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from app.core.anderson import anderson_darling, anderson_darling_p, normality_p
from app.core.attribution import sample_of
from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.goodness import assess
from app.core.saddlepoint import squares_tails
from app.core.sketch import sketch

BOUND, SIGMA = 0.0442, 0.02
LAWS = {
    "uniform": (Uniform(bound=BOUND), lambda w: w.uniform_(-BOUND, BOUND)),
    "normal": (Normal(std=SIGMA), lambda w: w.normal_(0, SIGMA)),
    "truncated": (
        TruncatedNormal(parent=SIGMA),
        lambda w: nn.init.trunc_normal_(w, std=SIGMA, a=-2 * SIGMA, b=2 * SIGMA),
    ),
}


def sample(values: torch.Tensor):
    dtype = str(values.dtype).removeprefix("torch.")
    plain = values.view(torch.uint16).numpy() if dtype == "bfloat16" else values.numpy()
    return sample_of(sketch(plain, dtype=dtype))


def most(draws, alpha):
    # At most Binomial(draws, alpha) are rejected, as Bonferroni's bound is on the safe side; its
    # mean and 4 std, which 3e-5 of honest runs pass by the normal tail. Seeds are fixed.
    return draws * alpha + 4 * math.sqrt(draws * alpha * (1 - alpha))


def rejections(law, tensors, alpha):
    return sum(assess(law, sample(values), stop_below=0.0).p_value < alpha for values in tensors)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_the_p_value_of_anderson_darling_meets_the_published_points():
    # Stephens (1974), case 0: 10, 5, 2.5 and 1 %.
    published = {1.933: 0.10, 2.492: 0.05, 3.070: 0.025, 3.857: 0.01}
    # The table has 4 digits, 5e-4 of A², and the density of A² there is below 0.05 a unit.
    for squared, p in published.items():
        assert anderson_darling_p(squared) == pytest.approx(p, rel=0.025)


def test_the_tail_of_anderson_darling_is_smooth_where_its_two_forms_meet():
    # adinf is good to 2e-6 there; p falls by 1e-5 between the two points.
    assert anderson_darling_p(6.0) == pytest.approx(anderson_darling_p(6.01), abs=3e-5)


def test_anderson_darling_of_distinct_values_is_the_textbook_sum():
    rng = np.random.default_rng(5)
    u = np.sort(rng.random(200))
    n = u.size
    i = np.arange(1, n + 1)
    textbook = -n - np.mean((2 * i - 1) * (np.log(u) + np.log1p(-u[::-1])))
    points, shares = np.repeat(u, 2), np.stack((i - 1, i), 1).reshape(-1) / n
    assert anderson_darling(points, shares, n) == pytest.approx(textbook, rel=1e-9)


@pytest.mark.parametrize("p", [0.1, 0.01, 0.001])
def test_the_p_value_of_normality_is_that_of_simulated_normals(p):
    rng, n, draws = np.random.default_rng(0), 64, 60_000
    z = np.sort(rng.normal(size=(draws, n)), axis=1)
    z = (z - z.mean(1, keepdims=True)) / z.std(1, ddof=1, keepdims=True)
    i = np.arange(1, n + 1)
    logs = stats.norm.logcdf(z) + stats.norm.logsf(z[:, ::-1])
    squared = -n - np.mean((2 * i - 1) * logs, axis=1)
    below = np.mean([normality_p(a, n) < p for a in squared])
    # Binomial: √(p/draws), 13 % of p at 0.001, four of them; the published fit errs by 5 %.
    assert below == pytest.approx(p, rel=0.05 + 4 / math.sqrt(p * draws))


def test_the_tail_of_normality_has_no_step_where_its_forms_meet():
    for edge in (0.2, 0.34, 0.6, 2.0):
        n = 10**9  # no correction for n
        # The pieces are published to 4 digits and meet within 3 %.
        assert normality_p(edge - 1e-9, n) == pytest.approx(normality_p(edge + 1e-9, n), rel=0.03)


@pytest.mark.parametrize("n", [1, 3, 10, 50])
def test_the_squares_of_a_truncated_normal_have_the_tails_of_simulated_ones(n):
    rng, draws = np.random.default_rng(1), 20_000
    z = stats.truncnorm(-2, 2).rvs((draws, n), random_state=rng)
    means = np.mean(z * z, axis=1)
    for p in (0.05, 0.5, 0.95, 0.99):
        below, above = squares_tails(float(np.quantile(means, p)), 2.0, n)
        # Binomial std of the smaller tail, five of them; the expansion errs by 4 % of the tail at
        # n = 1 and by less than 3 % of it beyond.
        tail = min(p, 1 - p)
        slack = 5 * math.sqrt(tail * (1 - tail) / draws) + (0.07 if n == 1 else 0.03) * tail
        assert below == pytest.approx(p, abs=slack)
        assert above == pytest.approx(1 - p, abs=slack)


def test_squares_out_of_reach_are_as_good_as_impossible():
    assert squares_tails(4.0, 2.0, 100)[1] < 1e-50
    assert squares_tails(1e-6, 2.0, 100)[0] < 1e-50


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [10, 64, 4096])
def test_the_true_law_is_rejected_no_more_often_than_promised(law, dtype, n):
    truth, draw = LAWS[law]
    draws = 300 if n < 1000 else 100
    tensors = (draw(torch.empty(n)).to(dtype) for _ in range(draws))
    assert rejections(truth, tensors, 0.05) <= most(draws, 0.05)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("law", LAWS)
def test_a_draw_made_in_16_bits_is_rejected_no_more_often_than_promised(law, dtype):
    truth, draw = LAWS[law]
    tensors = (draw(torch.empty(20_000, dtype=dtype)) for _ in range(40))
    assert rejections(truth, tensors, 0.05) <= most(40, 0.05)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("law", LAWS)
def test_a_draw_rounded_to_8_bits_is_rejected_no_more_often_than_promised(law, dtype):
    truth, draw = LAWS[law]
    name = str(dtype).removeprefix("torch.")
    rejected = 0
    for _ in range(60):
        patterns = draw(torch.empty(5000)).to(dtype).view(torch.uint8).numpy()
        found = sample_of(sketch(patterns, dtype=name))
        rejected += assess(truth, found, stop_below=0.0).p_value < 0.05
    assert rejected <= most(60, 0.05)


@pytest.mark.parametrize(
    ("moved", "test"),
    [
        (lambda w: 1.05 * w, "scale"),
        (lambda w: w + 0.1 * SIGMA, "mean"),
        (lambda w: torch.where(w.abs() < 0.1 * SIGMA, 0.0, w), "zeros"),
        (lambda w: w.clamp(-2.5 * SIGMA, 2.5 * SIGMA) * 1.003, "extreme"),
    ],
)
def test_each_sub_test_sees_the_departure_it_is_there_for(moved, test):
    values = moved(torch.empty(20_000).normal_(0, SIGMA))
    assert assess(Normal(std=SIGMA), sample(values), stop_below=0.001).test == test


def test_tails_too_heavy_for_a_normal_are_seen_where_the_fully_given_law_is_blind():
    laplace = torch.distributions.Laplace(0.0, SIGMA / math.sqrt(2)).sample((200,))
    found = sample(laplace * SIGMA / laplace.pow(2).mean().sqrt())
    assert assess(Normal(std=SIGMA), found, stop_below=0.0).test == "normality"


def test_the_folded_edge_of_a_native_uniform_is_not_held_against_it():
    native = torch.empty(1_000_000, dtype=torch.bfloat16).uniform_(-BOUND, BOUND)
    found = sample(native)
    # Folding moves the mean by 2·b·0.00125, which is 4.3 standard errors: p = 2e-5 when plain.
    assert abs(found.mean) > 3.5 * BOUND / math.sqrt(3 * 1_000_000)
    assert assess(Uniform(bound=BOUND), found, stop_below=0.0).p_value > 0.001


def test_an_uncut_normal_is_no_truncated_one_at_any_storage():
    values = torch.empty(5000).normal_(0, SIGMA).clamp(-2 * SIGMA, 2 * SIGMA)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        verdict = assess(TruncatedNormal(parent=SIGMA), sample(values.to(dtype)), stop_below=0.0)
        assert verdict.p_value < 1e-6
