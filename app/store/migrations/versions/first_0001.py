"""Files, runs, their jobs, and the reports of each tensor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "files",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.UniqueConstraint("sha256", name="uq_files_sha256"),
    )
    _create_runs()
    _create_jobs()


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("report", sa.String(80)),
        sa.Column("schema", sa.String(64)),
        sa.Column("headline", sa.Text),
        sa.Column("status", sa.String(16)),
        sa.Column("tensors", sa.BigInteger),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.ForeignKeyConstraint(["file"], ["files.id"], name="fk_runs_file_files"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("job", name="uq_runs_job"),
    )
    for column in ("created_at", "file", "state"):
        op.create_index(f"ix_runs_{column}", "runs", [column])


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("inventory", sa.LargeBinary),
        sa.Column("overview", sa.LargeBinary),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_jobs_run_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_run", "jobs", ["run"])
    op.create_table(
        "parts",
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("tensors", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("todo", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_parts_job_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "number", name="pk_parts"),
    )
    op.create_table(
        "tensors",
        sa.Column("job", sa.String(80), nullable=False),
        sa.Column("index", sa.BigInteger, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.Column("sketch", sa.LargeBinary),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.id"], name="fk_tensors_job_jobs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job", "index", name="pk_tensors"),
    )


def downgrade() -> None:
    """Drop all tables: nothing stays."""
    for table in ("tensors", "parts", "jobs", "runs", "files"):
        op.drop_table(table)
