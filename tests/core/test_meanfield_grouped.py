"""Sums over tokens of which a sample is kept."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.signals.axes import place, sequence
from app.core.meanfield.signals.grouped import groups


def test_tokens_that_are_all_kept_are_summed_pair_by_pair():
    tokens = groups((place(5),))
    matrix = np.random.default_rng(0).normal(size=(5, 5))
    seen = tokens.seen_by(tokens, causal=True)
    assert np.array_equal(seen, np.tril(np.ones((5, 5))))
    found = tokens.summed(seen, np.diag(matrix), tokens.apart(matrix))
    assert found == pytest.approx(seen @ matrix @ seen.T, abs=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_groups_of_alike_tokens_are_summed_exactly(causal):
    """Of n tokens with 1 for themselves and ρ for each other: n + n(n−1)ρ."""
    tokens = groups((sequence(500),))
    matrix = np.full((len(tokens.places),) * 2, 0.3)
    np.fill_diagonal(matrix, 1.0)
    seen = tokens.seen_by(tokens, causal=causal)
    found = np.diag(tokens.summed(seen, np.diag(matrix), tokens.apart(matrix)))
    counts = tokens.places + 1 if causal else np.full(len(tokens.places), 500.0)
    assert seen.sum(axis=1) == pytest.approx(counts, rel=1e-12)
    assert found == pytest.approx(counts + counts * (counts - 1) * 0.3, rel=1e-12)


def test_a_causal_token_is_seen_by_itself_and_all_after_it():
    tokens = groups((sequence(500),))
    seeing = tokens.seeing(tokens, causal=True)
    assert seeing.sum(axis=0) == pytest.approx(500 - tokens.places, rel=1e-12)
