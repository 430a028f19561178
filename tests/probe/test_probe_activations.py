"""One activation in the place of all others."""

import pytest
import torch

from app.core.operators import OPERATORS
from app.errors import Invalid
from app.probe.activations import REPLACING, with_activation
from tests.hand_graphs import graph, mlp, node, real, v


@pytest.mark.parametrize("name", REPLACING)
def test_each_gives_what_its_module_gives(name):
    op, settings = REPLACING[name]
    _, operator, overload = op.split(".")
    x = torch.linspace(-4, 4, 101)
    found = getattr(getattr(torch.ops.aten, operator), overload)(x, **settings)
    torch.testing.assert_close(found, getattr(torch.nn, name)()(x))
    assert op in OPERATORS


def test_every_activation_is_replaced_and_nothing_else():
    found = with_activation(mlp(3, 8), "Tanh")
    assert [n.op for n in found.nodes][:2] == ["aten.linear.default", "aten.tanh.default"]
    assert [n.kind for n in found.nodes][1::2] == ["Tanh", "Tanh"]
    assert found.parameters == mlp(3, 8).parameters


def test_a_gate_that_halves_its_input_stays():
    network = graph([node("g", "glu.default", 2, 4, self=v("x"))], inputs=[real(2, 8)])
    assert with_activation(network, "ReLU") == network


def test_settings_of_the_old_activation_are_forgotten():
    step = node("e", "elu.default", 2, 8, self=v("x"), alpha=0.3)
    found = with_activation(graph([step], inputs=[real(2, 8)]), "ReLU").nodes[0]
    assert found.arguments == {"self": v("x")}


def test_without_a_name_the_network_stays_as_it_is():
    network = mlp(2, 8)
    assert with_activation(network, None) is network


def test_an_unknown_activation_is_refused():
    with pytest.raises(Invalid, match="one of ReLU"):
        with_activation(mlp(2, 8), "relu")
