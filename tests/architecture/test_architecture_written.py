"""Norms and activations that a model writes as arithmetic, under plans that replace them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from app.architecture.expecting import expected
from app.architecture.planning import planned
from app.architecture.written import with_offsets
from app.core.distributions import Constant
from app.core.graph import DType
from app.core.plans import Plan
from tests.exported_models import program, saved
from tests.graph_running import read
from tests.hand_graphs import graph, node, parameter, real, v


def written_norm(*, leak: bool = False, shifted: bool = False):
    """An RMS norm in six operations, as exported models have it, between two sums."""
    weight = parameter("n.weight", 4, role="norm_weight", kind="LlamaRMSNorm", fan_in=None)
    factor = v("n8") if shifted else v(weight.value)
    told = {"module": "n", "kind": "LlamaRMSNorm"}
    steps = [
        node("n0", "to.dtype", 2, 3, 4, self=v("x"), dtype=DType(dtype="float32")),
        node("n1", "pow.Tensor_Scalar", 2, 3, 4, self=v("n0"), exponent=2),
        node("n2", "mean.dim", 2, 3, 1, self=v("n1"), dim=(-1,), keepdim=True),
        node("n3", "add.Tensor", 2, 3, 1, self=v("n2"), other=1e-6),
        node("n4", "rsqrt.default", 2, 3, 1, self=v("n3")),
        node("n5", "mul.Tensor", 2, 3, 4, self=v("n0"), other=v("n4")),
        node("n7", "to.dtype", 4, self=v(weight.value), dtype=DType(dtype="float32")),
        node("n8", "add.Tensor", 4, self=v("n7"), other=1.0),
        node("n6", "mul.Tensor", 2, 3, 4, self=factor, other=v("n5")),
    ]
    steps = [one for one in steps if shifted or one.name not in ("n7", "n8")]
    after = node("y", "add.Tensor", 2, 3, 4, self=v("n6"), other=v("n5" if leak else "n0"))
    nodes = [*(replace(one, **told) for one in steps), after]
    return graph(nodes, [weight], inputs=[real(2, 3, 4)])


@pytest.mark.parametrize(
    ("kind", "ops"),
    [
        ("none", ["clone"]),
        ("LayerNorm", ["layer_norm"]),
        ("BatchNorm", ["permute", "batch_norm", "permute"]),
    ],
)
def test_a_norm_that_is_written_as_arithmetic_is_replaced_as_one(kind, ops):
    found = planned(written_norm(), Plan(normalisation=kind)).graph.nodes
    assert [one.op.split(".")[1] for one in found] == ["to", *ops, "add"]
    assert found[len(ops)].name == "n6"


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm", "BatchNorm"])
def test_a_norm_that_multiplies_by_1_and_its_weight_begins_anew(kind):
    found = planned(written_norm(shifted=True), Plan(base="checkpoint", normalisation=kind))
    assert found.recipe.laws["n.weight"] == Constant(value=1.0)
    assert any("1 + weight" in note for note in found.notes)
    kept = planned(written_norm(), Plan(base="checkpoint", normalisation=kind))
    assert "n.weight" not in kept.recipe.laws


def test_a_written_norm_whose_steps_are_used_elsewhere_stays():
    found = planned(written_norm(leak=True), Plan(normalisation="none"))
    assert found.graph == written_norm(leak=True)
    assert any("no normalisation to remove" in note for note in found.notes)


def test_an_activation_that_is_written_as_arithmetic_is_replaced_as_one():
    told = {"module": "act", "kind": "NewGELUActivation"}
    steps = [
        node("a1", "pow.Tensor_Scalar", 2, 4, self=v("x"), exponent=3.0),
        node("a2", "mul.Tensor", 2, 4, self=v("a1"), other=0.044715),
        node("a3", "add.Tensor", 2, 4, self=v("x"), other=v("a2")),
        node("a4", "tanh.default", 2, 4, self=v("a3")),
        node("a5", "mul.Tensor", 2, 4, self=v("x"), other=v("a4")),
    ]
    network = graph([replace(one, **told) for one in steps], inputs=[real(2, 4)])
    (found,) = planned(network, Plan(activation="SiLU")).graph.nodes
    assert (found.name, found.op, found.arguments) == ("a5", "aten.silu.default", {"self": v("x")})


class ShiftedNorm(nn.Module):
    """Gemma's norm, which multiplies by 1 + weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)
        return (x.float() * size * (1.0 + self.weight.float())).type_as(x)


def last_theory(network):
    found = expected(network, Plan())
    return found.prediction.nodes[network.nodes[-1].name]


def test_the_weight_of_a_norm_that_1_is_added_to_is_drawn_as_0():
    model = nn.Sequential(nn.Linear(16, 16), ShiftedNorm())
    network, _ = read(saved(program(model, (torch.randn(2, 16),))))
    network = replace(
        network, parameters=tuple(replace(one, stored=None) for one in network.parameters)
    )
    found = planned(network, Plan())
    assert found.recipe.laws["1.weight"] == Constant(value=0.0)
    assert "norms that multiply by 1 + weight begin at a factor of 1: 1.weight" in found.notes
    # The size that the norm gives, by theory: 1 but for its eps of 1e-6 beside a variance of 1/3.
    assert last_theory(network).rms == pytest.approx(1.0, rel=1e-5)


def test_a_weight_that_only_eps_is_added_to_is_a_factor_still():
    whole = written_norm(shifted=True)
    nodes = tuple(
        replace(one, arguments={**one.arguments, "other": 1e-6}) if one.name == "n8" else one
        for one in whole.nodes
    )
    network = replace(whole, nodes=nodes)
    assert with_offsets(network) == network


def test_a_weight_outside_of_norms_is_no_offset():
    whole = written_norm(shifted=True)
    network = replace(whole, nodes=tuple(replace(one, kind="Gate") for one in whole.nodes))
    assert with_offsets(network) == network


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm", "BatchNorm"])
def test_another_norm_in_the_place_of_a_shifted_one_begins_at_1(kind):
    network = with_offsets(written_norm(shifted=True))
    found = planned(network, Plan(normalisation=kind))
    assert found.recipe.laws["n.weight"] == Constant(value=1.0)
