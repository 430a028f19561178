"""Seccomp: the few system calls that reading and arithmetic need; every other answers EPERM.

Threads may start, processes may not. Memory may be mapped, never as executable, so compiled
kernels must be loaded before the filter is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from typing import Final

_CLONE_THREAD: Final = 0x00010000
_PROT_EXEC: Final = 0x4
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

_KILL: Final = 0x80000000
_ERROR: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

# name: (x86_64, aarch64); -1 where the architecture has no such call.
_ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "newfstatat": (262, 79),  # how glibc asks for fstat
    "poll": (7, -1),
    "ppoll": (271, 73),
    "lseek": (8, 62),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "pread64": (17, 67),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "dup": (32, 23),
    "fcntl": (72, 25),  # mmap.mmap duplicates its descriptor
    "fadvise64": (221, 223),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "getrandom": (318, 278),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_MMAP, _MPROTECT = (9, 222), (10, 226)
_CLONE, _CLONE3, _TGKILL = (56, 220), (435, 435), (234, 131)
_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def seccomp_supported() -> bool:
    """Whether this product knows the system call numbers of this machine."""
    return sys.platform.startswith("linux") and platform.machine() in _AUDIT


def allow_arithmetic_only(*, writes_code: bool = False) -> bool:
    """Close this process for good; False where the platform or the kernel cannot.

    Needs no_new_privs.

    Args:
        writes_code: Allow executable memory, for libraries that compile their kernels as they go.
    """
    if not seccomp_supported():
        return False
    steps = _program(platform.machine(), process=os.getpid(), writes_code=writes_code)
    program = b"".join(steps)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0)) == 0


def _program(machine: str, *, process: int, writes_code: bool) -> Iterator[bytes]:
    column = list(_AUDIT).index(machine)
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, _AUDIT[machine], then=1)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER)
    for numbers in _ALLOWED.values():
        if numbers[column] >= 0:
            yield _step(_EQUAL, numbers[column], otherwise=1)
            yield _step(_RETURN, _ALLOW)
    for protected in (_MMAP, _MPROTECT):
        forbidden = 0 if writes_code else _PROT_EXEC
        yield from _on_argument(protected[column], 2, _BIT, forbidden, allowed=False)
    yield from _on_argument(_CLONE[column], 0, _BIT, _CLONE_THREAD, allowed=True)
    yield from _on_argument(_TGKILL[column], 0, _EQUAL, process, allowed=True)
    # glibc then falls back to clone, whose flags this filter can see.
    yield _step(_EQUAL, _CLONE3[column], otherwise=1)
    yield _step(_RETURN, _ERROR | errno.ENOSYS)
    yield _step(_RETURN, _ERROR | errno.EPERM)


def _on_argument(call: int, index: int, test: int, value: int, *, allowed: bool) -> Iterator[bytes]:
    hit, miss = (_ALLOW, _ERROR | errno.EPERM) if allowed else (_ERROR | errno.EPERM, _ALLOW)
    yield _step(_EQUAL, call, otherwise=4)
    yield _step(_LOAD, _ARGUMENTS + 8 * index)
    yield _step(test, value, otherwise=1)
    yield _step(_RETURN, hit)
    yield _step(_RETURN, miss)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
