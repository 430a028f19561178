from __future__ import annotations

import pytest

from app.core.orders import checked
from app.core.plans import Choice, Plan
from app.core.propagation import Order
from app.errors import Invalid


def test_an_order_of_known_schemes_is_as_it_was():
    order = Order(schemes=("torch_default", "zeros"), activation="GELU")
    assert checked(order) == order


def test_a_scheme_asked_for_twice_is_drawn_once():
    assert checked(Order(schemes=("zeros", "ones", "zeros"))).schemes == ("zeros", "ones")


def test_an_unknown_scheme_is_named_with_those_near_it():
    with pytest.raises(
        Invalid, match=r"such as .*kaiming_normal\(fan_in,relu\).* got kaiming_norm"
    ):
        checked(Order(schemes=("kaiming_norm(fan_in,relu)",)))


def test_an_unknown_activation_is_named_with_those_near_it():
    with pytest.raises(Invalid, match=r"such as ReLU"):
        checked(Order(activation="relu"))


def test_an_order_of_nothing_is_refused():
    with pytest.raises(Invalid, match="at least one"):
        checked(Order(schemes=()))


def test_a_checkpoint_needs_no_scheme_beside_it():
    assert checked(Order(schemes=(), checkpoint=True)).checkpoint


def test_a_plan_alone_is_enough_and_comes_back_without_what_says_nothing():
    plan = Plan(choices={"linear": Choice(), "norm": Choice(bias=0.0)})
    found = checked(Order(schemes=(), plan=plan)).plan
    assert found == Plan(choices={"norm": Choice(bias=0.0)})


def test_a_plan_that_names_what_there_is_not_is_refused():
    with pytest.raises(Invalid, match="such as ReLU"):
        checked(Order(plan=Plan(activation="relu")))


def test_a_plan_that_keeps_weights_needs_a_file_of_weights():
    plan = Plan(base="checkpoint")
    assert checked(Order(checkpoint=True, plan=plan)).plan == plan
    with pytest.raises(Invalid, match="plan's base"):
        checked(Order(plan=plan))
