"""`initscope restore`: a backup becomes the store of an empty data folder."""

from __future__ import annotations

import sys
from argparse import Namespace

from app.cli.backup import told
from app.config import Settings
from app.store import backup


def run(asked: Namespace, settings: Settings) -> int:
    """Make a backup the store.

    Raises:
        Invalid: If the store is not SQLite or holds something already, or the folder no backup.
        DiskFull: If there is no room for it.
    """
    copied = backup.restore(settings, asked.folder)
    sys.stdout.write(f"{settings.data_dir} holds {told(copied)}.\n")
    return 0
