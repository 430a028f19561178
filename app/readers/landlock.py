"""Landlock: takes every file, network and signal right from this process (Linux 5.13 and later)."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

_CREATE_RULESET: Final = 444  # the same number on every architecture
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_NETWORK_VERSION: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def landlock_version() -> int:
    """The kernel's Landlock ABI, 0 where it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, 0, 0, _VERSION)))


def forbid_new_privileges() -> None:
    """Set no_new_privs, which both Landlock and seccomp ask for.

    Raises:
        OSError: If the kernel refuses.
    """
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def deny_files_and_network() -> bool:
    """Handle every right the kernel knows and grant none; False where there is no Landlock.

    Source:
        include/uapi/linux/landlock.h: rights are appended per ABI version.
    """
    version = landlock_version()
    rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return version > 0 and _restrict(version, files=(1 << rights) - 1)


def deny_network() -> bool:
    """Grant no connection and no port; False where Landlock knows no network (before Linux 6.7)."""
    version = landlock_version()
    return version >= _NETWORK_VERSION and _restrict(version, files=0)


def _restrict(version: int, *, files: int) -> bool:
    network, scopes = 0b11 if version >= _NETWORK_VERSION else 0, 0b11 if version >= 6 else 0
    ruleset = _Ruleset(files, network, scopes)
    size = 24 if version >= 6 else 16 if version >= _NETWORK_VERSION else 8
    libc = _libc()
    handle = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    if handle < 0:
        return False
    try:
        return int(libc.syscall(_RESTRICT_SELF, handle, 0)) == 0
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
