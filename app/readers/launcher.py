"""Keeps one fork server per process and asks it for children."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Final

from app.errors import ChildLost

_PRELOAD: Final = ["numpy", "app.readers.checkpoints", "app.core.sketch:warm"]
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
_ENVIRONMENT_PREFIXES: Final = ("NUMBA_", "LC_", "XDG_", "DYLD_")
_BOOT: Final = (
    "import json, sys; path, control, preload = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from app.readers.forkserver import serve; serve(control, preload)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnds:
    """This side's ends of a new child: the conversation, and where its wait status will appear."""

    conversation: socket.socket
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    owner: int  # the process that started it: a fork of that process must start its own
    process: subprocess.Popen[bytes]
    control: socket.socket


_lock = threading.Lock()
_running: list[_Running] = []  # at most one
_wanted: list[str] = list(_PRELOAD)


def preload(*names: str) -> None:
    """Name modules that the next fork server to start has ready, so that children start fast.

    Args:
        names: "package.module", or "package.module:function" to call it once as well.
    """
    with _lock:
        _wanted.extend(name for name in names if name not in _wanted)


def start_child() -> ChildEnds:
    """A fresh child, forked from the preloaded server, which is started if there is none.

    Raises:
        ChildLost: If the server cannot be started.
    """
    ours, theirs = socket.socketpair()
    status, status_in = os.pipe()
    try:
        with _lock:
            _request([theirs.fileno(), status_in])
    except OSError as failure:
        ours.close()
        os.close(status)
        raise ChildLost(reason="the sandbox could not be started") from failure
    finally:
        theirs.close()
        os.close(status_in)
    return ChildEnds(conversation=ours, status=status)


def stop() -> None:
    """End this process's fork server and every child of it."""
    with _lock:
        while _running:
            _end(_running.pop())


def _request(descriptors: list[int]) -> None:
    if _running and (_running[0].owner != os.getpid() or _running[0].process.poll() is not None):
        _end(_running.pop())
    if not _running:
        _running.append(_start())
    try:
        socket.send_fds(_running[0].control, [b"+"], descriptors)
    except (BrokenPipeError, ConnectionResetError):  # it ended between the look and the request
        _end(_running.pop())
        _running.append(_start())
        socket.send_fds(_running[0].control, [b"+"], descriptors)


def _start() -> _Running:
    ours, theirs = socket.socketpair()
    with theirs:
        boot = json.dumps([sys.path, theirs.fileno(), _wanted])
        process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-c", _BOOT, boot],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
        )
    return _Running(owner=os.getpid(), process=process, control=ours)


def _environment() -> dict[str, str]:
    """No setting and no secret of the caller; one thread for the linear algebra library."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _end(running: _Running) -> None:
    running.control.close()
    if running.owner != os.getpid():
        return
    try:
        running.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()


atexit.register(stop)
