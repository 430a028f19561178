"""Networks as they were understood, and what was measured of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "networks",
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("graph", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        _to_files("networks", "file"),
        sa.PrimaryKeyConstraint("file", name="pk_networks"),
    )
    op.create_table(
        "propagations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("network", sa.String(32), nullable=False),
        sa.Column("weights", sa.String(32)),
        sa.Column("inputs", sa.String(32)),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("parcel", sa.LargeBinary),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("schema", sa.String(64)),
        sa.Column("headline", sa.Text),
        sa.Column("document", sa.LargeBinary),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        *(_to_files("propagations", column) for column in ("network", "weights", "inputs")),
        sa.PrimaryKeyConstraint("id", name="pk_propagations"),
        sa.UniqueConstraint("job", name="uq_propagations_job"),
    )
    for column in ("network", "weights", "inputs", "state", "created_at"):
        op.create_index(f"ix_propagations_{column}", "propagations", [column])


def downgrade() -> None:
    """Drop both tables: measurements go; their files stay until the sweep."""
    op.drop_table("propagations")
    op.drop_table("networks")


def _to_files(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_files"
    return sa.ForeignKeyConstraint([column], ["files.id"], name=name, ondelete="CASCADE")
