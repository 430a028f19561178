"""The tables; nothing outside of the store may import them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from typing_extensions import override

from app.store.documents import deflate, inflate

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(sa.TypeDecorator[datetime]):
    """A point in time, aware and in UTC on every database (SQLite forgets the zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Packed(sa.TypeDecorator[bytes]):
    """Bytes that are deflated on the way in, unless they are already."""

    impl = sa.LargeBinary
    cache_ok = True

    @override
    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes(deflate(value))

    @override
    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else inflate(value)


def _visits() -> tuple[sa.Column[str], sa.Column[datetime]]:
    """What each kind of report has: how urgent its order is, when it was looked at last."""
    priority = sa.Column(
        "priority", sa.String(8), nullable=False, default="normal", server_default="normal"
    )
    return priority, sa.Column("visited_at", Moment)


files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("owner", sa.String(40), nullable=False, default="", server_default=""),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("format", sa.String(32), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("owner", "sha256"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("file", sa.ForeignKey("files.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("job", sa.String(80), nullable=False, unique=True),
    sa.Column("report", sa.String(80)),  # the job whose report is shown
    sa.Column("schema", sa.String(64)),
    sa.Column("headline", sa.Text),
    sa.Column("status", sa.String(16)),
    sa.Column("tensors", sa.BigInteger),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_hint", sa.Text),
    sa.Column("created_at", Moment, nullable=False, index=True),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    *_visits(),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("inventory", Packed),
    sa.Column("overview", sa.LargeBinary),  # plain: sent as it stands
)

parts = sa.Table(
    "parts",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("tensors", sa.BigInteger, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False),  # how often it was begun
    sa.Column("todo", Packed, nullable=False),
)

tensors = sa.Table(
    "tensors",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("index", sa.BigInteger, primary_key=True),
    sa.Column("report", Packed, nullable=False),
    sa.Column("sketch", sa.LargeBinary),  # already deflated
)

seeds = sa.Table(
    "seeds",
    metadata,
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("job", sa.String(80), nullable=False, unique=True),
    sa.Column("full", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("headline", sa.Text),
    sa.Column("document", Packed),  # JSON of what was found
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_hint", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
)

networks = sa.Table(
    "networks",
    metadata,
    sa.Column("file", sa.ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("graph", Packed, nullable=False),  # JSON of a Graph, or of an Inventory
    sa.Column("created_at", Moment, nullable=False),
)

propagations = sa.Table(
    "propagations",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("network", sa.ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("weights", sa.ForeignKey("files.id", ondelete="CASCADE"), index=True),
    sa.Column("inputs", sa.ForeignKey("files.id", ondelete="CASCADE"), index=True),
    sa.Column("order", sa.Text, nullable=False),  # JSON
    sa.Column("parcel", Packed),  # JSON of what is measured, while it is
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("job", sa.String(80), nullable=False, unique=True),
    sa.Column("schema", sa.String(64)),
    sa.Column("headline", sa.Text),
    sa.Column("document", Packed),  # JSON of what was measured
    sa.Column("moments", Packed),  # JSON of the moments of the weights' own values
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_hint", sa.Text),
    sa.Column("created_at", Moment, nullable=False, index=True),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    *_visits(),
)

comparisons = sa.Table(
    "comparisons",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("before", sa.ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("after", sa.ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("job", sa.String(80), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("document", Packed),  # JSON of what was found
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("error_hint", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    *_visits(),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False),  # Argon2id of its text
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # sha256 of what the cookie holds
    sa.Column("token", sa.ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)
