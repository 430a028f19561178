"""The table of `initscope propagate`: what was measured, and beside it what theory expects."""

from __future__ import annotations

import math

import pytest

from app.architecture.expecting import STOPS
from app.cli.propagate import WIDEST, table
from app.core.propagation import (
    Architecture,
    Backward,
    Forward,
    Layer,
    PropagationReport,
    Series,
    Theory,
)


def forward(size: float, share: float = 0.5) -> Forward:
    return Forward(
        mean=0.0,
        std=size,
        rms=size,
        rms_median=size,
        rms_band=None,
        input_share=share,
        input_share_band=None,
        zero_fraction=share,
        dead_fraction=None,
        saturated_fraction=None,
        nonfinite=0,
        histogram=(),
    )


def expected(rms: float, sd_log: float | None = None) -> Theory:
    return Theory(mean=0.0, std=rms, rms=rms, grad_rms=None, input_share=None, sd_log=sd_log)


def layer(name: str, theory: Theory | None = None, **told) -> Layer:
    return Layer(
        name=name,
        op="aten.linear.default",
        kind=told.pop("kind", "Linear"),
        module=name,
        shape=told.pop("shape", (2, 16)),
        weighted=True,
        forward=told.pop("forward", forward(0.75)),
        backward=Backward(
            grad_rms=1.25e-7, grad_rms_median=1.25e-7, grad_rms_band=None, nonfinite=0
        ),
        theory=theory,
    )


def rows(*layers: Layer, notes: tuple[str, ...] = ()) -> list[str]:
    """The lines of the table, its headings first."""
    report = PropagationReport(
        schema="initscope.propagation/1",
        architecture=Architecture(
            id="a", name="net", origin="spec", parameters=1, operations=2, layers=1, inputs=()
        ),
        input={"law": "normal", "file": None},
        seeds=2,
        batch=4,
        device="cpu",
        series=(Series(scheme="s", name="S", layers=layers, verdict=None, notes=notes),),
    )
    return table(report).rpartition("\n\n")[2].splitlines()


def test_what_theory_expects_stands_right_after_what_was_measured():
    head, first = rows(layer("0", expected(0.7071)))
    assert head.split()[4:6] == ["size", "theory"]
    assert first.split()[4:6] == ["0.75", "0.7071"]


def test_of_a_known_spread_theory_tells_the_median_network():
    _, first = rows(layer("0", expected(2.0, sd_log=1.0)))
    assert first.split()[5] == f"{2 * math.exp(-1 / 4):.4g}"


def test_where_theory_stops_its_column_says_so_and_tells_nothing_after_it():
    note = f"{STOPS}1: a sum of signals that depend on each other"
    _, before, at, after = rows(layer("0", expected(0.5)), layer("1"), layer("2"), notes=(note,))
    assert before.split()[5] == "0.5"
    assert " 0.75  stops here  50 % " in at
    assert after.split()[5] == "–"


def test_without_theory_there_is_no_column_of_it():
    head, first = rows(layer("0"))
    assert "theory" not in head
    assert "–" not in first


WIDE = {
    "a long name": {"name": "transformer.layers.11.attention.output.dense.of.a.long.name"},
    "a long class": {"name": "1", "kind": "NonDynamicallyQuantizableLinear" * 2},
    "a long shape": {"name": "1", "shape": (128, 1024, 1024, 1024, 1024, 1024, 1024, 1024)},
    "long numbers": {"name": "1" * 40, "kind": "K" * 40, "forward": forward(-1.234e-123, 1e-7)},
}


@pytest.mark.parametrize("told", WIDE.values(), ids=WIDE.keys())
def test_a_line_of_the_table_is_never_wider_than_100_characters(told):
    found = rows(layer("0", expected(1.234e-123)), layer(**told))
    assert max(len(line) for line in found) <= WIDEST == 100
    assert {"size", "theory", "gradient", "zeros"} <= set(found[0].split())


def test_a_table_that_fits_leaves_nothing_out():
    found = rows(layer("encoder.layers.0.linear1", expected(1.0)))
    assert "encoder.layers.0.linear1  Linear  2×16" in found[1]
