import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from app.core.distributions import (
    FORMATS,
    Constant,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    rounded,
    spacing,
    storage_limit,
    truncated_std,
)

LAWS = [Uniform(bound=0.3), Normal(std=0.2), TruncatedNormal(parent=0.2)]
DTYPES = [
    "float32",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
]


@pytest.mark.parametrize("law", LAWS)
def test_the_density_is_the_slope_of_the_distribution_function(law):
    x, step = np.linspace(-0.25, 0.25, 51), 1e-6
    slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
    # Central differences err by step²·f''/6 < 1e-10 and by rounding, 1e-16/step = 1e-10.
    assert np.allclose(law.density(x), slope, rtol=1e-7)


@pytest.mark.parametrize("law", LAWS)
def test_std_and_kurtosis_are_the_integrals_of_the_density(law):
    edge = law.bound or 12 * law.std
    moments = [
        integrate.quad(lambda x, k=k: x**k * float(law.density(x)), -edge, edge, epsabs=1e-13)[0]
        for k in (2, 4)
    ]
    assert math.sqrt(moments[0]) == pytest.approx(law.std, rel=1e-9)
    assert moments[1] / moments[0] ** 2 == pytest.approx(law.kurtosis, rel=1e-9)


def test_a_normal_cut_at_two_sigma_has_the_std_that_jax_divides_by():
    assert truncated_std(2.0) == pytest.approx(0.87962566103423978, rel=1e-14)


@pytest.mark.parametrize("cut", [0.5, 2.0, 3.0])
def test_a_truncated_normal_is_scipy_s(cut):
    law, x = TruncatedNormal(parent=0.2, cut=cut), np.linspace(-0.7, 0.7, 29)
    other = stats.truncnorm(-cut, cut, scale=0.2)
    assert np.allclose(law.cdf(x), other.cdf(x), atol=1e-14)
    assert law.std == pytest.approx(other.std(), rel=1e-9)


def test_samples_of_torch_s_truncated_normal_have_its_std():
    torch.manual_seed(1)
    values = torch.nn.init.trunc_normal_(torch.empty(1_000_000), std=0.02, a=-0.04, b=0.04)
    law = TruncatedNormal(parent=0.02)
    # std of the sample std: σ·√((κ-1)/4n) = σ·√(1.365/4e6) = 5.8e-4 σ; five of them.
    assert values.std().item() == pytest.approx(law.std, rel=3e-3)


def test_orthogonal_entries_have_the_std_that_torch_draws():
    torch.manual_seed(1)
    matrix = torch.nn.init.orthogonal_(torch.empty(300, 200), gain=1.5)
    law = Orthogonal(gain=1.5, rows=300, columns=200)
    # Σw² is gain²·min(rows, columns) but for float32's QR, a few 1e-7.
    assert matrix.pow(2).mean().sqrt().item() == pytest.approx(law.std, rel=1e-5)


def test_a_constant_has_no_spread():
    assert (Constant(value=-0.5).std, Constant(value=-0.5).bound) == (0.0, 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_torch_s_own(dtype):
    rng = np.random.default_rng(2)
    values = rng.normal(size=2000) * 10.0 ** rng.integers(-9, 2, size=2000)
    stored = torch.tensor(values, dtype=torch.float64).to(torch.float32)
    theirs = stored.to(getattr(torch, dtype)).to(torch.float64).numpy()
    ours = [rounded(float(value), dtype) for value in stored.to(torch.float64)]
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_spacing_is_the_distance_to_the_next_number(dtype):
    for value in (1e-7, 0.02, 0.9999, 1.0, 300.0):
        here = torch.tensor(rounded(value, dtype), dtype=getattr(torch, dtype))
        there = torch.nextafter(here, torch.tensor(math.inf, dtype=here.dtype))
        gap = there.to(torch.float64) - here.to(torch.float64)
        assert spacing(here.item(), dtype) == gap.item()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("bound", [0.1, 0.04419417382415922, 1 / math.sqrt(300), 1.0])
def test_no_draw_stored_in_a_dtype_exceeds_its_storage_limit(dtype, bound):
    torch.manual_seed(4)
    cast = torch.empty(200_000).uniform_(-bound, bound).to(getattr(torch, dtype))
    native = torch.empty(200_000, dtype=getattr(torch, dtype)).uniform_(-bound, bound)
    largest = max(cast.abs().max().item(), native.abs().max().item())
    assert largest <= storage_limit(bound, dtype)


def test_the_storage_limit_of_bfloat16_may_exceed_the_bound():
    assert storage_limit(0.1, "bfloat16") == 0.10009765625


def test_the_storage_limit_of_float32_leaves_no_room_for_a_training_step():
    assert storage_limit(0.1, "float32") < 0.1 * (1 + 1e-6)


def test_every_listed_format_holds_its_own_largest_number():
    for dtype, (_, _, largest) in FORMATS.items():
        assert rounded(largest, dtype) == largest
