from __future__ import annotations

import pytest
import torch
from running_graphs import run
from torch import nn
from torch_checkpoints import stored

from app.architecture.joining import join
from app.architecture.replacing import with_activation
from app.architecture.understanding import understand
from app.core.activations import INTERCHANGEABLE
from app.core.graph import Graph
from app.core.operators import OPERATORS
from app.errors import Invalid

TEXT = "Linear(4, 6)\nReLU()\nLinear(6, 6)\nBatchNorm1d(6)\nLinear(6, 2)"


def network() -> nn.Sequential:
    layers = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 2)
    return nn.Sequential(*layers)


def graph(text: str = TEXT) -> Graph:
    found = understand(text)
    assert isinstance(found, Graph)
    return found


def tensors(state: dict[str, torch.Tensor]):
    return stored(state).checkpoint.tensors


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "net.body."])
def test_names_join_with_and_without_a_common_prefix(prefix):
    state = {f"{prefix}{name}": value for name, value in network().state_dict().items()}
    found = join(graph(), tensors(state))
    listed = list(state)
    assert {name: listed[index] for name, index in found.matched.items()} == {
        p.name: f"{prefix}{p.name}" for p in graph().parameters
    }
    assert (found.missing, found.unused, found.differ) == ((), (), ())
    assert found.prefixes == ((prefix,) if prefix else ())


def test_the_graphs_own_prefix_is_taken_off():
    named = graph("- encoder: [Linear(4, 6), ReLU(), Linear(6, 2)]".replace("encoder: ", ""))
    wrapped = graph("- name: encoder\n  sequential: [Linear(4, 6), ReLU(), Linear(6, 2)]")
    state = {p.name: torch.zeros(p.shape) for p in named.parameters}
    assert len(join(wrapped, tensors(state)).matched) == 4


def test_what_does_not_fit_is_listed():
    state = dict(network().state_dict())
    state["4.weight"] = torch.zeros(3, 6)
    del state["2.bias"]
    state["extra.weight"] = torch.zeros(2, 2)
    found = join(graph(), tensors(state))
    assert found.missing == ("2.bias",)
    assert found.unused == ("extra.weight",)
    assert found.differ == (
        "4.weight has the shape (2, 6) in the network and (3, 6) in the checkpoint.",
    )
    assert "4.weight" not in found.matched


def test_other_names_join_by_order_where_every_shape_agrees():
    names = ["a.weight", "a.bias", "b.weight", "b.bias"]
    shapes = [(6, 4), (6,), (2, 6), (2,)]
    state = {name: torch.zeros(shape) for name, shape in zip(names, shapes, strict=True)}
    found = join(graph("Linear(4, 6)\nTanh()\nLinear(6, 2)"), tensors(state))
    assert found.by_order
    assert list(found.matched.values()) == [0, 1, 2, 3]


def test_other_names_and_other_shapes_join_nothing():
    state = {"a.weight": torch.zeros(6, 4), "b.weight": torch.zeros(2, 6)}
    found = join(graph("Linear(4, 6)\nLinear(6, 2)"), tensors(state))
    assert not found.matched
    assert not found.by_order
    assert found.unused == ("a.weight", "b.weight")


def same_input(found: Graph, activation: nn.Module) -> None:
    """The graph gives what the live network with this activation gives."""
    model = nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 2))
    x = torch.randn(2, 4)
    state = {p.name: model.state_dict().get(p.name) for p in found.parameters}
    state |= {n: torch.tensor([0.25]) for n, value in state.items() if value is None}
    with torch.no_grad():
        values = run(found, {"input": x}, state)
        expected = model(x)
    torch.testing.assert_close(values[found.outputs[0]], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in INTERCHANGEABLE if kind != "RReLU"])
@pytest.mark.parametrize("before", ["ReLU()", "Softsign()", "PReLU(6)", "Hardtanh()"])
def test_a_replaced_activation_is_torchs(kind, before):
    found = with_activation(graph(f"Linear(4, 6)\n{before}\nLinear(6, 2)"), kind).graph
    same_input(found, getattr(nn, kind)())
    assert {node.op for node in found.nodes} <= set(OPERATORS)


def test_every_activation_is_replaced_and_nothing_else():
    text = "TransformerEncoderLayer(8, 2, 16, activation='gelu')\nGLU()\nMish()\nSoftmax(dim=-1)"
    before, after = graph(text), with_activation(graph(text), "Tanh").graph
    changed = [
        (old.op, new.op)
        for old, new in zip(before.nodes, after.nodes, strict=True)
        if old.op != new.op
    ]
    assert changed == [
        ("aten.gelu.default", "aten.tanh.default"),
        ("aten.mish.default", "aten.tanh.default"),
    ]


def test_names_of_operations_stay():
    after = with_activation(graph(), "Softsign").graph
    assert {node.name for node in graph().nodes} <= {node.name for node in after.nodes}
    assert len({node.name for node in after.nodes}) == len(after.nodes)


def test_a_slope_that_nothing_uses_any_more_is_gone():
    after = with_activation(graph("Linear(4, 6)\nPReLU()\nLinear(6, 2)"), "ReLU").graph
    assert "1.weight" not in {p.name for p in after.parameters}


@pytest.mark.parametrize("kind", ["Softmax", "GLU", "Linear", "relu"])
def test_an_activation_that_is_none_is_refused(kind):
    with pytest.raises(Invalid, match="expected one of"):
        with_activation(graph(), kind)
