"""Whether an order can be carried out: what it names must exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from app.core.activations import INTERCHANGEABLE
from app.core.catalogue import BY_ID
from app.core.propagation import Order
from app.errors import Invalid

NEAR: Final = 5  # names offered in place of one that does not exist


def checked(order: Order) -> Order:
    """The same order, each scheme in it once.

    Raises:
        Invalid: If it names a scheme or an activation that does not exist, or measures nothing.
    """
    for scheme in order.schemes:
        if scheme not in BY_ID:
            expected = f"an id of GET /api/v1/schemes{_near(scheme, list(BY_ID))}"
            raise Invalid(what="schemes", expected=expected, got=scheme[:80])
    if order.activation is not None and order.activation not in INTERCHANGEABLE:
        expected = f"an activation of torch.nn{_near(order.activation, INTERCHANGEABLE)}"
        raise Invalid(what="activation", expected=expected, got=order.activation[:80])
    if not order.schemes and not order.checkpoint:
        raise Invalid(what="schemes", expected="at least one, or weights", got="none")
    return replace(order, schemes=tuple(dict.fromkeys(order.schemes)))


def _near(name: str, known: Sequence[str]) -> str:
    plain = {one.lower(): one for one in reversed(known)}
    found = get_close_matches(name.lower()[:200], list(plain), NEAR, 0.5)
    return f", such as {', '.join(plain[one] for one in found)}" if found else ""
