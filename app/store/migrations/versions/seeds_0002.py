"""The search for the seed behind a run's file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "seeds",
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("full", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("headline", sa.Text),
        sa.Column("document", sa.LargeBinary),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_seeds_run_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name="pk_seeds"),
        sa.UniqueConstraint("job", name="uq_seeds_job"),
    )
    op.create_index("ix_seeds_state", "seeds", ["state"])


def downgrade() -> None:
    """Drop the table: what searches found goes, and can be sought again."""
    op.drop_table("seeds")
