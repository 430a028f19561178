"""Attention that is written out against the fused operation, and what its masks hide."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.exported_models import exported
from tests.graph_running import read
from tests.theory_checks import exported_theory, own_moments, predict

TOKENS, WIDTH, HEADS = 12, 32, 2


class Attention(nn.Module):
    """Queries, keys and values of one linear map each, and some way to put them together."""

    def __init__(self, attend) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.attend = attend
        self.register_buffer("hidden", torch.ones(TOKENS, TOKENS).triu(1).bool())

    def forward(self, x: Tensor) -> Tensor:
        parts = (m(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for m in self.maps)
        return self.attend(self, *parts)


def theory_of(attend, **how):
    given = torch.randn(2, TOKENS, WIDTH)
    found = exported_theory(lambda: Attention(attend), given, **how)
    assert not found.stops
    return found


def fused(net, q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def causal(net, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def written(net, q, k, v):
    return torch.softmax(q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5, -1) @ v


def filled(net, q, k, v):
    logits = (q @ k.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5).masked_fill(
        net.hidden, float("-inf")
    )
    return logits.softmax(-1) @ v


def added(net, q, k, v):
    logits = (q * (WIDTH // HEADS) ** -0.5) @ k.transpose(-2, -1)
    positions = torch.arange(TOKENS)
    mask = torch.where(positions[:, None] >= positions[None, :], 0.0, -1e9)
    return torch.matmul((logits + mask).softmax(-1), v)


def masked(net, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=~net.hidden)


def written_with_dropout(net, q, k, v):
    weights = torch.softmax(q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5, -1)
    return F.dropout(weights, 0.25) @ v


def fused_with_dropout(net, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (written, fused),
        (filled, causal),
        (added, causal),
        (masked, causal),
        (written_with_dropout, fused_with_dropout),
    ],
)
def test_attention_in_other_words_is_the_same_attention(one, other):
    each, fused_one = (theory_of(attend) for attend in (one, other))
    ends = [list(found.nodes.values())[-1] for found in (each, fused_one)]
    assert ends[0].rms == pytest.approx(ends[1].rms, rel=1e-9)
    assert each.gradients["x"] == pytest.approx(fused_one.gradients["x"], rel=1e-9)


def test_the_weights_sum_to_one():
    found = theory_of(written)
    (weights,) = [one for name, one in found.nodes.items() if "softmax" in name]
    assert weights.mean == pytest.approx(1 / TOKENS, rel=1e-12)


def test_dropout_of_logits_stops_theory():
    def attend(net, q, k, v):
        return F.dropout(q @ k.transpose(-2, -1), 0.25).softmax(-1) @ v

    found = exported_theory(lambda: Attention(attend), torch.randn(2, TOKENS, WIDTH))
    assert [stop.reason for stop in found.stops] == ["dropout of logits"]


def test_hidden_logits_are_given_no_moments():
    """They are minus infinity: no theory stands beside what is measured there."""
    found = theory_of(filled)
    assert not [name for name in found.nodes if "masked_fill" in name]


def test_a_learned_bias_on_the_logits_stops_theory():
    class Biased(Attention):
        def __init__(self, attend) -> None:
            super().__init__(attend)
            self.bias = nn.Parameter(torch.randn(TOKENS, TOKENS))

    def attend(net, q, k, v):
        return (q @ k.transpose(-2, -1) + net.bias).softmax(-1) @ v

    found = exported_theory(lambda: Biased(attend), torch.randn(2, TOKENS, WIDTH))
    assert [stop.reason for stop in found.stops] == ["attention with a bias on its logits"]


@pytest.mark.parametrize("open_batch", [False, True])
def test_a_decoder_with_positions_and_a_kept_mask_is_followed_to_its_end(open_batch):
    sample = exported("gpt", open_batch=open_batch)
    graph, held = read(sample.raw)
    values = {each.name: held[each.stored].numpy() for each in graph.parameters if not each.learned}
    found = predict(graph, weights=own_moments(graph, held), values=values)
    assert not found.stops
    assert found.nodes["lm_head"].grad_rms == pytest.approx(1.0)


def test_a_mask_that_theory_is_not_given_stops_it():
    sample = exported("gpt")
    graph, held = read(sample.raw)
    found = predict(graph, weights=own_moments(graph, held))
    assert found.stops
