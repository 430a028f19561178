"""What glibc's malloc keeps of a process that stays."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # of glibc's malloc.h
M_ARENA_MAX: Final = -8
LARGE: Final = 128 * 1024  # bytes: where glibc starts, before it lets freed blocks raise it


def share() -> None:
    """Have all threads of this process allocate from one heap; call it before there are any.

    glibc gives each thread a heap of its own, and what one thread frees no other uses: the 19
    threads of a worker held 8 MiB more. Python's own lock has its threads allocate in turn anyway.
    A libc without arenas is left as it is.

    Source:
        mallopt(3).
    """
    _set(M_ARENA_MAX, 1)


def return_large() -> None:
    """Have large blocks go back to the system as soon as they are freed, not into the heap's gaps.

    Each then costs its pages' zeroing anew, so this is for processes that wait for others.

    Source:
        mallopt(3).
    """
    _set(M_MMAP_THRESHOLD, LARGE)


def _set(parameter: int, value: int) -> None:
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(parameter, value)
