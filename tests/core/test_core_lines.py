import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from app.core.attribution import sample_of
from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.goodness import assess
from app.core.lines import _cumulants, explained, line_tests, lines_of
from app.core.matrix import Places
from app.core.matrix_reading import read
from app.core.sketch import sketch

LAWS = [Normal(std=0.05), Uniform(bound=0.05), TruncatedNormal(parent=0.05)]
ALPHA = 0.001


def draw(law, shape, rng):
    u = rng.random(shape)
    if isinstance(law, Uniform):
        return ((2 * u - 1) * law.bound).astype(np.float32)
    if isinstance(law, Normal):
        return (rng.standard_normal(shape) * law.std).astype(np.float32)
    tail = ndtr(-law.cut)
    return (ndtri(tail + (1 - 2 * tail) * u) * law.parent).astype(np.float32)


def lines(values, dtype="float32"):
    return lines_of(read(values, dtype=dtype, count_zeros=False).matrix, dtype=dtype)


def smallest(law, values):
    return min(p for p, _ in line_tests(law, lines(values)).values())


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
@pytest.mark.parametrize("shape", [(2, 8), (16, 9), (64, 64), (3000, 8)])
def test_a_true_law_is_rejected_no_more_often_than_alpha(law, shape):
    rng = np.random.default_rng(1)
    alpha, draws = 0.01, 3000 if shape[0] < 3000 else 150
    rejected = {"rows": 0, "columns": 0}
    for _ in range(draws):
        found = line_tests(law, lines(draw(law, shape, rng)))
        for name, (p, _) in found.items():
            rejected[name] += p < alpha
    # Binomial: alpha·draws with 5 standard errors, of which an honest test has 3e-7 above.
    most = alpha * draws + 5 * math.sqrt(alpha * draws) + 1
    assert max(rejected.values()) <= most


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
def test_the_cumulants_of_a_law_are_those_of_its_draws(law):
    x = draw(law, 2_000_000, np.random.default_rng(2)).astype(np.float64) ** 2
    y = x / law.std**2
    second, third = _cumulants(law)
    # Standard errors: √(μ₄/n) and √(μ₆/n) of a χ²₁, whose μ₄ = 60 and μ₆ = 10,400: 0.006, 0.07.
    assert y.var() == pytest.approx(second, abs=0.03)
    assert np.mean((y - 1) ** 3) == pytest.approx(third, abs=0.4)


@pytest.mark.parametrize("law", LAWS[:1] + LAWS[2:], ids=lambda law: law.law)
def test_a_drift_of_rank_one_is_seen(law):
    rng = np.random.default_rng(3)
    w = draw(law, (100, 100), rng)
    u, v = rng.standard_normal((100, 1)), rng.standard_normal((1, 100))
    moved = (w + 0.4 * law.std * u @ v).astype(np.float32)
    assert smallest(law, moved) < ALPHA


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
def test_scaled_rows_are_seen_by_the_rows_alone(law):
    rng = np.random.default_rng(4)
    w = draw(law, (100, 100), rng) * (1 + 0.2 * rng.standard_normal((100, 1)))
    found = line_tests(law, lines(w.astype(np.float32)))
    assert found["rows"][0] < 1e-6 < found["columns"][0]


def test_a_shift_of_every_row_is_seen_by_the_columns():
    rng = np.random.default_rng(5)
    w = draw(LAWS[0], (200, 50), rng) + 0.02 * rng.standard_normal((1, 50))
    assert line_tests(LAWS[0], lines(w.astype(np.float32)))["columns"][0] < 1e-6


def test_normalised_rows_are_too_equal():
    w = draw(LAWS[0], (64, 64), np.random.default_rng(6)).astype(np.float64)
    w *= 0.05 * 8 / np.linalg.norm(w, axis=1, keepdims=True)
    assert line_tests(LAWS[0], lines(w.astype(np.float32)))["rows"][0] < 1e-6


def test_another_scale_leaves_the_evenness_of_the_lines_alone():
    w = draw(LAWS[0], (64, 64), np.random.default_rng(7))
    side = lines(w).rows
    line_tests(Normal(std=0.05), lines(w))
    line_tests(Normal(std=0.5), lines(w))
    assert len(side.known) == 0  # a fresh Side; one answer serves every scale of a family
    for std in (0.05, 0.5, 5.0):
        line_tests(Normal(std=std), type(lines(w))(dtype="float32", rows=side, columns=None))
    assert len(side.known) == 1


def test_rows_of_zeros_are_left_out():
    w = draw(LAWS[0], (64, 64), np.random.default_rng(8))
    w[[0, 5]] = 0
    assert lines(w).rows.lines == 62
    assert smallest(LAWS[0], w) > ALPHA


@pytest.mark.parametrize("shape", [(1, 50), (50, 1)])
def test_a_single_line_is_not_tested(shape):
    assert lines(draw(LAWS[0], shape, np.random.default_rng(9))) is None


def test_short_lines_have_their_sums_tested_only():
    w = draw(LAWS[0], (40, 4), np.random.default_rng(10))
    found = lines(w)
    line_tests(LAWS[0], found)
    assert (len(found.rows.known), len(found.columns.known)) == (0, 1)


def test_values_coarse_beside_their_spread_are_not_tested():
    w = draw(LAWS[0], (40, 40), np.random.default_rng(11)).astype(np.float16)
    assert line_tests(Normal(std=1e-6), lines(w, "float16")) == {}


def test_the_two_tests_count_among_the_corrections():
    w = draw(LAWS[0], (64, 64), np.random.default_rng(12))
    seen, facts = sketch(w, dtype="float32"), read(w, dtype="float32", count_zeros=False).matrix
    bare = assess(LAWS[0], sample_of(seen), stop_below=0.0)
    both = assess(LAWS[0], sample_of(seen, Places(matrix=facts)), stop_below=0.0)
    if both.test == bare.test and bare.p_value < 1:
        assert both.p_value > bare.p_value
    assert both.p_value >= ALPHA


def test_a_rejection_is_told_with_measured_value_limit_and_p():
    rng = np.random.default_rng(13)
    w = (draw(LAWS[0], (100, 100), rng) * (1 + 0.2 * rng.standard_normal((100, 1)))).astype("f4")
    found = lines(w)
    told = explained(LAWS[0], found, "rows", line_tests(LAWS[0], found)["rows"][0])
    assert told.startswith("the mean squares of the 100 rows vary ×")
    assert "independent draws, ×1 ± 0.07" in told  # 1/√(2·99) = 0.0711
    assert "(p " in told
