import math

import pytest
import torch
from torch import nn

from app.core.attribution import sample_of
from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.freescale import free_fit, interval
from app.core.sketch import sketch

ALPHA = 0.001
FAMILIES = {
    "uniform": (Uniform(bound=0.3), lambda w: w.uniform_(-0.3, 0.3), 0.3),
    "normal": (Normal(std=0.3), lambda w: w.normal_(0, 0.3), 0.3),
    "truncated_normal": (
        TruncatedNormal(parent=0.3),
        lambda w: nn.init.trunc_normal_(w, std=0.3, a=-0.6, b=0.6),
        0.6,
    ),
}


def sample(values: torch.Tensor):
    return sample_of(sketch(values.numpy(), dtype="float32"))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


def test_a_free_scale_needs_at_least_one_value_off_zero():
    assert free_fit(sample(torch.zeros(100)), ALPHA) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_draw_at_any_scale_is_found_in_its_own_family(family):
    found = free_fit(sample(FAMILIES[family][1](torch.empty(20_000))), ALPHA)
    assert found is not None
    assert found.law == family
    assert found.telling


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n", [64, 1000])
def test_the_interval_misses_the_true_scale_as_often_as_it_says(family, n):
    law, draw, truth = FAMILIES[family]
    missed, draws, alpha = 0, 400, 0.1
    for _ in range(draws):
        low, high = interval(law, sample(draw(torch.empty(n))), alpha)
        missed += not low <= truth <= high
    # Binomial(400, 0.1): 40 expected, std 6; four of them either way, as the interval is exact.
    assert missed == pytest.approx(40, abs=24)


def test_the_interval_of_a_uniform_s_bound_is_the_closed_form():
    found = sample(torch.empty(500).uniform_(-1, 1))
    low, high = interval(Uniform(bound=1.0), found, ALPHA)
    # Half a float32 step, 3e-8, is granted at either end.
    assert low == pytest.approx(found.largest, rel=1e-7)
    assert high == pytest.approx(found.largest * ALPHA ** (-1 / 500), rel=1e-7)


def test_a_short_uniform_is_told_by_its_edges():
    found = free_fit(sample(torch.empty(200).uniform_(-0.7, 0.7)), ALPHA)
    assert found is not None
    assert found.law == "uniform"


def test_a_short_normal_could_be_anything():
    assert free_fit(sample(torch.randn(200)), ALPHA) is None


def test_a_normal_of_a_few_thousand_values_is_not_telling():
    found = free_fit(sample(torch.randn(3000)), ALPHA)
    assert found is not None
    assert not found.telling


def test_heavy_tails_fit_no_family():
    heavy = torch.distributions.StudentT(torch.tensor(4.0)).sample((5000,))
    assert free_fit(sample(heavy), ALPHA) is None


def test_the_bound_of_a_uniform_times_three_is_three_times_the_bound():
    found = free_fit(sample(3 * nn.Linear(256, 512).weight.detach()), ALPHA)
    assert found is not None
    assert found.low <= 3 / math.sqrt(256) <= found.high
