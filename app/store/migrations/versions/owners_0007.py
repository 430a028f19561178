"""Whose a file is: the same bytes of two people are two files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there is nobody's own, and its sha256 is told once an owner."""
    with op.batch_alter_table("files") as files:
        files.add_column(sa.Column("owner", sa.String(40), nullable=False, server_default=""))
        files.drop_constraint("uq_files_sha256", type_="unique")
        files.create_unique_constraint("uq_files_owner", ["owner", "sha256"])
        files.create_index("ix_files_sha256", ["sha256"])
