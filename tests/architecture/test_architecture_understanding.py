from __future__ import annotations

import random
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.architecture.examples import EXAMPLES
from app.architecture.signatures import OPERATIONS
from app.architecture.specschema import schema
from app.architecture.understanding import understand
from app.core.graph import Graph, Inventory
from app.errors import Refused

PIECES = (
    "Linear(", "4", ", ", ")", "[", "]", "{", "}", "\n", "\n  ", "- ", ": ", "ReLU", "residual",
    "parallel", "repeat", "times", "of", "input", "layers", "name", " x ", "(", "'", '"', "#", "|",
    "Sequential(\n", "(0): ", "=", "-1", "1e9", "None", "TransformerEncoder(", "\t", "~", "*", "&a",
    "Conv2d(4, 4, 1)", "Embedding(9, 4)", "null", "%", "\u2028", "é",
)  # fmt: skip


def settled(text: str) -> Graph | Inventory | None:
    """What is understood, or None where it is refused; any other end fails the test."""
    try:
        return understand(text)
    except Refused:
        return None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_pieces_of_text_are_understood_or_refused(text):
    settled(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(text):
    settled(text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_a_damaged_example_is_understood_or_refused(example):
    chance = random.Random(example.id)
    for _ in range(40):
        at, length = chance.randrange(len(example.text)), chance.randrange(12)
        put = chance.choice(PIECES)
        settled(example.text[:at] + put + example.text[at + length :])


def test_every_value_is_named_before_it_is_used():
    for example in EXAMPLES:
        graph = understand(example.text)
        known = {one.name for one in graph.inputs} | {one.value for one in graph.parameters}
        for node in graph.nodes:
            for argument in node.arguments.values():
                for one in argument if isinstance(argument, tuple) else (argument,):
                    assert getattr(one, "value", None) in {None, *known}
            assert not known & set(filter(None, node.results))
            known |= set(filter(None, node.results))
        assert set(graph.outputs) <= known


def test_names_of_operations_are_unique():
    for example in EXAMPLES:
        names = [node.name for node in understand(example.text).nodes]
        assert len(names) == len(set(names))


def test_an_interactive_prompt_before_a_printed_model_is_left_out():
    text = (
        ">>> print(model)\nSequential(\n  (0): Linear(in_features=4, out_features=2, bias=True)\n)"
    )
    graph = understand(text)
    assert graph.origin == "module text"
    assert graph.nodes[0].line == 3


def test_a_wrapped_model_keeps_the_wrappers_names():
    text = "DataParallel(\n  (module): Sequential(\n    (0): Linear(4, 2)\n  )\n)"
    assert understand(text).parameters[0].name == "module.0.weight"


def test_a_network_has_the_name_it_is_given():
    assert understand("name: my net\nlayers: [Linear(4, 4)]").name == "my net"


def test_lines_of_a_block_of_text_are_its_own():
    graph = understand("layers: |\n  Linear(4, 4)\n  ReLU()\n")
    assert [node.line for node in graph.nodes] == [2, 3]


DOCUMENT = Path("docs/spec.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_the_documented_specs_are_understood_and_follow_the_schema(text):
    assert isinstance(understand(text), Graph)
    jsonschema.validate(yaml.safe_load(text), schema())


def test_the_documented_lines_are_understood():
    text = re.findall(r"(?m)(?:^    \S.*\n)+", DOCUMENT)[0]
    assert len(understand(text.replace("    ", "")).nodes) == 79


@pytest.mark.parametrize("kind", OPERATIONS)
def test_every_operation_of_the_spec_is_documented(kind):
    words = {"Position": "`position`", "ClassToken": "`class_token`"}
    assert words.get(kind, f"`{kind}(") in DOCUMENT


@pytest.mark.parametrize("word", ["position", "class_token", "ClassToken()", "Position"])
def test_a_learned_part_may_be_written_in_either_way(word):
    graph = understand(f"input: [4, 6]\nlayers: [{word}]")
    assert len(graph.parameters) == 1


def test_a_long_class_name_is_cut():
    found = understand("Foo(\n  (a): " + "B" * 5000 + "()\n)")
    assert len(found.layers[0].kind) == 100
