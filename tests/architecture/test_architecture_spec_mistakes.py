"""Mistakes and hostile texts in a spec are told in a sentence."""

from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.errors import NotANetwork


def refusal(text: str) -> str:
    with pytest.raises(NotANetwork) as caught:
        understand(text)
    return caught.value.message


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
