"""Theory against the product's own measurement on whole networks, a few seeds each.

`python -m benchmarks theory` prints all networks at more seeds.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks._theory_cases import Case
from benchmarks._theory_networks import CASES
from benchmarks.theory import row

SIGNAL, GRADIENT = 0.01, 0.03  # of the median node, relative

# Networks of which each showed a term that was missing, and how many are measured: what batch norm
# takes of a gradient that sums to 0, masks that a residual sum cuts alike, tokens that share a
# gradient and norms of norms. Standard errors of a gradient: 0.5 to 1.5 %.
SHOWN = {
    "mlp_bn_relu_d30": 24,
    "H2_resnet14_bn_default_u01": 6,
    "causal_postln_T64_E64": 4,
    "embedding_mean_classifier": 16,
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", SHOWN)
def test_theory_is_close_to_what_the_probe_measures(name):
    found = row(CASES[name], seeds=SHOWN[name])
    assert found.stops == ()
    assert np.median(np.abs(found.std)) < SIGNAL
    assert np.median(np.abs(found.gradient)) < GRADIENT


@pytest.mark.parametrize("name", CASES)
def test_every_benchmarks_network_is_understood(name):
    graph = CASES[name].graph()
    recipe = CASES[name].recipe(graph)
    learned = {one.name for one in graph.parameters if one.learned}
    assert recipe.laws.keys() | recipe.packed.keys() >= learned


# tanh and ReLU layers without a norm; 64 networks. The share inside a 95 % band has a standard
# error of √(.95·.05/64) = 2.7 % where nodes go together, as they do within a network.
@pytest.mark.parametrize(
    ("layer", "scheme"),
    [
        ("ReLU()", "kaiming_normal(fan_in,relu)"),
        ("Tanh()", "xavier_normal(gain=1)"),
        ("SELU()", "lecun_normal"),
    ],
)
def test_single_networks_lie_within_their_log_normal_band(layer, scheme):
    text = f"12 x [Linear(64, 64, bias=False), {layer}]"
    found = row(Case(name=layer, text=text, scheme=scheme), seeds=64)
    assert 0.85 <= found.inside <= 1.0
