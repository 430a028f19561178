from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.architecture.words import in_words, parameter_count

ENCODER = "TransformerEncoderLayer(16, 4, dim_feedforward=32, batch_first=True)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("40 x [Linear(8, 8), ReLU()]", "40 Linear layers"),
        ("[Linear(4, 8), 3 x Linear(8, 8), Linear(8, 2)]", "1 + 3 + 1 Linear layers"),
        ("[Linear(4, 2)]", "1 Linear layer"),
        ("[Linear(4, 4), LayerNorm(4), Linear(4, 4)]", "2 Linear layers"),
        ("[Linear(4, 4), PReLU()]", "1 Linear, 1 PReLU"),
    ],
)
def test_a_network_is_told_by_its_layers(text, told):
    assert in_words(understand(f"layers: {text}")) == told


def test_an_attentions_own_linear_layer_is_part_of_it():
    graph = understand(f"input: [5, 16]\nlayers:\n  - 6 x {ENCODER}\n")
    assert "NonDynamicallyQuantizableLinear" in {one.facts.kind for one in graph.parameters}
    assert in_words(graph) == "12 Linear, 6 MultiheadAttention"


def test_parameters_are_counted_by_their_values():
    graph = understand("40 x [Linear(512, 512), ReLU()]")
    assert parameter_count(graph) == 40 * (512 * 512 + 512)
