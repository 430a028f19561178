"""ONNX files that lie or are broken: listed without being run, or refused."""

import numpy as np
import pytest
from opened_onnx import convolutional, floats, opened

from app.core.graph import Inventory
from app.errors import Malformed
from tests.corpus.onnx_files import empty, given, held, model, node, number, result, span, varint

HUGE = np.array([2**31, 2**31])
NOT_RUN = {
    "huge constant": (
        node("ConstantOfShape", ["k"], "c") + node("Add", ["x", "c"], "y") + held(HUGE, "k"),
        "size that makes no sense",
    ),
    "huge sum of small constants": (
        node("Add", ["k", "l"], "c") + node("Add", ["x", "c"], "y")
        + held(np.zeros((2**15, 1), np.int64), "k") + held(np.zeros((1, 2**15), np.int64), "l"),
        "too large",
    ),
    "huge join": (
        node("Concat", ["k"] * 1000, "c", axis=0) + node("Add", ["x", "c"], "y")
        + held(np.zeros(2**15, np.int64), "k"),
        "too large",
    ),
    "huge expansion": (
        node("Expand", ["x", "k"], "y") + held(HUGE, "k"), "fit"
    ),
    "negative size": (
        node("Reshape", ["x", "k"], "y") + held(np.array([-2, -4]), "k"), "size that makes no sense"
    ),
    "later value": (node("Relu", ["later"], "y"), "'later', which nothing before gives"),
    "same name": (node("Relu", ["x"], "x"), "taken"),
    "size from the input": (node("Reshape", ["x", "x"], "y"), "depends on the input"),
    "result without input": (node("Identity", ["k"], "y") + held(HUGE, "k"), "does not depend"),
    "other library": (span(1, span(1, "x") + span(2, "y") + span(4, "Relu") + span(7, "evil.lib")),
                      "Relu ×1"),
    "wrong rank": (node("Conv", ["x", "k"], "y") + held(floats(2, 3, 3, 3), "k"), "axes"),
    "no sense": (node("Transpose", ["x"], "y", perm=[5, 5]), "order of axes"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_RUN)
def test_a_hostile_graph_is_listed_and_not_run(name):
    parts, says = NOT_RUN[name]
    found, _ = opened(model(given("x", 2, 4), parts, result("y")))
    assert isinstance(found, Inventory)
    assert says in found.reason


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (number(1, 8) + span(2, "x"), "no graph"),
        (convolutional()[0][:-3], "reaches past"),
        (number(1, 8) + span(2, "x") + varint(7 << 3 | 2) + b"\xff" * 11, "does not end"),
        (number(1, 8) + span(2, "x") + b"\x3b", "unknown form"),
        (number(1, 8) + span(2, "x") + number(7, 1), "message is a number"),
        (model(empty("w", 2**60)), "shape of 'w' makes no sense"),
        (model(empty("w", *[1] * 65)), "shape of 'w' makes no sense"),
        (model(span(1, number(4, 7))), "text is a number"),
        (model(number(9, 1) * 3_000_001), "too many fields"),
    ],
)
def test_what_is_no_sound_model_is_refused(raw, says):
    with pytest.raises(Malformed, match=says):
        opened(raw)
