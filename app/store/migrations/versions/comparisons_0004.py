"""Comparisons of two files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("before", sa.String(32), nullable=False),
        sa.Column("after", sa.String(32), nullable=False),
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("document", sa.LargeBinary),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        *(
            sa.ForeignKeyConstraint(
                [side], ["files.id"], name=f"fk_comparisons_{side}_files", ondelete="CASCADE"
            )
            for side in ("before", "after")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comparisons"),
        sa.UniqueConstraint("job", name="uq_comparisons_job"),
    )
    for column in ("before", "after", "state"):
        op.create_index(f"ix_comparisons_{column}", "comparisons", [column])


def downgrade() -> None:
    """Drop the table: comparisons go, their files stay."""
    op.drop_table("comparisons")
