"""Keeps fork servers, at most one of each kind in a process, and asks them for children."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.errors import ChildLost

Kind: TypeAlias = Literal["closed", "compute"]
"""Which server: "compute" has torch loaded, which children that parse uploads never see."""

_PRELOAD: Final = ["numpy", "app.readers.checkpoints", "app.core.sketch:warm"]
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
_ENVIRONMENT_PREFIXES: Final = ("NUMBA_", "LC_", "XDG_", "DYLD_", "CUDA_", "NVIDIA_")
_FIXED: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # a look for a GPU leaves CUDA usable in children
}
_BOOT: Final = (
    "import json, sys; path, control, preload = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from app.readers.forkserver import serve; serve(control, preload)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnds:
    """This side's ends of a new child: the conversation, and where its wait status will appear."""

    conversation: socket.socket
    status: int


@dataclass(slots=True, kw_only=True)
class _Running:
    owner: int  # the process that started it: a fork of that process must start its own
    process: subprocess.Popen[bytes]
    control: socket.socket
    used: bool = False  # has been asked for a child


_lock = threading.Lock()
_running: dict[Kind, _Running] = {}
_wanted: dict[Kind, list[str]] = {"closed": list(_PRELOAD), "compute": []}


def preload(*names: str, server: Kind = "closed") -> None:
    """Name modules that the next fork server to start has ready, so that children start fast.

    Args:
        names: "package.module", or "package.module:function" to call it once as well.
        server: Of which kind.
    """
    with _lock:
        wanted = _wanted[server]
        wanted.extend(name for name in names if name not in wanted)


def start_child(server: Kind = "closed") -> ChildEnds:
    """A fresh child, forked from the preloaded server, which is started if there is none.

    Raises:
        ChildLost: If the server cannot be started.
    """
    ours, theirs = socket.socketpair()
    status, status_in = os.pipe()
    try:
        with _lock:
            _request(server, [theirs.fileno(), status_in])
    except OSError as failure:
        ours.close()
        os.close(status)
        raise ChildLost(reason="the sandbox could not be started") from failure
    finally:
        theirs.close()
        os.close(status_in)
    return ChildEnds(conversation=ours, status=status)


def start(server: Kind) -> None:
    """Start a server, if there is none, while the caller does something else."""
    with _lock:
        _running_now(server)


def stop() -> None:
    """End this process's fork servers and every child of them."""
    with _lock:
        while _running:
            _end(_running.popitem()[1])


def _request(kind: Kind, descriptors: list[int]) -> None:
    try:
        socket.send_fds(_running_now(kind).control, [b"+"], descriptors)
    except (BrokenPipeError, ConnectionResetError):  # it ended between the look and the request
        _end(_running.pop(kind))
        socket.send_fds(_running_now(kind).control, [b"+"], descriptors)
    _running[kind].used = True


def _running_now(kind: Kind) -> _Running:
    known = _running.get(kind)
    if known and (known.owner != os.getpid() or known.process.poll() is not None):
        _end(_running.pop(kind))
    if kind not in _running:
        _running[kind] = _start(kind)
    return _running[kind]


def _start(kind: Kind) -> _Running:
    ours, theirs = socket.socketpair()
    with theirs:
        boot = json.dumps([sys.path, theirs.fileno(), _wanted[kind]])
        process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-c", _BOOT, boot],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
        )
    return _Running(owner=os.getpid(), process=process, control=ours)


def _environment() -> dict[str, str]:
    """No setting and no secret of the caller; one thread for linear algebra until told more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    return kept | _FIXED


def _end(running: _Running) -> None:
    running.control.close()
    if running.owner != os.getpid():
        return
    if not running.used:  # it may still be loading, and has no child
        running.process.kill()
    try:
        running.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()


atexit.register(stop)
