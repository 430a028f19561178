import numpy as np
import pytest
import torch

from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.edge import edge_test, upper_tail
from app.core.measurement import places_of
from app.core.sketch import sketch
from tests.torch_checkpoints import judged, stored


def spectrum_of(values):
    array = np.ascontiguousarray(values, dtype=np.float32)
    return places_of(array, sketch(array, dtype="float32")).spectrum


def p_of(values, law=None):
    return edge_test(law or Normal(std=1.0), spectrum_of(values), "float32")["spectrum"][0]


# 0.9793, 2.0234 and 3.2724 are the law's 95th, 99th and 99.9th percentiles, as tabulated by Bejan,
# Largest eigenvalues and sample covariance matrices (2005); the gamma law is within 6 % of them.
@pytest.mark.parametrize(("s", "tail"), [(0.9793, 0.05), (2.0234, 0.01), (3.2724, 0.001)])
def test_the_tail_is_tracy_and_widom_s(s, tail):
    assert upper_tail(s) == pytest.approx(tail, rel=0.06)


def test_the_largest_eigenvalue_is_numpy_s():
    values = np.random.default_rng(0).normal(size=(40, 90)).astype(np.float32)
    exact = np.linalg.svd(values.astype(np.float64), compute_uv=False)[0] ** 2
    assert spectrum_of(values).largest == pytest.approx(exact, rel=1e-9)


def test_of_a_large_matrix_some_rows_are_taken():
    found = spectrum_of(np.random.default_rng(0).normal(size=(700, 1024)))
    assert (found.rows, found.columns) == (64, 1024)


@pytest.mark.parametrize("shape", [(8, 300), (40, 2**14)])
def test_a_narrow_or_very_long_matrix_has_none(shape):
    assert spectrum_of(np.random.default_rng(0).normal(size=shape)) is None


@pytest.mark.parametrize(
    ("law", "draw"),
    [
        (Normal(std=1.0), lambda g, n: g.normal(size=n)),
        (Uniform(bound=3**0.5), lambda g, n: g.uniform(-(3**0.5), 3**0.5, size=n)),
        (TruncatedNormal(parent=1.0), lambda g, n: np.clip(g.normal(size=n), -2, 2) * 0.9),
    ],
)
def test_independent_draws_stay_at_the_edge(law, draw):
    dice = np.random.default_rng(3)
    below = sum(p_of(draw(dice, (24, 40)), law) < 0.01 for _ in range(400))
    # At most 0.01 of 400 are expected; 13 or more happen with odds of 2·10⁻⁴.
    assert below < 13


def test_a_drift_of_rank_one_stands_out():
    dice = np.random.default_rng(0)
    step = np.outer(dice.normal(size=60), dice.normal(size=80))
    assert p_of(dice.normal(size=(60, 80)) + 0.25 * step) < 1e-6


def test_the_spectrum_is_named_as_the_reason():
    torch.manual_seed(0)
    weight = torch.randn(60, 80) + 0.22 * torch.outer(torch.randn(60), torch.randn(80))
    found = judged(stored({"weight": 0.02 * weight})).reports[0]
    assert [c for c in found.candidates if c.rejected_by == "spectrum"]
    assert found.schemes == ()
