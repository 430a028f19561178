"""How urgent an order is, and when its report was last looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REPORTS = ("runs", "propagations", "comparisons")


def upgrade() -> None:
    """Add the columns; what is there was ordered as usual, and looked at never."""
    for table in REPORTS:
        priority = sa.Column("priority", sa.String(8), nullable=False, server_default="normal")
        op.add_column(table, priority)
        op.add_column(table, sa.Column("visited_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the columns: a report's time counts from its order again, all wait alike."""
    for table in REPORTS:
        op.drop_column(table, "visited_at")
        op.drop_column(table, "priority")
