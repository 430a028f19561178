"""Which law each parameter gets under a scheme, and what the notes say of it."""

import math

import pytest

from app.core.catalogue import CATALOGUE
from app.core.distributions import Constant, Normal, Orthogonal, Uniform
from app.core.recipes import Recipes, recipe
from app.errors import Invalid
from tests.hand_graphs import graph, mlp, node, parameter, real, v

KAIMING = "kaiming_normal(fan_in,relu)"


def network(*parameters):
    step = node("y", "relu.default", 2, 8, self=v("x"))
    return graph([step], parameters, inputs=[real(2, 8)])


def test_the_default_draws_weights_and_biases_as_torch_does():
    laws = recipe(mlp(1, 64), "torch_default").laws
    assert laws["0.weight"] == Uniform(bound=pytest.approx(1 / 8))
    assert laws["0.bias"] == Uniform(bound=pytest.approx(1 / 8))


def test_a_scheme_draws_weights_and_leaves_biases_to_torch():
    found = recipe(mlp(1, 64), KAIMING)
    assert found.laws["0.weight"] == Normal(std=pytest.approx(math.sqrt(2 / 64)))
    assert found.laws["0.bias"] == Uniform(bound=pytest.approx(1 / 8))
    assert "draws 1 weight" in found.notes[0]


def test_a_librarys_biases_follow_its_own_recipe():
    assert recipe(mlp(1, 64), "keras.glorot_uniform").laws["0.bias"] == Constant(value=0.0)
    assert recipe(mlp(1, 64), "normal(0.02)").laws["0.bias"] == Constant(value=0.0)


def test_embeddings_keep_their_default_under_a_weight_scheme():
    table = parameter("emb.weight", 100, 16, kind="Embedding")
    assert recipe(network(table), KAIMING).laws["emb.weight"] == Normal(std=1.0)
    assert recipe(network(table), "normal(0.02)").laws["emb.weight"] == Normal(std=0.02)


def test_norms_and_their_running_statistics_start_fresh():
    names = {"weight": "norm_weight", "bias": "bias", "running_mean": "running_mean",
             "running_var": "running_var"}  # fmt: skip
    own = [
        parameter(f"bn.{name}", 8, role=role, kind="BatchNorm2d", learned="running" not in name)
        for name, role in names.items()
    ]
    laws = recipe(network(*own), KAIMING).laws
    assert [laws[p.name].value for p in own] == [1.0, 0.0, 0.0, 1.0]


def test_packed_weights_are_drawn_block_by_block_where_the_fans_differ():
    packed = parameter("a.in_proj_weight", 48, 16, role="in_proj_weight", kind="MultiheadAttention")
    found = recipe(network(packed), "xavier_normal(gain=1)")
    laws = found.packed["a.in_proj_weight"]
    assert [block.name for block, _ in laws] == ["q", "k", "v"]
    assert all(law == Normal(std=pytest.approx(math.sqrt(2 / 32))) for _, law in laws)
    assert any("block by block" in note for note in found.notes)


def test_packed_weights_are_drawn_whole_where_the_blocks_have_the_same_law():
    gates = parameter("r.weight_ih_l0", 64, 8, role="weight_ih", kind="LSTM")
    assert recipe(network(gates), KAIMING).packed == {}


def test_gates_are_orthogonal_one_by_one():
    gates = parameter("r.weight_hh_l0", 64, 16, role="weight_hh", kind="LSTM")
    laws = recipe(network(gates), "orthogonal(gain=1)").packed["r.weight_hh_l0"]
    assert [law for _, law in laws] == [Orthogonal(gain=1.0, rows=16, columns=16)] * 4


def test_depth_scaling_counts_the_layers_in_the_names():
    own = [
        parameter(f"h.{block}.mlp.{leaf}.weight", 32, 32)
        for block in range(6)
        for leaf in ("c_fc", "c_proj")
    ]
    laws = recipe(network(*own), "depth_scaled(0.02,2·layers)").laws
    assert laws["h.0.mlp.c_proj.weight"] == Normal(std=pytest.approx(0.02 / math.sqrt(12)))
    assert laws["h.0.mlp.c_fc.weight"] == Normal(std=0.02)


def test_a_scheme_that_nothing_is_for_says_so():
    found = recipe(mlp(1, 8), "kaiming_normal(fan_in,leaky_relu=0.2)")
    assert found.notes[0].startswith("the network has no weight that")


def test_bare_parameters_without_a_default_are_named():
    token = parameter("cls_token", 1, 1, 16, role="parameter", kind="unknown")
    found = recipe(network(token), "torch_default")
    assert found.laws["cls_token"] == Normal(std=0.02)
    assert any("cls_token" in note for note in found.notes)


def test_bare_parameters_that_the_file_holds_stay_as_they_are():
    token = parameter("cls_token", 1, 1, 16, role="parameter", kind="unknown", stored=3)
    found = recipe(network(token), "torch_default")
    assert "cls_token" not in found.laws
    assert "the file's own values stay in cls_token" in found.notes


def test_an_unknown_scheme_is_refused():
    with pytest.raises(Invalid, match="scheme"):
        recipe(mlp(1, 8), "he")


@pytest.mark.parametrize("scheme", [scheme.id for scheme in CATALOGUE])
def test_every_scheme_of_the_catalogue_gives_every_parameter_a_law(scheme):
    own = [
        parameter("conv.weight", 8, 4, 3, 3, kind="Conv2d", fan_in=36, fan_out=72),
        parameter("h.0.c_proj.weight", 8, 8),
        parameter("h.1.c_proj.weight", 8, 8),
        parameter("emb.weight", 9, 8, kind="Embedding"),
        parameter("fc.bias", 8, role="bias", fan_in=8, fan_out=8),
        parameter("ln.weight", 8, role="norm_weight", kind="LayerNorm"),
    ]
    found = recipe(network(*own), scheme)
    assert found.laws.keys() | found.packed.keys() == {p.name for p in own}


@pytest.mark.parametrize("chosen", [False, True])
def test_recipes_one_after_another_are_those_of_a_fresh_start(chosen):
    network = mlp(3, 64)
    names = [one.name for one in network.parameters]
    known = Recipes(network.parameters)
    for scheme in (KAIMING, "torch_default", "lsuv", KAIMING):
        for only in (names[:1], names, None, names[2:]):
            fresh = recipe(network, scheme, only=only, chosen=chosen)
            assert known.of(scheme, only=only, chosen=chosen) == fresh
