"""`initscope backup`: everything that is kept, copied while the service runs."""

from __future__ import annotations

import sys
from argparse import Namespace

from app.config import Settings
from app.store import backup
from app.store.backup import Copied


def run(asked: Namespace, settings: Settings) -> int:
    """Copy the store into a folder.

    Raises:
        Invalid: If the store is not SQLite, there is none, or the folder is not empty.
        DiskFull: If there is no room for the copy.
    """
    copied = backup.back_up(settings, asked.folder)
    sys.stdout.write(f"{asked.folder} holds {told(copied)}.\n")
    return 0


def told(copied: Copied) -> str:
    """What a copy holds, in words."""
    line = f"{copied.reports} reports and {copied.files} files of {copied.bytes:,} bytes"
    if not copied.missing:
        return line
    return f"{line}; {copied.missing} of the files were gone already, their reports can be read"
