"""Rows to measurements, and what is written of an order."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.plans import fields_of
from app.core.propagation import SCHEMA, Order
from app.errors import NotFound
from app.store import documents, tables
from app.store.facts import ID_LENGTH, Failure, Priority, Propagation
from app.store.rows import ACTIVE, WAITING, find_file, references
from app.store.viewers import seen

HERE = tables.propagations.c
UNSHOWN = ("document", "parcel", "moments", "visited_at")
FILES = ("network", "weights", "inputs")
NETWORK, WEIGHTS, INPUTS = (tables.files.alias(what) for what in FILES)
FOUND = sa.select(
    *(column for column in HERE if column.name not in UNSHOWN),
    HERE.document.is_not(None).label("reported"),
    NETWORK.c.sha256,
    NETWORK.c.name,
    NETWORK.c.owner,
    WEIGHTS.c.sha256.label("weights_sha256"),
    INPUTS.c.sha256.label("inputs_sha256"),
).select_from(
    tables.propagations.join(NETWORK, HERE.network == NETWORK.c.id)
    .outerjoin(WEIGHTS, HERE.weights == WEIGHTS.c.id)
    .outerjoin(INPUTS, HERE.inputs == INPUTS.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order with the stored files that it is about."""

    network: str  # id of the file
    weights: str | None  # id of the file whose own weights are a series
    inputs: str | None  # id of the file that holds the inputs
    order: Order

    @property
    def id(self) -> str:
        """The address of what is measured; it stays once orders can say more."""
        usual = asdict(Order())
        told = {name: value for name, value in asdict(self.order).items() if value != usual[name]}
        if self.order.plan is not None:
            told["plan"] = fields_of(self.order.plan)
        files = [self.network, self.weights, self.inputs]
        text = orjson.dumps([SCHEMA, *files, told], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:ID_LENGTH]


def asked_of(found: Propagation) -> Asked:
    """The order behind a measurement."""
    return Asked(
        network=found.network, weights=found.weights, inputs=found.inputs, order=found.order
    )


def carried(job: str) -> sa.ColumnElement[bool]:
    """The measurement that a job carries and nobody has called off."""
    return (HERE.job == job) & HERE.state.in_(ACTIVE)


def shown() -> sa.ColumnElement[bool]:
    """The measurements of whose files the viewer sees all."""
    return seen(*(HERE[what] for what in FILES))


async def first(connection: AsyncConnection, where: sa.ColumnElement[bool]) -> Propagation | None:
    """One measurement that the viewer sees, or None."""
    row = (await connection.execute(FOUND.where(where, shown()))).mappings().first()
    return None if row is None else propagation_fact(row)


def propagation_fact(row: sa.RowMapping) -> Propagation:
    """The measurement in a row of `FOUND`."""
    values: dict[str, Any] = dict(row)
    failure = {name: values.pop(f"error_{name}") for name in ("code", "message", "hint")}
    values["error"] = Failure(**failure) if failure["code"] else None
    values["order"] = documents.load(documents.ORDER, values["order"])
    return Propagation(**values)


async def expect_files(connection: AsyncConnection, asked: Asked) -> None:
    """Nothing, where all files of an order are stored.

    Raises:
        NotFound: If one is not.
    """
    for what in FILES:
        file = getattr(asked, what)
        if file is not None and await find_file(connection, file) is None:
            raise NotFound(what=f"file {file} (the {what})")


async def hold_file(connection: AsyncConnection, file: str) -> None:
    """Have others wait who would write about this file, until the transaction ends."""
    row = sa.select(tables.files.c.id).where(tables.files.c.id == file)
    await connection.execute(row.with_for_update())


async def begin(
    connection: AsyncConnection, asked: Asked, last: Propagation | None, *, priority: Priority
) -> str:
    """The next attempt's job, its row written; the last report stays meanwhile."""
    attempt = last.attempt + 1 if last else 1
    job = f"{asked.id}-{attempt}-{secrets.token_hex(4)}"
    values: dict[str, Any] = {
        **dict.fromkeys(("error_code", "error_message", "error_hint")),
        **dict.fromkeys(("started_at", "finished_at")),
        "state": "queued",
        "step": WAITING,
        "done": 0,
        "total": 0,
        "attempt": attempt,
        "job": job,
        "priority": priority,
        "created_at": datetime.now(UTC),
    }
    if last is not None:
        here = HERE.id == last.id
        await connection.execute(sa.update(tables.propagations).where(here).values(values))
        return job
    files = {what: getattr(asked, what) for what in FILES}
    order = documents.dump(asked.order).decode()
    row = {"id": asked.id, "order": order, **files, **values}
    await connection.execute(sa.insert(tables.propagations), row)
    return job


async def forget_network(connection: AsyncConnection, file: str) -> None:
    """Drop what was understood of a network that is not measured any more."""
    networks = tables.networks
    measured = sa.exists().where(HERE.network == networks.c.file)
    await connection.execute(sa.delete(networks).where(networks.c.file == file, ~measured))


async def drop_unwanted(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Drop those of these files that nothing refers to; the sha256 of their blobs."""
    files = tables.files
    unwanted = [~sa.exists().where(column == files.c.id) for column in references()]
    dropped = sa.delete(files).where(files.c.id.in_(ids), *unwanted).returning(files.c.sha256)
    return list((await connection.execute(dropped)).scalars())
