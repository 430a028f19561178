"""Theory of large networks: against every place on its own, and where it ends."""

from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.core.meanfield import opening
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.predict import predict
from app.core.meanfield.signals import axes
from app.core.recipes import recipe

HE = "kaiming_normal(fan_in,relu)"
CONVOLUTIONS = """
input: [3, 24, 24]
layers:
  - repeat:
      times: 8
      of: ["Conv2d(3, 3, 3, padding=1)", "ReLU()"]
  - AvgPool2d(2)
  - Conv2d(3, 4, 3, stride=2, padding=1)
  - AdaptiveAvgPool2d(1)
"""
POOLED = """
input: [3, 24, 24]
layers:
  - Conv2d(3, 32, 3, padding=1)
  - ReLU()
  - MaxPool2d(3, stride=2, padding=1)
  - Conv2d(32, 32, 3, padding=1)
  - ReLU()
  - Conv2d(32, 8, 3, padding=1)
"""


def encoder(tokens, *, causal=False):
    attention = f"MultiheadAttention(32, 4, batch_first=True{', causal=True' if causal else ''})"
    return f"""
input: [{tokens}, 32]
layers:
  - repeat:
      times: 3
      of:
        - residual: ["LayerNorm(32)", "{attention}"]
        - residual: ["LayerNorm(32)", "Linear(32, 64)", "GELU()", "Linear(64, 32)"]
  - LayerNorm(32)
"""


def predicted(text, scheme=HE):
    graph = understand(text)
    return predict(graph, weights=drawn_moments(recipe(graph, scheme)), batch=16)


def nothing(*_, **__):
    return None


def every_place(monkeypatch, text):
    with monkeypatch.context() as patched:
        patched.setattr(axes, "sampling", nothing)
        patched.setattr(axes, "tokens", nothing)
        return predicted(text)


def worst(one, other, what, *, but=""):
    names = [name for name in one.nodes if name != but]
    pairs = [(getattr(one.nodes[name], what), getattr(other.nodes[name], what)) for name in names]
    return max(abs(a / b - 1) for a, b in pairs if b)


def test_a_sample_of_a_picture_says_what_all_its_places_say(monkeypatch):
    """Eight windows reach eight places inwards, of which five are kept: 1e-3 is what that leaves.

    The mean over all places at the end is what far pairs share, a small part of each place's own.
    """
    whole, sample = every_place(monkeypatch, CONVOLUTIONS), predicted(CONVOLUTIONS)
    end = list(sample.nodes)[-1]
    assert sample.nodes[end].rms == pytest.approx(whole.nodes[end].rms, rel=0.02)
    assert worst(sample, whole, "rms", but=end) < 3e-3
    assert worst(sample, whole, "grad_rms") < 3e-3
    assert worst(sample, whole, "input_share", but=end) < 1e-2


def test_a_sample_says_it_of_maxima_too_up_to_the_noise_of_draws(monkeypatch):
    """A thousand draws of 49 windows: a mean square is known to about √(5/2048/10) = 1.5 %."""
    whole, sample = every_place(monkeypatch, POOLED), predicted(POOLED)
    assert worst(sample, whole, "rms") < 0.03
    assert worst(sample, whole, "grad_rms") < 0.03


def test_tokens_that_are_all_alike_lose_nothing_to_a_sample(monkeypatch):
    text = encoder(130)
    whole, sample = every_place(monkeypatch, text), predicted(text)
    assert worst(sample, whole, "rms") < 1e-9
    assert worst(sample, whole, "grad_rms") < 2e-3  # shared slopes are drawn


def test_causal_tokens_lose_less_than_a_percent_to_a_sample(monkeypatch):
    text = encoder(130, causal=True)
    whole, sample = every_place(monkeypatch, text), predicted(text)
    assert worst(sample, whole, "rms") < 0.01
    assert worst(sample, whole, "grad_rms") < 0.02


@pytest.mark.parametrize("side", [224, 1024])
def test_a_large_picture_is_followed_to_its_end(side):
    text = POOLED.replace("[3, 24, 24]", f"[3, {side}, {side}]")
    found = predicted(text)
    assert not found.stops
    assert len(found.nodes) == 6


def test_the_same_network_always_gives_the_same_theory():
    assert predicted(POOLED) == predicted(POOLED)


def test_what_needs_every_place_of_too_many_says_how_many():
    text = POOLED.replace("[3, 24, 24]", "[3, 128, 128]") + "  - Flatten()\n  - Linear(32768, 10)\n"
    found = predicted(text)
    assert [stop.reason for stop in found.stops] == [opening.too_many(4096)]


def test_an_axis_beyond_what_is_counted_stops_theory_at_once():
    found = predicted("input: [4, 20000]\nlayers:\n  - Conv1d(4, 8, 3)\n  - ReLU()\n")
    assert "20,000 places" in found.stops[0].reason
