"""Whole networks of a spec run as they were shaped, and follow the schema."""

from __future__ import annotations

import json

import jsonschema
import pytest
import torch
import yaml
from running_graphs import graph, run
from torch import nn

from app.architecture.examples import EXAMPLES
from app.architecture.signatures import KINDS
from app.architecture.specschema import schema
from app.architecture.understanding import understand
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
    with pytest.raises(NotANetwork):
        understand(json.dumps(spec))


def test_the_schema_knows_every_class():
    assert set(schema()["$defs"]) >= KINDS


def test_there_are_six_examples_with_a_line_each():
    assert len({example.id for example in EXAMPLES}) == 6
    assert all("\n" not in example.about for example in EXAMPLES)
