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
STARVED_BYTES: Final = 2**18  # more than any one write of the queue takes
FREE_TIMES: Final = 4  # the reserve is laid in while so many times its size is free

FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
FULL_SQLITE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
FULL_POSTGRESQL: Final = "53100"  # disk_full


class Reserve:
    """The file; it may be laid in and spent by any process at any time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def lay_in(self) -> None:
        """Set the room aside, anew where some of it was lent, if there is plenty of it."""
        if self._bytes() == BYTES or self._free() < FREE_TIMES * BYTES:
            return
        self.spend()
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

    def spend_if_short(self) -> bool:
        """Give the room up where the disk has less than that beside it."""
        return self._free() < BYTES and self.spend()

    def starved(self) -> bool:
        """Whether the disk has not even the room in which the queue hands out its next job."""
        return self._free() < STARVED_BYTES

    def lend(self) -> bool:
        """Give up half of what is left: the queue then gets to a job, which tells of the rest.

        Returns:
            False where nothing is left.
        """
        left = self._bytes()
        with contextlib.suppress(OSError):
            os.truncate(self._path, left // 2)
        return left > 0

    def _bytes(self) -> int:
        with contextlib.suppress(OSError):
            return self._path.stat().st_size
        return 0

    def _free(self) -> int:
        return shutil.disk_usage(self._path.parent).free


def is_full(error: BaseException) -> bool:
    """Whether a disk took no more data: it is full, over its quota, read-only or failing."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in FULL_SQLITE
    if isinstance(cause, OSError):
        return cause.errno in FULL_ERRNOS
    return getattr(cause, "sqlstate", None) == FULL_POSTGRESQL
