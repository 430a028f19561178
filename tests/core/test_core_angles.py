"""Box and Muller's pairs: where torch puts them, and where nothing else does."""

import numpy as np
import pytest
import torch

from app.core.angles import angles, pairs_of, radii
from app.core.generator import Stream, units


def replayed(*, vector, std, size=2**16, seed=21):
    unit = units(Stream(seed), 0, "normal", count=size, part=slice(0, size), vector=vector)
    return unit.astype(np.float32) * np.float32(std)


def pairs(values, most=2**16):
    return pairs_of(values, most=most)


@pytest.mark.parametrize("vector", [True, False])
@pytest.mark.parametrize("std", [1.0, 0.02, 0.0817])
def test_every_pair_of_either_kernel_lies_at_a_drawn_angle(vector, std):
    found = angles(*pairs(replayed(vector=vector, std=std)))
    assert found.complete
    assert found.tested == 2**15


@pytest.mark.parametrize("std", [1.0, 0.02, 0.0817])
def test_radii_are_those_of_draws_at_their_own_std_only(std):
    first, second = pairs(replayed(vector=True, std=std))
    own = float(np.float32(std))
    assert radii(first, second, std=own).complete
    assert not radii(first, second, std=own * (1 + 1e-5)).complete


def test_forty_values_prove_a_draw_about_as_surely_as_forty_coins():
    torch.manual_seed(22)
    # A pair gives log2(1 / (√(2πe)·0.2·|sin·cos|)), 2.4 bits in the mean over all angles.
    found = angles(*pairs(torch.empty(48).normal_().numpy()))
    assert found.complete
    assert 35 < found.bits < 90


def test_random_pairs_are_as_close_by_chance_no_more_often_than_the_odds_say():
    chance = np.random.default_rng(23)
    # 2,000 trials of 8 pairs: with odds of at most 2**-bits, at most 2000/2**8 = 8 in the mean
    # reach 8 bits; 24 is over 5 standard deviations beyond.
    trials = (chance.normal(0, 0.1, (2000, 2, 8)) for _ in range(1))
    reached = [angles(*pair).bits >= 8 for pair in next(trials)]
    assert sum(reached) <= 24


def test_pairs_with_a_zero_are_left_out():
    values = np.ones(32, np.float32)
    values[3] = values[16 + 9] = 0
    first, second = pairs(values)
    assert (first.size, second.size) == (14, 14)


@pytest.mark.parametrize(("size", "expected"), [(16, 8), (17, 0), (40, 8), (48, 24), (15, 0)])
def test_the_last_16_values_of_an_uneven_tensor_are_left_out(size, expected):
    assert pairs(np.ones(size, np.float32))[0].size == expected


def test_no_more_pairs_are_looked_at_than_asked():
    assert pairs(np.ones(1600, np.float32), most=64)[0].size == 64
