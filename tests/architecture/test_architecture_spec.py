from __future__ import annotations

import json

import jsonschema
import pytest
import torch
import yaml
from running_graphs import run
from torch import nn

from app.architecture.examples import EXAMPLES
from app.architecture.signatures import KINDS
from app.architecture.specschema import schema
from app.architecture.understanding import understand
from app.core.graph import Graph
from app.core.operators import OPERATORS
from app.errors import NotANetwork

UNET = """
input: [3, 16, 16]
layers:
  - Conv2d(3, 8, 3, padding=1)
  - ReLU()
  - parallel:
      - []
      - - MaxPool2d(2)
        - Conv2d(8, 16, 3, padding=1)
        - ReLU()
        - parallel:
            - []
            - - MaxPool2d(2)
              - Conv2d(16, 32, 3, padding=1)
              - ConvTranspose2d(32, 16, 2, stride=2)
          join: concat
        - Conv2d(32, 16, 3, padding=1)
        - ConvTranspose2d(16, 8, 2, stride=2)
    join: concat
  - Conv2d(16, 1, 1)
"""
VIT = """
input: [3, 32, 32]
layers:
  - Conv2d(3, 48, 8, stride=8)
  - Flatten(2)
  - Transpose(1, 2)
  - ClassToken
  - Position
  - repeat:
      times: 3
      of: "TransformerEncoderLayer(48, 3, 96, dropout=0.0, norm_first=True, batch_first=True)"
  - LayerNorm(48)
  - Select(1, 0)
  - Linear(48, 10)
"""


def graph(text: str) -> Graph:
    found = understand(text)
    assert isinstance(found, Graph)
    return found


def ops(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(node.op, node.shapes[0][1:]) for node in graph(text).nodes]


def refusal(text: str) -> str:
    with pytest.raises(NotANetwork) as caught:
        understand(text)
    return caught.value.message


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


@pytest.mark.parametrize("text", [UNET, VIT, *(example.text for example in EXAMPLES)])
def test_whole_networks_run_as_they_were_shaped(text):
    found = graph(text)
    generator = torch.Generator().manual_seed(1)
    state = {p.name: torch.randn(p.shape, generator=generator) * 0.02 for p in found.parameters}
    inputs = {
        given.name: torch.randint(0, given.high, given.shape)
        if given.draw == "tokens"
        else torch.randn(given.shape)
        for given in found.inputs
    }
    with torch.no_grad():
        values = run(found, inputs, state)
    assert torch.isfinite(values[found.outputs[0]]).all()
    assert {node.op for node in found.nodes} <= set(OPERATORS)


def test_the_causal_example_looks_at_nothing_to_come():
    found = graph(next(example.text for example in EXAMPLES if example.id == "gpt"))
    state = {p.name: torch.randn(p.shape) * 0.02 for p in found.parameters}
    first = torch.randint(0, 1000, (2, 64))
    second = first.clone()
    second[:, 40:] = 7
    with torch.no_grad():
        one, two = (run(found, {"input": x}, state)[found.outputs[0]] for x in (first, second))
    torch.testing.assert_close(one[:, :40], two[:, :40], rtol=0, atol=1e-6)
    assert not torch.allclose(one[:, 40:], two[:, 40:])


def test_a_causal_encoder_layer_is_torchs_with_a_causal_mask():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    found = graph("input: [5, 8]\nTransformerEncoderLayer(8, 2, 16, 0.0, causal=True)")
    x = torch.randn(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    state = {f"0.{name}": value for name, value in layer.state_dict().items()}
    with torch.no_grad():
        expected = layer(x, src_mask=mask, is_causal=True)
        values = run(found, {"input": x}, state)
    torch.testing.assert_close(values[found.outputs[0]], expected, rtol=1e-6, atol=1e-6)


def test_a_causal_decoder_layer_is_torchs_with_a_causal_target():
    layer = nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True)
    found = graph("input: [5, 8]\nTransformerDecoderLayer(8, 2, 16, 0.0, causal=True)")
    x, memory = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    state = {f"0.{name}": value for name, value in layer.state_dict().items()}
    with torch.no_grad():
        expected = layer(x, memory, tgt_mask=mask, tgt_is_causal=True)
        values = run(found, {"input": x, "memory": memory}, state)
    torch.testing.assert_close(values[found.outputs[0]], expected, rtol=1e-6, atol=1e-6)


def test_a_stack_of_copies_says_that_torch_copies():
    text = "TransformerEncoder(TransformerEncoderLayer(8, 2), 3)"
    assert any("torch copies the layer" in note for note in graph(text).notes)


def test_a_shape_that_does_not_fit_names_both_lines():
    text = "input: [64]\nlayers:\n  - ReLU()\n  - Linear(64, 128)\n  - Linear(64, 10)\n"
    assert "Linear(64, 10) on line 5 expects 64 features; 128 arrive from line 4" in refusal(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Linear(5, 5)\nLinaer(5, 5)",
            "Linaer on line 2 is no class of torch.nn; did you mean Linear?",
        ),
        ("Linear(5)", "Linear(5) on line 1 also needs out_features."),
        ("Linear(5, 5, biass=True)", "it has no argument 'biass'"),
        ("Linear(5, 5, True, None, None, 3)", "at most 5 arguments without a name, got 6"),
        ("Linear(5, 5, in_features=5)", "is given in_features twice"),
        ("Linear(-5, 5)", "line 1: Linear's in_features is not valid"),
        ("Conv2d(3, 8, 3, groups=2)", "a multiple of groups = 2"),
        ("MultiheadAttention(8, 3)", "a divisor of embed_dim = 8"),
        ("CrossEntropyLoss()", "is a loss"),
        ("MaxPool2d(2, return_indices=True)", "begin with a line such as"),
        ("input: [3, 8, 8]\nMaxPool2d(2, return_indices=True)", "set return_indices to false"),
        ("input: [3, 8]\nConv2d(3, 4, 3)", "expects (channels, height, width)"),
        ("input: [3, 2, 2]\nConv2d(3, 4, 5)", "larger than the (3, 2, 2)"),
        ("input: [8]\nEmbedding(10, 4)", "expects token ids; numbers arrive"),
        ("input: {tokens: 4, vocabulary: 9}\nLinear(4, 4)", "Put an Embedding before it"),
        ("- Linear(5, 5)\n- residual: [Linear(5, 6)]", "The residual on line 2 adds (6)"),
        ("- parallel: [[Linear(4, 4)]]", "two or more branches"),
        ("- parallel: [[ReLU()], [Linear(4, 5)]]\n  join: sum", "expected add, concat or multiply"),
        (
            "layers: [Linear(5, 5)]\nlayer: []",
            "line 2: expected input, layers, name or description",
        ),
        ("input: [0]\nReLU()", "a size of the input from 1"),
        ("- 3", "line 1: expected a layer such as Linear(512, 512), got 3"),
        ("- {Linear: [5, 5], ReLU: null}", "one layer for each item of the list"),
        ("Linear(5, 5", "expected a comma or a closing ')'"),
        ("Linear(5, 5) ReLU()", "a comma or a new line between two layers, got 'ReLU'"),
        ("x = torch.randn(3)\ndef f(x):\n    return x", "Python code, which is never run"),
        ("", "the text is empty"),
        ("# nothing", "names no layer"),
        ("input: [5]", "names no layer"),
        (
            "input: {tokens: 4, vocabulary: 9}\nEmbedding(8, 4)",
            "has 8 rows; token ids up to 8 arrive",
        ),
        ('{"model_type": "bert", "hidden_size": 768}', "give it as a file named config.json"),
        ("input: {tokens: 4, vocabulary: 9}\nFlatten()", "token ids arrive"),
        ("input: [3, 1]\nInstanceNorm1d(3)", "one alone has no variance"),
        ("Flatten()", "does not tell what the network is given"),
        ("input: [5]\nFlatten(0)", "axis 0 is the batch and stays"),
        ("- name: a\n  Linear: [5, 5]\n- name: a\n  Linear: [5, 5]", "another layer has already"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(text, words):
    assert words in refusal(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1000000000 x [Linear(5, 5)]", "at most 20,000 layers, got 1,000,000,000"),
        ("- repeat: {times: 1000000000, of: []}\n- Linear(5, 5)", "at most 20,000 layers"),
        ("2 x [3000 x [4000 x [ReLU()]]]", "at most 20,000 layers, got 24,000,000"),
        ("TransformerEncoder(TransformerEncoderLayer(8, 2), 1000000000)", "at most 20,000 layers"),
        ("20000 x [TransformerEncoderLayer(8, 2, 8)]", "at most 20,000 operations"),
        ("LSTM(4, 4, num_layers=1000000)", "from 1 to 128"),
        ("Linear(1000000, 1000000)", "at most 100,000,000,000 parameter values"),
        ("1000 x [Linear(20000, 20000)]", "at most 100,000,000,000 parameter values"),
        ("Embedding(2147483648, 2147483648)", "at most 100,000,000,000 parameter values"),
        ("input: [3, 8, 8]\n9 x [Upsample(scale_factor=1000)]", "100,000,000,000 is the most"),
        ("input: [2147483648, 2147483648]\nReLU()", "expected at most 100,000,000,000"),
        ("9" * 100_000 + " x [ReLU()]", "a number of 100000 characters"),
        ("- Linear: [" + "9" * 100_000 + ", 5]", "a number of 100000 characters"),
        ("Linear(5, 5)\n" * 21_000, "at most 262,144 bytes"),
        ("[" * 200_000, "nested more than 32 deep"),
        ("{a: " * 60_000, "nested more than 32 deep"),
        ("Linear(" * 30_000, "nested more than 32 deep"),
        ("2 x [" * 40 + "ReLU()" + "]" * 40, "nested more than 32 deep"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "an anchor or alias"),
        ("- &layer Linear(5, 5)\n- *layer", "an anchor or alias"),
        ("- !!python/object/apply:os.system ['true']", "a tag"),
        ("layers: [ReLU()]\nlayers: [ReLU()]", "line 2 has the key 'layers' twice"),
        ("- ReLU()\n---\n- ReLU()", "begins another document"),
        ("- Linear(5, 5)\x00", "a character that JSON and YAML do not allow"),
        ("Linear(5, 5)\x00", "which no layer contains"),
        ("- 'unclosed", "neither JSON nor YAML"),
    ],
)
def test_hostile_text_is_refused_before_anything_of_its_size_is_made(text, words):
    assert words in refusal(text)


def test_lone_surrogates_are_refused_as_text():
    assert "?" in refusal("Linear(5, 5) \udc80")


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", [UNET, VIT, *(e.text for e in EXAMPLES if "layers:" in e.text)])
def test_examples_follow_the_schema(text):
    jsonschema.validate(yaml.safe_load(text), schema())


@pytest.mark.parametrize(
    "spec",
    [
        [{"Linear": {"in_features": 5, "biass": True}}],
        [{"Linaer": [5, 5]}],
        {"layers": [], "layer": []},
        [{"parallel": [["ReLU()"]]}],
        [{"repeat": {"times": 0, "of": []}}],
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(spec):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, schema())
    refusal(json.dumps(spec))


def test_the_schema_knows_every_class():
    assert set(schema()["$defs"]) >= KINDS


def test_there_are_six_examples_with_a_line_each():
    assert len({example.id for example in EXAMPLES}) == 6
    assert all("\n" not in example.about for example in EXAMPLES)
