"""`initscope migrate`: the database at the form that this version wants, or an earlier one."""

from __future__ import annotations

import sys
from argparse import Namespace

from app.config import Settings
from app.errors import Invalid
from app.jobs import slots
from app.store import database


def run(asked: Namespace, settings: Settings) -> int:
    """Bring the tables to a revision.

    Raises:
        Invalid: If there is no such revision, a newer product made the tables, or a worker lives.
    """
    _expect_nobody(settings)
    moved = database.migrate(settings, asked.revision)
    before = "empty" if moved.before == "base" else f"at {moved.before}"
    sys.stdout.write(f"The database is at {moved.after}; it was {before}.\n")
    return 0


def _expect_nobody(settings: Settings) -> None:
    """Nothing, where no worker gave a sign of life lately: it works on the tables as they are."""
    patience = slots.patience_seconds(settings)
    alive = slots.signs(settings.data_dir / slots.FOLDER, within_seconds=patience)
    if alive:
        names = ", ".join(one.name for one in alive)
        expected = f"no sign of life for {patience:g} seconds (stop it first)"
        raise Invalid(what="The service", expected=expected, got=f"one of {names}")
