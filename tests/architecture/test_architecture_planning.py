"""Networks under a plan: laws, changed activations and norms, scaled branches, notes."""

import math

import pytest

from app.architecture.planning import planned
from app.architecture.understanding import understand
from app.core.distributions import Constant, Normal, Orthogonal, Uniform
from app.core.plans import Choice, Plan, plan_of
from app.core.recipes import recipe
from tests.hand_graphs import graph, node, parameter, real, v

MLP = "input: [16]\nlayers:\n  - Linear(16, 32)\n  - ReLU()\n  - Linear(32, 4)\n"
CONVOLVED = """\
input: [3, 8, 8]
layers:
  - Conv2d(3, 16, 3, padding=1)
  - BatchNorm2d(16)
  - ReLU()
  - residual: ["Conv2d(16, 16, 3, padding=1)", BatchNorm2d(16)]
  - AdaptiveAvgPool2d(1)
  - Flatten()
  - Linear(16, 4)
"""
ENCODER = (
    "input: [6, 16]\nTransformerEncoder(TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)\n"
)


def under(text, **fields):
    return planned(understand(text), plan_of({k.replace("_", "."): v for k, v in fields.items()}))


def norms(found):
    return [one for one in found.graph.nodes if "norm" in one.op]


def test_a_plan_that_changes_nothing_draws_what_the_base_draws():
    network = understand(ENCODER)
    found = planned(network, Plan())
    assert found.graph == network
    assert found.recipe.laws == recipe(network, "torch_default").laws
    assert found.branch_ends == ()


def test_a_choice_draws_its_kind_of_layer_alone():
    found = under(CONVOLVED, convolution="lecun_normal").recipe.laws
    assert found["0.weight"] == Normal(std=math.sqrt(1 / 27))
    assert isinstance(found["6.weight"], Uniform)
    assert isinstance(found["0.bias"], Uniform)


def test_a_gain_multiplies_the_weights_and_not_the_biases():
    found = under(MLP, linear="lecun_normal", linear_gain="1.5").recipe.laws
    assert found["0.weight"] == Normal(std=pytest.approx(1.5 / 4))
    assert found["0.bias"] == Uniform(bound=0.25)


def test_a_gain_multiplies_what_the_base_draws_too():
    found = under(MLP, base="orthogonal(gain=1)", linear_gain="2").recipe.laws
    assert found["0.weight"] == Orthogonal(gain=2.0, rows=32, columns=16)


def test_a_gain_leaves_constants_as_they_are_and_says_so():
    found = under(CONVOLVED, norm_gain="2")
    assert found.recipe.laws["1.weight"] == Constant(value=1.0)
    assert any("a gain multiplies random draws" in note for note in found.notes)


def test_a_bias_is_the_constant_of_all_biases_of_its_kind():
    found = under(CONVOLVED, convolution_bias="0", norm_bias="0.1").recipe.laws
    assert found["0.bias"] == Constant(value=0.0)
    assert found["1.bias"] == Constant(value=0.1)
    assert isinstance(found["6.bias"], Uniform)


def test_a_scheme_may_be_chosen_for_norms_and_embeddings():
    text = "input: {tokens: 6, vocabulary: 20}\nlayers:\n  - Embedding(20, 16)\n  - LayerNorm(16)\n"
    found = under(text, embedding="normal(0.02)", norm="zeros").recipe.laws
    assert found["0.weight"] == Normal(std=0.02)
    assert found["1.weight"] == Constant(value=0.0)


def test_packed_weights_are_scaled_block_by_block():
    gates = "input: [5, 4]\nLSTM(4, 8, batch_first=True)\n"
    found = under(gates, recurrent="orthogonal(gain=1)", recurrent_gain="2").recipe
    assert {law.gain for _, law in found.packed["0.weight_hh_l0"]} == {2.0}


def test_a_kind_that_the_network_has_not_is_named():
    assert any("kind recurrent" in note for note in under(MLP, recurrent_gain="2").notes)


def test_an_activation_takes_the_place_of_every_one_under_the_same_names():
    before, found = understand(MLP), under(MLP, act="GELU")
    assert [one.name for one in found.graph.nodes] == [one.name for one in before.nodes]
    assert found.graph.nodes[1].op == "aten.gelu.default"


def test_the_slope_of_a_prelu_is_drawn():
    assert under(MLP, act="PReLU").recipe.laws["1.weight"] == Constant(value=0.25)


@pytest.mark.parametrize("kind", ["none", "BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm"])
@pytest.mark.parametrize("text", [CONVOLVED, ENCODER], ids=["convolved", "encoder"])
def test_the_nodes_of_a_network_keep_their_names_and_shapes_under_another_norm(text, kind):
    before = {one.name: one.shapes[0] for one in understand(text).nodes}
    after = {one.name: one.shapes[0] for one in under(text, normalisation=kind).graph.nodes}
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("kind", "op", "parts"),
    [
        ("BatchNorm", "batch_norm", {"weight", "bias", "running_mean", "running_var"}),
        ("LayerNorm", "layer_norm", {"weight", "bias"}),
        ("RMSNorm", "rms_norm", {"weight"}),
        ("GroupNorm", "group_norm", {"weight", "bias"}),
    ],
)
@pytest.mark.parametrize("text", [CONVOLVED, ENCODER], ids=["convolved", "encoder"])
def test_a_norm_is_replaced_with_the_parameters_that_the_other_has(text, kind, op, parts):
    found = under(text, normalisation=kind)
    assert {one.op for one in norms(found)} == {f"aten.{op}.default"}
    own = {one.name: one for one in found.graph.parameters if one.facts.kind.startswith(kind[:5])}
    assert {name.rpartition(".")[2] for name in own} == parts
    assert {one.shape for one in own.values()} == {(16,)}
    assert own.keys() <= found.recipe.laws.keys()


def test_without_norms_their_parameters_are_gone():
    found = under(CONVOLVED, normalisation="none")
    assert norms(found) == []
    assert not any(name.startswith("1.") for name in found.recipe.laws)
    assert all(one.facts.kind != "BatchNorm2d" for one in found.graph.parameters)


def test_groups_are_as_many_as_leave_two_channels_to_each():
    (first, *_) = norms(under(CONVOLVED, normalisation="GroupNorm"))
    assert first.arguments["num_groups"] == 8


def test_a_norm_whose_channels_no_groups_divide_is_left_and_named():
    text = "input: [3, 8, 8]\nlayers:\n  - Conv2d(3, 5, 3)\n  - BatchNorm2d(5)\n"
    found = under(text, normalisation="GroupNorm")
    assert [one.op for one in norms(found)] == ["aten.batch_norm.default"]
    assert any("do not fit" in note and note.endswith("1") for note in found.notes)


def test_a_network_without_norms_is_told_so():
    assert any("no normalisation" in note for note in under(MLP, normalisation="RMSNorm").notes)


def test_a_branch_factor_scales_the_last_weight_of_each_branch():
    found, plain = under(ENCODER, branch="0.5"), under(ENCODER)
    assert found.branch_ends[:2] == (
        "0.layers.0.self_attn.out_proj.weight",
        "0.layers.0.linear2.weight",
    )
    for name in found.branch_ends:
        assert found.recipe.laws[name].bound == 0.5 * plain.recipe.laws[name].bound
    assert (
        found.recipe.laws["0.layers.0.linear2.bias"] == plain.recipe.laws["0.layers.0.linear2.bias"]
    )


def test_a_branch_factor_of_0_makes_weights_and_biases_of_the_ends_0():
    found = under(ENCODER, branch="0").recipe.laws
    assert found["0.layers.0.linear2.weight"] == Constant(value=0.0)
    assert found["0.layers.0.linear2.bias"] == Constant(value=0.0)


def test_a_branch_that_ends_in_a_norm_is_scaled_by_the_norms_weight():
    found = under(CONVOLVED, branch="0")
    assert found.branch_ends == ("3.1.weight",)
    assert found.recipe.laws["3.1.weight"] == Constant(value=0.0)


def test_a_branch_whose_norm_is_removed_ends_in_the_weight_before_it():
    found = under(CONVOLVED, branch="0", normalisation="none")
    assert found.branch_ends == ("3.0.weight",)


def test_a_network_without_branches_is_told_so():
    assert any("no residual branches" in note for note in under(MLP, branch="0").notes)


def test_a_branch_that_nothing_scales_is_named():
    text = (
        "input: [8]\nlayers:\n"
        '  - residual: ["Linear(8, 8)", "LayerNorm(8, elementwise_affine=False)"]'
    )
    assert any(
        "1 residual branch without a weight" in note for note in under(text, branch="0").notes
    )


def test_a_checkpoint_as_the_base_keeps_every_value_that_no_choice_speaks_of():
    network = understand(CONVOLVED)
    found = planned(network, Plan(base="checkpoint", choices={"linear": Choice(scheme="zeros")}))
    assert found.recipe.laws.keys() == {"6.weight", "6.bias"}


def test_a_checkpoints_weights_are_multiplied_by_gains_and_branch_factors():
    found = under(CONVOLVED, base="checkpoint", convolution_gain="2", branch="0.5").recipe
    assert found.factors == {"0.weight": 2.0, "3.0.weight": 2.0, "3.1.weight": 0.5}


def test_a_checkpoints_branches_can_be_made_zero():
    found = under(CONVOLVED, base="checkpoint", branch="0").recipe
    assert found.laws == {"3.1.weight": Constant(value=0.0), "3.1.bias": Constant(value=0.0)}


def test_what_a_plan_adds_to_a_checkpoint_is_drawn_as_torch_does():
    found = under(CONVOLVED, base="checkpoint", act="PReLU", normalisation="LayerNorm")
    assert found.recipe.laws == {"2.weight": Constant(value=0.25)}  # norms keep weight and bias
    assert {one.stored for one in found.graph.parameters} == {None}


def test_a_norm_over_a_whole_image_becomes_one_over_its_channels():
    weight = parameter("n.weight", 4, 5, 5, role="norm_weight", kind="LayerNorm", fan_in=None)
    over = node(
        "n", "layer_norm.default", 2, 4, 5, 5, kind="LayerNorm",
        input=v("x"), normalized_shape=(4, 5, 5), weight=v(weight.value),
    )  # fmt: skip
    network = graph([over], [weight], inputs=[real(2, 4, 5, 5)])
    (found,) = norms(planned(network, Plan(normalisation="BatchNorm")))
    assert found.op == "aten.batch_norm.default"
    own = planned(network, Plan(normalisation="BatchNorm")).graph.parameters
    assert {one.shape for one in own} == {(4,)}
    assert own[0].value != weight.value  # no file's values have its new shape


def test_the_notes_count_what_no_choice_sets():
    notes = under(MLP, base="lecun_normal", linear_bias="0").notes
    assert not any("torch's default" in note for note in notes)
    assert any(
        "torch's default 2 other parameters" in note
        for note in under(MLP, base="lecun_normal").notes
    )


def test_what_a_branch_of_zero_sets_is_not_told_as_drawn():
    notes = under(CONVOLVED, base="xavier_uniform(gain=1)", branch="0").notes
    told = next(note for note in notes if "torch's default" in note)
    assert "torch's default 5 other parameters" in told
