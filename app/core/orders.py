"""Whether an order can be carried out: what it names must exist."""

from __future__ import annotations

from dataclasses import replace

from app.core.activations import INTERCHANGEABLE
from app.core.catalogue import BY_ID
from app.core.near import near
from app.core.plans import CHECKPOINT, checked_plan
from app.core.propagation import Order
from app.errors import Invalid


def checked(order: Order) -> Order:
    """The same order, each scheme in it once.

    Raises:
        Invalid: If it or its plan names what does not exist, or it measures nothing.
    """
    for scheme in order.schemes:
        if scheme not in BY_ID:
            expected = f"an id of GET /api/v1/schemes{near(scheme, list(BY_ID))}"
            raise Invalid(what="schemes", expected=expected, got=scheme[:80])
    if order.activation is not None and order.activation not in INTERCHANGEABLE:
        expected = f"an activation of torch.nn{near(order.activation, INTERCHANGEABLE)}"
        raise Invalid(what="activation", expected=expected, got=order.activation[:80])
    if not order.schemes and not order.checkpoint and order.plan is None:
        raise Invalid(what="schemes", expected="at least one, weights, or a plan", got="none")
    if order.plan is not None and order.plan.base == CHECKPOINT and not order.checkpoint:
        expected = "an id of GET /api/v1/schemes where no file of weights is given"
        raise Invalid(what="plan's base", expected=expected, got=CHECKPOINT)
    return replace(
        order,
        schemes=tuple(dict.fromkeys(order.schemes)),
        plan=None if order.plan is None else checked_plan(order.plan),
    )
