"""A small process that has everything loaded and forks a fresh child for each task.

It is started by a plain command line, so a child never runs the caller's `__main__` again, never
inherits its threads, and costs a fork instead of seconds of imports. It ends with its caller, and
its children end with it.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
from typing import Final

from app.readers.child import serve_one
from app.readers.confinement import die_with_parent

STATUS: Final = struct.Struct("<i")  # the wait status of a child that ended
_DESCRIPTORS: Final = 4096


def serve(control: int, preload: list[str]) -> None:
    """Load, then fork at each request until the other end of `control` is closed.

    Args:
        control: A stream socket; each byte on it brings two descriptors, the child's end of its
            conversation and a pipe for its wait status.
        preload: Modules to import ("package.module") and functions to call once
            ("package.module:function").
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller decides; its end is this one's
    for name in preload:
        _load(name)
    gc.freeze()  # the shared pages stay shared
    wakeup, wakeup_in = (
        os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
    )
    os.set_blocking(wakeup_in, False)
    signal.set_wakeup_fd(wakeup_in)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    _Server(socket.socket(fileno=control), wakeup).run()


class _Server:
    def __init__(self, control: socket.socket, wakeup: int) -> None:
        self._control = control
        self._wakeup = wakeup
        self._statuses: dict[int, int] = {}

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wakeup, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wakeup in ready:
                    os.read(self._wakeup, 4096)
                    self._reap()
                if self._control in ready and not self._accept():
                    break
        for child in self._statuses:
            os.kill(child, signal.SIGKILL)

    def _accept(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not data:
            return False
        if len(descriptors) == 2:
            self._fork(*descriptors)
        return True

    def _fork(self, conversation: int, status: int) -> None:
        server = os.getpid()
        child = os.fork()
        if child == 0:
            try:
                _become_child(conversation, server)
            finally:
                os._exit(0)
        os.close(conversation)
        self._statuses[child] = status

    def _reap(self) -> None:
        while self._statuses:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            pipe = self._statuses.pop(child)
            try:
                os.write(pipe, STATUS.pack(status))
            except BrokenPipeError:
                pass
            finally:
                os.close(pipe)


def _become_child(conversation: int, server: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent(server)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.dup2(conversation, 3)
    os.closerange(4, _DESCRIPTORS)
    serve_one(3)


def _load(name: str) -> None:
    module, _, function = name.partition(":")
    loaded = importlib.import_module(module)
    if function:
        getattr(loaded, function)()


if __name__ == "__main__":
    sys.exit("app.readers.forkserver is started by app.readers.sandbox")
