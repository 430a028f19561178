"""Samples of long axes: what each kept place and each kept pair stands for."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.signals.sampled import (
    pair_shares,
    pairs,
    pairs_averaged,
    row_shares,
    rows_averaged,
    sampling,
    seats,
    shares,
    tokens,
)

SIZES = (17, 18, 28, 57, 224)


def every_pair(sample):
    each = np.arange(sample.whole)
    return np.broadcast_arrays(each[:, None], each[None, :])


@pytest.mark.parametrize("whole", SIZES)
def test_shares_of_places_and_of_pairs_add_up_to_one(whole):
    sample = sampling(whole, axes=2)
    assert shares(sample).sum() == pytest.approx(1, abs=1e-12)
    assert pair_shares(sample).sum() == pytest.approx(1, abs=1e-12)
    assert row_shares(sample).sum(axis=(1, 2)) == pytest.approx(np.ones(sample.size), abs=1e-12)


@pytest.mark.parametrize("whole", SIZES)
def test_near_pairs_keep_their_distance(whole):
    sample = sampling(whole, axes=2)
    one, other = every_pair(sample)
    first, second = pairs(sample, one, other)
    near = np.abs(one - other) <= sample.reach
    kept = sample.kept
    assert np.array_equal(np.abs(one - other)[near], np.abs(kept[first] - kept[second])[near])


@pytest.mark.parametrize("whole", SIZES)
def test_a_pair_of_different_places_never_becomes_one_place(whole):
    sample = sampling(whole, axes=2)
    one, other = every_pair(sample)
    first, second = pairs(sample, one, other)
    assert np.array_equal(one == other, first == second)


@pytest.mark.parametrize("whole", SIZES)
def test_even_places_of_the_middle_stand_for_even_ones(whole):
    sample = sampling(whole, axes=2)
    middle = np.arange(sample.left, whole - sample.right)
    stands = sample.kept[seats(sample, middle)]
    assert np.array_equal(middle % 2, stands % 2)


def test_a_short_axis_keeps_every_place():
    assert sampling(16, axes=2) is None
    assert tokens(48) is None


def test_the_first_tokens_stand_for_themselves_and_groups_grow():
    sample = tokens(2048)
    assert np.array_equal(sample.kept[:16], np.arange(16))
    assert sample.counts.sum() == 2048
    assert sample.counts[-1] == sample.counts.max()


def test_pairs_of_alike_tokens_are_averaged_exactly():
    """Of T tokens with 1 for themselves and ρ for each other: (1 + (T−1)ρ)/T."""
    sample = tokens(300)
    matrix = np.full((sample.size, sample.size), 0.25)
    np.fill_diagonal(matrix, 1.0)
    axes = [(sample.size, sample)]
    whole = (1 + 299 * 0.25) / 300
    assert pairs_averaged(matrix, axes) == pytest.approx(whole, rel=1e-12)
    assert rows_averaged(matrix, axes) == pytest.approx(np.full(sample.size, whole), rel=1e-12)


def test_far_noise_of_a_picture_is_averaged_exactly():
    """Independent places: the mean over all pairs is 1/n², whatever is kept."""
    sample = sampling(224, axes=2)
    axes = [(sample.size, sample)] * 2
    found = pairs_averaged(np.eye(sample.size**2), axes)
    assert found == pytest.approx(1 / 224**2, rel=1e-12)
