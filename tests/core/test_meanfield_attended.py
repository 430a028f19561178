"""Attention's moments against what must hold and against torch's own softmax."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from app.architecture.understanding import understand
from app.core.meanfield.nonlinear.softmax import concentration
from app.core.meanfield.predict import predict
from app.core.meanfield.step import WeightMoments

WIDTH = 48


def theory(tokens, *, causal=False, gain=1.0, dropout=0.0):
    """By the end of the node's name, for weights of the second moment gain²/WIDTH."""
    graph = understand(
        f"input: [{tokens}, {WIDTH}]\nlayers:\n"
        f"  - MultiheadAttention({WIDTH}, 1, batch_first=True, causal={causal}, bias=False,"
        f" dropout={dropout})\n"
    )
    weights = {
        one.name: WeightMoments(mean=0.0, second=gain**2 / WIDTH) for one in graph.parameters
    }
    found = predict(graph, weights=weights)
    assert not found.stops
    return {name.rpartition("· ")[2]: one for name, one in found.nodes.items()}


def measured(tokens, *, causal=False, gain=1.0, dropout=0.0, networks=40, batch=4):
    """Mean squares of the values' mean, and of the gradients of queries, keys and values."""
    noise = torch.Generator().manual_seed(0)
    totals = torch.zeros(4, dtype=torch.float64)
    for _ in range(networks):
        x = torch.randn(batch, 1, tokens, WIDTH, generator=noise)
        parts = [
            (x @ (torch.randn(WIDTH, WIDTH, generator=noise) * gain / math.sqrt(WIDTH)))
            .detach()
            .requires_grad_()
            for _ in range(3)
        ]
        out = torch.nn.functional.scaled_dot_product_attention(
            *parts, is_causal=causal, dropout_p=dropout
        )
        pulls = torch.autograd.grad(out, parts, torch.randn(out.shape, generator=noise))
        totals += torch.tensor([(one**2).mean() for one in (out.detach(), *pulls)])
    return (totals / networks).sqrt().tolist()


def test_a_softmax_over_one_logit_is_one():
    found = concentration(np.ones(1), np.full(1, 4.0))
    assert [one.tolist() for one in found] == [[1.0], [1.0]]


@pytest.mark.parametrize(("count", "logit"), [(2, 1.0), (24, 1.0), (64, 4.0)])
def test_a_softmaxs_sums_of_powers_are_those_of_draws(count, logit):
    """20,000 draws: the standard error of Σ A² and Σ A³ is below 1 % where one key can win."""
    draws = np.random.default_rng(0).normal(0, math.sqrt(logit), (20_000, count))
    weights = np.exp(draws) / np.exp(draws).sum(axis=1, keepdims=True)
    square, cube = concentration(np.array([float(count)]), np.array([logit]))
    assert square[0] == pytest.approx((weights**2).sum(axis=1).mean(), rel=0.02)
    assert cube[0] == pytest.approx((weights**3).sum(axis=1).mean(), rel=0.04)


def test_many_logits_share_as_log_normal_numbers_do():
    found, _ = concentration(np.array([1e5]), np.array([0.5]))
    assert found[0] == pytest.approx(math.exp(0.5) / 1e5, rel=1e-4)


@pytest.mark.parametrize(
    ("tokens", "causal", "gain", "dropout"),
    [
        (24, False, 1.0, 0.0),
        (24, True, 1.0, 0.0),
        (96, False, 0.8, 0.0),
        (24, False, 1.0, 0.5),
        (24, True, 1.0, 0.3),
    ],
)
def test_the_moments_of_attention_are_those_of_torchs_softmax(tokens, causal, gain, dropout):
    """40 networks of 4 inputs: a standard error of about 1 %; the rest is the expansion's 1/E.

    A dropped weight takes all channels with it, so that there are 16 inputs; and what is dropped
    varies with the size of a key's token, as its weight does: 1/E more.
    """
    torch.manual_seed(0)  # of the dropout
    found = theory(tokens, causal=causal, gain=gain, dropout=dropout)
    batch = 16 if dropout else 4
    out, query, key, value = measured(
        tokens, causal=causal, gain=gain, dropout=dropout, batch=batch
    )
    assert found["attention"].rms == pytest.approx(out, rel=0.03 if dropout else 0.015)
    for name, real in (("query", query), ("key", key), ("value", value)):
        predicted = found[f"{name} by head"].grad_rms / gain
        assert predicted == pytest.approx(real, rel=0.04 if dropout else 0.03), name


def test_the_gradient_of_queries_does_not_vanish_in_long_sequences():
    """1/E of it is along what values and keys share, however many keys there are.

    By chance alone it would fall by 2.8, as the root of the number of keys.
    """
    short, long = theory(64)["query by head"], theory(512)["query by head"]
    assert long.grad_rms / short.grad_rms > 0.55
