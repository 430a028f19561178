"""Every form of a spec as a graph: names, shapes and what was chosen."""

from __future__ import annotations

import pytest
from running_graphs import graph


def ops(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(node.op, node.shapes[0][1:]) for node in graph(text).nodes]


@pytest.mark.parametrize(
    "text",
    [
        "Linear(4, 5)\nReLU()\nLinear(5, 2)",
        "Linear(4,5), ReLU, Linear(5,2)",
        "nn.Sequential(\n    nn.Linear(4, 5),  # wide\n    nn.ReLU(),\n    nn.Linear(5, 2),\n)",
        "import torch.nn as nn\nmodel = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))",
        "- Linear(4, 5)\n- ReLU\n- Linear: [5, 2]",
        "- Linear: {in_features: 4, out_features: 5}\n- ReLU:\n- Linear: [5, 2, true]",
        '[{"Linear": [4, 5]}, {"ReLU": null}, "Linear(5, 2)"]',
        '{\n\t"input": [4],\n\t"layers": ["Linear(4, 5)", {"ReLU": {}}, {"Linear": [5, 2]}]\n}',
        "input: [4]\nLinear(4, 5)\nReLU()\nLinear(5, 2)",
        "layers: [Linear(4, 5), ReLU(), Linear(5, 2, bias=True)]",
        "Linear(4, 5)\r\nReLU()\r\nLinear(5, 2)\r\n",
        "layers: |\n  Linear(4, 5)\n  ReLU()\n  Linear(5, 2)\n",
    ],
)
def test_every_form_says_the_same_network(text):
    found = graph(text)
    assert [(p.name, p.shape) for p in found.parameters] == [
        ("0.weight", (5, 4)),
        ("0.bias", (5,)),
        ("2.weight", (2, 5)),
        ("2.bias", (2,)),
    ]
    assert [node.op for node in found.nodes] == [
        "aten.linear.default",
        "aten.relu.default",
        "aten.linear.default",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "40 x [Linear(8, 8), ReLU()]",
        "40 × [Linear(8, 8),\n ReLU()]",
        "- repeat: {times: 40, of: [Linear(8, 8), ReLU()]}",
        "- repeat: 40\n  of:\n    - Linear(8, 8)\n    - ReLU()",
        '[{"repeat": {"times": 40, "of": ["Linear(8, 8)", "ReLU()"]}}]',
        "- 40 x [Linear(8, 8), ReLU()]",
    ],
)
def test_a_repeat_is_numbered_as_a_flat_sequential(text):
    found = graph(text)
    assert [p.name for p in found.parameters][:4] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(found.nodes) == 80


def test_a_named_repeat_numbers_its_blocks():
    found = graph("- repeat: {times: 2, of: [Linear(8, 8), 'ReLU()']}\n  name: blocks")
    assert [node.name for node in found.nodes] == [
        "blocks.0.0", "blocks.0.1", "blocks.1.0", "blocks.1.1"
    ]  # fmt: skip


def test_nodes_and_parameters_carry_the_names_that_were_given():
    found = graph("- fc1: Linear(4, 4)\n- {name: act, Tanh: null}\n- name: fc2\n  Linear: [4, 2]")
    assert [node.name for node in found.nodes] == ["fc1", "act", "fc2"]
    assert found.parameters[-1].name == "fc2.bias"


def test_a_residual_adds_its_input():
    found = graph("- residual: [Linear(4, 4), ReLU()]")
    last = found.nodes[-1]
    assert (last.op, last.kind) == ("aten.add.Tensor", "Residual")
    assert last.arguments["self"].value == "input"


def test_a_residual_scales_its_body_and_takes_a_shortcut():
    found = graph("- residual: [Linear(4, 6)]\n  shortcut: [Linear(4, 6)]\n  scale: 0.5")
    assert found.nodes[-1].arguments["alpha"] == 0.5
    assert [node.name for node in found.nodes] == ["0.0", "0.shortcut.0", "0 · add"]


@pytest.mark.parametrize(
    ("join", "op", "shape"),
    [
        ("add", "aten.add.Tensor", (4,)),
        ("multiply", "aten.mul.Tensor", (4,)),
        ("concat", "aten.cat.default", (8,)),
    ],
)
def test_branches_are_joined(join, op, shape):
    text = f"- parallel: [[Linear(4, 4)], [Linear(4, 4), Sigmoid()]]\n  join: {join}"
    assert ops(text)[-1] == (op, shape)


def test_tokens_are_an_input():
    (given,) = graph("input: {tokens: 9, vocabulary: 100}\nlayers: [Embedding(100, 4)]").inputs
    assert (given.shape, given.dtype, given.draw, given.high) == ((2, 9), "int64", "tokens", 100)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Linear(7, 2)", (7,)),
        ("Conv2d(3, 4, 3)", (3, 32, 32)),
        ("Embedding(50, 4)", (64,)),
        ("LSTM(5, 4)", (16, 5)),
        ("ReLU()\nConv1d(2, 4, 3)", (2, 64)),
        ("BatchNorm2d(6)", (6, 32, 32)),
        ("LayerNorm((3, 8))", (3, 8)),
    ],
)
def test_the_first_layer_tells_the_input(text, shape):
    assert graph(text).inputs[0].shape == (2, *shape)


def test_an_input_that_was_chosen_is_told():
    assert "`input: [3, 32, 32]`" in graph("Conv2d(3, 4, 3)").notes[0]


def test_no_argument_holds_the_batch():
    text = "LSTM(5, 4)\nMultiheadAttention(4, 4)\nLocalResponseNorm(3)\nFlatten()"
    for node in graph(text).nodes:
        sizes = [node.arguments.get(name, ()) for name in ("size", "shape", "sizes")]
        assert all(size[0] != 2 for size in sizes if size), node


def test_nodes_know_their_lines():
    found = graph("input: [4]\nlayers:\n  - Linear(4, 4)\n\n  - residual:\n      - Tanh()\n")
    assert [node.line for node in found.nodes] == [3, 6, 5]


def test_a_200_layer_network_is_understood():
    assert len(graph("200 x [Linear(16, 16), Tanh()]").nodes) == 400


def test_a_stack_of_copies_says_that_torch_copies():
    text = "TransformerEncoder(TransformerEncoderLayer(8, 2), 3)"
    assert any("torch copies the layer" in note for note in graph(text).notes)
