"""Whose a file is: the same bytes of two people are two files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAMING_A_FILE = (
    *(("propagations", column) for column in ("network", "weights", "inputs")),
    *(("comparisons", column) for column in ("before", "after")),
    ("networks", "file"),
)
OWNER, FILE, RUN, JOB = (sa.column(name, sa.String) for name in ("owner", "file", "run", "job"))


def upgrade() -> None:
    """Add the column; what is there is nobody's own, and its sha256 is told once an owner."""
    with op.batch_alter_table("files") as files:
        files.add_column(sa.Column("owner", sa.String(40), nullable=False, server_default=""))
        files.drop_constraint("uq_files_sha256", type_="unique")
        files.create_unique_constraint("uq_files_owner", ["owner", "sha256"])
        files.create_index("ix_files_sha256", ["sha256"])


def downgrade() -> None:
    """Remove what is somebody's own, which everybody would see from now on; the rest stays."""
    _remove_the_owned()
    with op.batch_alter_table("files") as files:
        files.drop_index("ix_files_sha256")
        files.drop_constraint("uq_files_owner", type_="unique")
        files.drop_column("owner")
        files.create_unique_constraint("uq_files_sha256", ["sha256"])


def _remove_the_owned() -> None:
    """From the leaves to the files: while migrating SQLite does not cascade."""
    files = _ids("files").where(OWNER != "")
    runs = _ids("runs").where(FILE.in_(files))
    jobs = _ids("jobs").where(RUN.in_(runs))
    for table, column, owned in (
        *((table, sa.column(name), files) for table, name in NAMING_A_FILE),
        ("seeds", RUN, runs),
        ("tensors", JOB, jobs),
        ("parts", JOB, jobs),
        ("jobs", RUN, runs),
        ("runs", FILE, files),
    ):
        op.execute(sa.delete(sa.table(table)).where(column.in_(owned)))
    op.execute(sa.delete(sa.table("files")).where(OWNER != ""))


def _ids(table: str) -> sa.Select[str]:
    return sa.select(sa.column("id", sa.String)).select_from(sa.table(table))
