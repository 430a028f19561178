"""Room for the last words: a file that is given up when the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

FILE: Final = "reserve"  # in the data folder
BYTES: Final = 8 * 2**20  # the end of a job and its entries in the queue take far less
FREE_TIMES: Final = 4  # the reserve is laid in while so many times its size is free

FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
FULL_SQLITE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
FULL_POSTGRESQL: Final = "53100"  # disk_full


class Reserve:
    """The file; it may be laid in and spent by any process at any time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def lay_in(self) -> None:
        """Set the room aside where there is plenty of it."""
        if self._path.exists() or shutil.disk_usage(self._path.parent).free < FREE_TIMES * BYTES:
            return
        try:
            with self._path.open("xb") as file:
                file.write(os.urandom(BYTES))  # zeros may take no room on the disk
        except FileExistsError:
            return  # another process was quicker
        except OSError:
            self.spend()

    def spend(self) -> bool:
        """Give the room up; False where there is none."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            return True
        return False


def is_full(error: BaseException) -> bool:
    """Whether a disk took no more data: it is full, over its quota, read-only or failing."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in FULL_SQLITE
    if isinstance(cause, OSError):
        return cause.errno in FULL_ERRNOS
    return getattr(cause, "sqlstate", None) == FULL_POSTGRESQL
