"""The moments of a file's own weights, found while a network was measured with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("propagations", sa.Column("moments", sa.LargeBinary))


def downgrade() -> None:
    """Drop the column: theory on a file's own weights waits for their next measurement."""
    op.drop_column("propagations", "moments")
