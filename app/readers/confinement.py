"""What the child gives up before it looks at a hostile byte."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from app.readers.landlock import deny_files_and_network, deny_network, forbid_new_privileges
from app.readers.seccomp import allow_arithmetic_only

LINUX: Final = sys.platform.startswith("linux")
_DESCRIPTORS: Final = 32
_DEVICE_DESCRIPTORS: Final = 1024  # a driver opens its devices and libraries as it goes
_PR_SET_PDEATHSIG: Final = 1

Walls: TypeAlias = Literal["closed", "compute", "device"]
"""What a task needs that others do not get.

"closed": nothing; "compute": memory that code may be written into, as oneDNN writes its kernels;
"device": the files and calls of a GPU's driver, so only the network and the limits are left.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one task may use."""

    memory_bytes: int  # private memory beyond what the preloaded modules take
    seconds: float  # wall clock
    threads: int = 1
    answer_bytes: int = 256 * 2**20  # everything the child sends back
    walls: Walls = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """Which walls stand around this process."""

    landlock: bool
    seccomp: bool
    memory: bool  # an allocation over the limit fails inside the process


def die_with_parent(parent: int) -> None:
    """Be killed by the kernel when the process `parent` ends, whatever this one is doing."""
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def confine(limits: Limits) -> Confinement:
    """Give up memory, files, network and processes; there is no way back.

    Raises:
        OSError: If the system refuses a limit that it should know.
    """
    memory = _limit_resources(limits)
    if not LINUX:
        return Confinement(landlock=False, seccomp=False, memory=memory)
    _be_first_to_go()
    forbid_new_privileges()
    if limits.walls == "device":
        return Confinement(landlock=deny_network(), seccomp=False, memory=memory)
    landlock = deny_files_and_network()
    seccomp = allow_arithmetic_only(writes_code=limits.walls == "compute")
    return Confinement(landlock=landlock, seccomp=seccomp, memory=memory)


def private_bytes(status: Path, field: str) -> int:
    """A `kB` line of a /proc status file, in bytes; 0 where it cannot be read."""
    try:
        text = status.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = text.partition(f"\n{field}:")[2].split(maxsplit=1)
    return int(found[0]) * 1024 if found else 0


def _limit_resources(limits: Limits) -> bool:
    seconds = int(limits.seconds * max(1, limits.threads)) + 10
    _lower(resource.RLIMIT_CPU, seconds)
    _lower(resource.RLIMIT_CORE, 0)
    if limits.walls == "device":  # its driver maps far more than it uses, and shares files
        _lower(resource.RLIMIT_NOFILE, _DEVICE_DESCRIPTORS)
        return False
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    if not LINUX:
        return False
    # Private writable memory only: a map of the upload does not count, as it would in RLIMIT_AS.
    _lower(
        resource.RLIMIT_DATA,
        private_bytes(Path("/proc/self/status"), "VmData") + limits.memory_bytes,
    )
    return True


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (ceiling, ceiling))


def _be_first_to_go() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        return
