import math

import pytest
import torch
from torch import nn

from app.core.attribution import FEW, attribute
from app.core.fans import fans
from app.core.report import DefaultLaw
from app.core.schemes import laws_at
from app.core.sketch import sketch
from tests.torch_checkpoints import judged, stored

ALPHA = 0.001


def default(bound):
    return DefaultLaw(
        law="uniform",
        bound=bound,
        std=bound / math.sqrt(3),
        value=None,
        formula="",
        certainty="confirmed",
        call="",
        source="",
    )


def sketched(values: torch.Tensor):
    dtype = str(values.dtype).removeprefix("torch.")
    if dtype == "bfloat16":
        return sketch(values.view(torch.uint16).numpy(), dtype=dtype)
    return sketch(values.numpy(), dtype=dtype)


def attributed(values: torch.Tensor, *, alpha=ALPHA):
    shape = tuple(values.shape)
    both = fans(shape) if len(shape) > 1 else None
    bound = 1 / math.sqrt(both.fan_in) if both else 0.05
    laws = laws_at(shape=shape, fans=both, default=default(bound))
    return attribute(sketched(values.detach()), laws, alpha=alpha)


def line(found, scheme):
    return next(c for c in found.candidates if scheme in c.ids)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_square_xavier_is_reported_as_the_set_of_equal_laws():
    found = attributed(nn.init.xavier_uniform_(torch.empty(512, 512)))
    assert set(found.candidates[0].ids) >= {
        "xavier_uniform(gain=1)",
        "kaiming_uniform(fan_in,linear)",
        "kaiming_uniform(fan_out,linear)",
        "lecun_uniform",
    }
    assert set(found.schemes) == set(found.candidates[0].ids)


def test_the_default_of_a_doubling_layer_is_also_a_xavier_with_gain_one_over_root_two():
    found = attributed(nn.Linear(512, 1024).weight)
    assert set(found.schemes) == {
        "torch_default",
        "kaiming_uniform(fan_in,a=√5)",
        "xavier_uniform(gain=0.7071)",
    }


@pytest.mark.parametrize("inputs", [300, 10])  # RN(1/√300) < 1/√300, but RN(1/√10) > 1/√10
def test_a_default_cast_to_bfloat16_is_still_the_default(inputs):
    found = attributed(nn.Linear(inputs, 300).weight.detach().to(torch.bfloat16))
    assert found.schemes[0] == "torch_default"


def test_a_native_bfloat16_draw_is_still_the_default():
    weight = torch.empty(1000, 1000, dtype=torch.bfloat16)
    bound = 1 / math.sqrt(1000)
    assert attributed(weight.uniform_(-bound, bound)).schemes[0] == "torch_default"


def test_trunc_normal_with_absolute_cuts_is_a_plain_normal():
    found = attributed(nn.init.trunc_normal_(torch.empty(768, 768), std=0.02))
    assert set(found.schemes) == {"normal(0.02)", "trunc_normal(0.02)"}
    assert line(found, "truncated_normal(0.02,±2σ)").rejected_by == "support"


def test_a_normal_cut_at_two_sigma_is_told_from_a_plain_one():
    cut = nn.init.trunc_normal_(torch.empty(768, 768), std=0.02, a=-0.04, b=0.04)
    found = attributed(cut)
    assert set(found.schemes) == {"truncated_normal(0.02,±2σ)"}


@torch.no_grad()
def test_pruning_is_seen_by_its_exact_zeros():
    weight = nn.Linear(200, 200).weight.detach().clone()
    weight[weight.abs() < weight.abs().quantile(0.05)] = 0.0
    found = attributed(weight)
    assert found.status == "not_at_init"
    assert line(found, "torch_default").rejected_by == "zeros"


def test_one_training_step_leaves_the_default_s_support():
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 1))
    inputs, targets = torch.randn(64, 64), torch.randn(64, 1)
    nn.functional.mse_loss(model(inputs), targets).backward()
    found = attributed(model[0].weight.detach() - 0.1 * model[0].weight.grad)
    assert "torch_default" not in found.schemes
    assert line(found, "torch_default").rejected_by == "support"
    assert found.status == "not_at_init"
    assert "torch_default" in found.moved_from.ids


def test_a_layer_times_two_and_a_half_is_not_kaiming_uniform():
    # √6 = 2.449 times the default's bound: a test of the shape alone would pass it.
    found = attributed(nn.Linear(512, 512).weight.detach() * 2.5)
    assert found.status == "unlisted_scale"
    assert line(found, "kaiming_uniform(fan_in,relu)").rejected_by == "support"


def test_a_scaled_uniform_s_fitted_bound_is_its_own():
    found = attributed(nn.Linear(512, 512).weight.detach() * 3)
    assert found.fit is not None
    # The largest of n draws misses the bound by bound/n on average: 4e-6 here; 10 times granted.
    assert found.fit.bound == pytest.approx(3 / math.sqrt(512), rel=4e-5)


def test_a_normal_four_percent_too_wide_has_an_unlisted_scale():
    found = attributed(torch.randn(512, 512) * 0.02086)
    assert (found.status, found.fit.law) == ("unlisted_scale", "normal")
    # std of √(χ²ₙ/n) is 1/√(2n) = 0.14 %: five of them.
    assert line(found, "normal(0.02)").std_ratio == pytest.approx(1.043, abs=0.007)


def test_a_mixture_fits_no_scheme_at_any_scale():
    narrow, wide = torch.randn(256, 512) * 0.01, torch.randn(256, 512) * 0.05
    assert attributed(torch.cat([narrow, wide])).status == "not_at_init"


def test_an_orthogonal_matrix_is_told_by_its_sum_of_squares_alone():
    found = attributed(nn.init.orthogonal_(torch.empty(256, 512)))
    first = found.candidates[0]
    assert "orthogonal(gain=1)" in first.ids
    assert "scale alone" in first.reason
    assert line(found, "orthogonal(gain=1.414)").rejected_by == "scale"


def test_a_normal_of_the_same_std_is_no_orthogonal_matrix():
    found = attributed(torch.randn(256, 512) / math.sqrt(512))
    assert line(found, "orthogonal(gain=1)").rejected_by == "scale"


def test_ten_values_are_too_few_to_tell():
    found = attributed(nn.Linear(512, 10).bias)
    assert found.status == "too_small"
    assert len(found.schemes) > 1


def test_zeros_are_zeros_and_not_a_draw():
    found = attributed(torch.zeros(64, 64))
    assert (found.status, found.schemes) == ("structured", ("zeros",))


def test_a_listed_constant_is_found_as_its_dtype_stores_it():
    found = attributed(torch.full((64, 64), 0.1, dtype=torch.bfloat16))
    assert found.schemes == ("constant(0.1)",)


def test_a_single_value_is_no_constant():
    assert attributed(torch.tensor([0.0123])).status == "too_small"


def test_a_kaiming_relu_convolution_is_listed_before_its_leaky_twin():
    found = attributed(nn.init.kaiming_normal_(torch.empty(64, 64, 3, 3), mode="fan_out"))
    assert found.schemes[0].startswith("kaiming_normal(fan_")
    assert found.schemes[0].endswith("relu)")


def test_below_thirty_values_nothing_is_called_consistent():
    found = attributed(torch.randn(FEW - 1))
    assert found.status == "too_small"


def test_a_large_default_layer_survives_at_the_level_of_a_thousand_tensors():
    weight = nn.Linear(2048, 2048).weight
    assert attributed(weight, alpha=1e-6).schemes[0] == "torch_default"


def test_every_excluded_law_says_which_test_excluded_it_and_why():
    found = attributed(nn.Linear(300, 200).weight)
    excluded = [c for c in found.candidates if c.rejected_by is not None]
    tests = {"support", "scale", "shape", "mean", "rows", "columns", "zeros", "extreme"}
    tests |= {"constant", "places", "spectrum"}
    assert {c.rejected_by for c in excluded} <= tests
    assert all(c.reason for c in excluded)


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16, torch.float8_e4m3fn])
def test_a_default_kept_in_float32_after_a_narrower_dtype_is_still_the_default(narrow):
    weight = nn.Linear(10, 700).weight.detach()
    assert attributed(weight.to(narrow).to(torch.float32)).schemes[0] == "torch_default"


def test_a_constant_that_passed_bfloat16_is_the_listed_constant():
    found = attributed(torch.full((64, 64), 0.1, dtype=torch.bfloat16).float())
    assert "constant(0.1)" in found.schemes


def test_relu_and_its_leaky_twin_are_said_to_be_inseparable():
    best = attributed(nn.init.kaiming_normal_(torch.empty(64, 64, 3, 3))).candidates[0]
    assert "kaiming_normal(fan_in,relu)" in best.ids
    assert "kaiming_normal(fan_in,leaky_relu=0.01)" in best.inseparable_from


def test_laws_that_the_size_can_part_are_not_called_inseparable():
    found = attributed(nn.init.xavier_normal_(torch.empty(256, 512)))
    alive = [c for c in found.candidates if c.rejected_by is None]
    assert not any(c.inseparable_from for c in alive)


def test_a_short_bias_that_looks_normal_is_not_called_a_fresh_draw():
    found = attributed(0.3 * torch.randn(512))
    assert found.status == "not_at_init"
    assert found.fit is not None
    assert not found.fit.telling


def test_a_matrix_that_looks_normal_at_no_listed_spread_may_be_one():
    assert attributed(0.4 * torch.randn(32, 32)).status == "unlisted_scale"


@pytest.mark.parametrize(
    ("top", "scheme", "call"),
    [(1.0, "uniform[0,1)", "nn.init.uniform_"), (0.01, "uniform[0,0.01)", "jax.nn")],
)
def test_a_uniform_without_bounds_is_known_with_its_call(top, scheme, call):
    torch.manual_seed(8)
    found = judged(stored({"weight": torch.rand(64, 64) * top})).reports[0]
    assert (found.status, found.schemes) == ("consistent", (scheme,))
    assert [line for line in found.remarks if call in line]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_native_16_bit_draw_between_0_and_1_is_known(dtype):
    torch.manual_seed(8)
    values = torch.empty(200, 300, dtype=dtype).uniform_()
    assert judged(stored({"weight": values})).reports[0].schemes == ("uniform[0,1)",)


@pytest.mark.parametrize("moved", [lambda w: w - 0.5, lambda w: w**2, lambda w: w * 0.7])
def test_other_positive_values_are_no_uniform_of_that_kind(moved):
    torch.manual_seed(8)
    found = judged(stored({"weight": moved(torch.rand(64, 64))})).reports[0]
    assert not [i for i in found.schemes if i.startswith("uniform[0")]


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        (nn.init.eye_(torch.empty(40, 24)), "eye"),
        (nn.init.dirac_(torch.empty(12, 8, 3)), "dirac"),
        (nn.init.dirac_(torch.empty(12, 8, 3, 3), groups=4), "dirac"),
        (nn.init.sparse_(torch.empty(100, 80), 0.3), "sparse(0.01)"),
    ],
)
def test_what_sets_values_by_their_places_is_a_scheme_too(values, scheme):
    found = judged(stored({"weight": values})).reports[0]
    assert (found.status, found.schemes) == ("structured", (scheme,))


def clamped_normal(times, std=0.02):
    torch.manual_seed(8)
    values = torch.randn(400, 300) * std
    values[:times, 0] = torch.tensor([2.0, -2.0] * times)[:times]
    return values


@pytest.mark.parametrize("times", [1, 2])
def test_a_value_at_the_cut_of_trunc_normal_is_an_accident_of_its_draw(times):
    found = judged(stored({"weight": clamped_normal(times)})).reports[0]
    assert (found.status, found.schemes) == ("consistent", ("trunc_normal(0.02)",))


@pytest.mark.parametrize("values", [clamped_normal(5), clamped_normal(1) * 1.01])
def test_other_far_values_are_no_accident(values):
    assert judged(stored({"weight": values})).reports[0].schemes == ()
