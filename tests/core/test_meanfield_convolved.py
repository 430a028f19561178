"""Convolutions of real weights, whose rows need not sum as independent ones do."""

from __future__ import annotations

import numpy as np
import pytest

from app.architecture.understanding import understand
from app.core.meanfield.predict import UNIFORM01, predict
from app.core.meanfield.step import WeightMoments

NOTHING = WeightMoments(mean=0.0, second=0.0)


def second(text, law):
    graph = understand(text)
    weights = {
        one.name: law if one.name.endswith("weight") else NOTHING for one in graph.parameters
    }
    found = predict(graph, weights=weights, inputs=UNIFORM01)
    assert not found.stops
    return list(found.nodes.values())[-1].rms ** 2


@pytest.mark.parametrize("kernel", [1, 3])
def test_rows_that_sum_to_nothing_pass_no_mean_on(kernel):
    """Of E x² = 1/3 only the variance 1/12 is left."""
    law = WeightMoments(mean=0.0, second=0.01, row=0.0)
    terms = 8 * kernel**2
    found = second(f"input: [8, 6, 6]\nConv2d(8, 8, {kernel})", law)
    assert found == pytest.approx(terms * 0.01 / 12, rel=1e-9)


def test_a_convolutions_own_weights_predict_its_mean_square():
    """One layer's own weights, over inputs alone: exact where no window meets a border."""
    rows = np.random.default_rng(5).normal(0.02, 0.1, size=(64, 200))
    law = WeightMoments(
        mean=float(rows.mean()),
        second=float(np.mean(rows**2)),
        row=float(np.mean(rows.sum(axis=1) ** 2) / 200),
    )
    true = np.mean(np.sum(rows**2, axis=1) / 12 + (rows.sum(axis=1) / 2) ** 2)
    assert second("input: [8, 9, 9]\nConv2d(8, 64, 5)", law) == pytest.approx(true, rel=1e-9)


def test_without_rows_weights_count_as_independent():
    law = WeightMoments(mean=0.01, second=0.02)
    true = 72 * (0.02 / 3 + 71 * 0.01**2 / 4)
    assert second("input: [8, 6, 6]\nConv2d(8, 8, 3)", law) == pytest.approx(true, rel=1e-9)
