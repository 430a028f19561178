"""The list of operators: each is torch's own, writes nothing, and draws nothing but dropout."""

import operator

import pytest
import torch

from app.core.operators import (
    ACTIVATIONS,
    FAMILY,
    OPERATORS,
    SATURATING,
    TRAINING_ARGUMENT,
    WEIGHT_ARGUMENT,
    ZEROING,
)

ATEN = sorted(name for name in OPERATORS if name.startswith("aten."))
# These draw what dropout drops, and nothing where they are told not to drop.
MAY_DRAW = {"dropout", "recurrent", "attention"}


def _overload(name):
    _, packet, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, packet), overload)


@pytest.mark.parametrize("name", ATEN)
def test_it_writes_into_no_argument(name):
    schema = _overload(name)._schema
    assert not schema.is_mutable


def test_nothing_random_is_listed_but_dropout():
    drawing = {n for n in ATEN if torch.Tag.nondeterministic_seeded in _overload(n).tags}
    assert {FAMILY[n] for n in drawing - {"aten.rrelu.default"}} <= MAY_DRAW


def test_nothing_that_reaches_a_file_or_raw_memory_is_listed():
    words = ("from_file", "save", "load", "set_", "as_strided", "empty", "pickle", "cuda", "resize")
    assert not [name for name in OPERATORS for word in words if word in name]


def test_whatever_is_no_aten_operator_calculates_with_sizes():
    others = OPERATORS.difference(ATEN)
    found = {
        n: getattr(operator if n.startswith("_op") else torch, n.split(".")[1]) for n in others
    }
    assert all(callable(function) for function in found.values())
    assert {FAMILY[n] for n in others} == {"size"}


def test_no_operator_makes_a_number_of_any_length_at_once():
    assert not OPERATORS & {"_operator.pow", "_operator.lshift"}


@pytest.mark.parametrize(
    ("name", "argument"), [*WEIGHT_ARGUMENT.items(), *TRAINING_ARGUMENT.items()]
)
def test_the_argument_named_is_the_operators_own(name, argument):
    assert argument in {a.name for a in _overload(name)._schema.arguments}


def test_every_activation_is_a_class_of_torch():
    assert all(
        issubclass(getattr(torch.nn, kind), torch.nn.Module) for kind in ACTIVATIONS.values()
    )


def test_saturating_and_zeroing_operators_are_activations():
    assert SATURATING.keys() | ZEROING <= ACTIVATIONS.keys()


@pytest.mark.parametrize("name", sorted(SATURATING))
def test_a_saturating_activation_stays_between_its_limits(name):
    low, high = SATURATING[name]
    given = torch.linspace(-50, 50, 1001)
    made = _overload(name)(given)
    assert (made.min().item(), made.max().item()) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("name", sorted(ZEROING))
def test_a_zeroing_activation_is_exactly_zero_over_a_range(name):
    settings = {
        "aten.threshold.default": {"threshold": 0.0, "value": 0.0},
        "aten.hardtanh.default": {"min_val": 0.0, "max_val": 6.0},
    }
    made = _overload(name)(torch.linspace(-50, 50, 1001), **settings.get(name, {}))
    assert (made == 0).sum() > 5
