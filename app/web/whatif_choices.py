"""What the What if page's address asks for: a plan, what it is laid over, and the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.core.near import near
from app.core.orders import checked
from app.core.plans import LAYER_KINDS, Plan, fields_of, plan_of
from app.core.propagation import CHECKPOINT, Order
from app.core.recipes import DEFAULT
from app.core.schemes import BY_ID
from app.errors import Invalid
from app.store.facts import Propagation
from app.store.propagations import Asked
from app.web.propagation_choices import BATCH, IDENTITY, LAWS, MOST_BATCH, SEEDS

Law: TypeAlias = Literal["normal", "uniform01"]

PLAN_FIELDS: Final = (
    "base",
    *(name for kind in LAYER_KINDS for name in (kind, f"{kind}.gain", f"{kind}.bias")),
    *("act", "normalisation", "branch"),
)
SHOWN: Final = 80  # of what came, in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The state of the page; a default leaves no trace in the address."""

    plan: Plan = field(default_factory=Plan)
    before: str = ""  # a scheme, or "checkpoint"; the own weights, else torch's default, if empty
    input: Law = "normal"
    batch: int = BATCH
    net: str = ""  # id of the network's file where that is another than the page's
    weights: str = ""  # id of the weights' file where that is another than the page's

    @property
    def pairs(self) -> dict[str, str]:
        """The fields of the address."""
        found = dict(fields_of(self.plan))
        rest = (
            ("from", self.before),
            ("input", "" if self.input == "normal" else self.input),
            ("batch", "" if self.batch == BATCH else str(self.batch)),
            ("net", self.net),
            ("weights", self.weights),
        )
        return found | {name: value for name, value in rest if value}

    @property
    def query(self) -> str:
        """The query string of this state."""
        return as_query(self.pairs)

    def with_fields(self, changes: Mapping[str, str]) -> Wish:
        """The state with some of the plan's fields set anew, or left out where they are empty."""
        return replace(self, plan=plan_of({**fields_of(self.plan), **changes}))

    def order(self, before: str) -> Order:
        """What a worker is told, once it is settled what the plan is laid over."""
        own = before == CHECKPOINT
        return checked(
            Order(
                schemes=() if own else (before,),
                checkpoint=own,
                input=self.input,
                seeds=SEEDS,
                batch=self.batch,
                plan=self.plan,
            )
        )

    def asked(self, file: str, network: str, before: str) -> Asked:
        """The order with its files.

        Args:
            file: Id of the page's own.
            network: Id of the network's.
            before: A scheme, or "checkpoint".
        """
        own = CHECKPOINT in (before, self.plan.base)
        return Asked(
            network=network,
            weights=(self.weights or file) if own else None,
            inputs=None,
            order=self.order(before),
        )


def as_query(pairs: Mapping[str, str]) -> str:
    """Fields as a query string, its brackets and commas left readable."""
    text = urlencode(list(pairs.items()), safe="(),")
    return f"?{text}" if text else ""


def wish_of(fields: QueryParams) -> Wish:
    """The state that a query or a form asks for; an empty field is its default.

    Raises:
        Invalid: If a field holds nonsense, with what would be none.
    """
    given = {name: fields[name] for name in PLAN_FIELDS if fields.get(name)}
    to = fields.get("to", "")
    if to and not IDENTITY.match(to) and "base" not in given:
        given["base"] = to
    return Wish(
        plan=plan_of(given),
        before=_before(fields.get("from", "")),
        input=cast("Law", _one_of(fields, "input", LAWS)),
        batch=_batch(fields.get("batch", "")),
        net=_file(fields, "net"),
        weights=_file(fields, "weights"),
    )


def wish_for(found: Propagation) -> tuple[str, Wish]:
    """The file and the state of its page that show this measurement of a plan."""
    order = found.order
    file = found.weights or found.network
    return file, Wish(
        plan=order.plan or Plan(),
        before=CHECKPOINT if order.checkpoint else next(iter(order.schemes), ""),
        input="uniform01" if order.input == "uniform01" else "normal",
        batch=order.batch,
        net="" if found.network == file else found.network,
    )


def _before(text: str) -> str:
    if text in ("", CHECKPOINT) or text in BY_ID:
        return text
    such = near(text, list(BY_ID)) or f", such as {DEFAULT}"
    expected = f"{CHECKPOINT} for your weights, or an id of GET /api/v1/schemes{such}"
    raise Invalid(what="from", expected=expected, got=repr(text[:SHOWN]))


def _one_of(fields: QueryParams, name: str, known: Sequence[str]) -> str:
    text = fields.get(name, "") or known[0]
    if text not in known:
        raise Invalid(what=name, expected=" or ".join(known), got=repr(text[:SHOWN]))
    return text


def _batch(text: str) -> int:
    if not text:
        return BATCH
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0
    if not 1 <= number <= MOST_BATCH:
        expected = f"a whole number from 1 to {MOST_BATCH:,}"
        raise Invalid(what="batch", expected=expected, got=repr(text[:SHOWN]))
    return number


def _file(fields: QueryParams, name: str) -> str:
    text = fields.get(name, "")
    if text and not IDENTITY.match(text):
        expected = "the id of a file, 32 hex digits"
        raise Invalid(what=name, expected=expected, got=repr(text[:SHOWN]))
    return text
