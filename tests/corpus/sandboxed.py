"""Tasks that a sandboxed child is asked to do in the tests of its walls."""

from __future__ import annotations

import mmap
import os
import resource
import socket
import threading
import time
from pathlib import Path

import numpy as np

from app.core.sketch import sketch
from app.errors import Truncated
from app.readers.checkpoints import Mapped, open_checkpoint, value_dtype, values
from app.readers.child import Stream


def echo(descriptor, arguments, progress):
    progress({"done": 1})
    return arguments


def attach(descriptor, arguments, progress):
    return {"n": 2}, [b"one", bytes(3_000_000)]


def streamed(descriptor, arguments, progress):
    made = []

    def pieces():
        for number in range(3):
            made.append(number)
            yield b"%d" % number

    return Stream(attachments=pieces(), value=lambda: {"made": len(made)})


def read(descriptor, arguments, progress):
    return os.pread(descriptor, 100, 0).decode()


def read_all(descriptor, arguments, progress):
    return [os.pread(one, 100, 0).decode() for one in (descriptor, *arguments["others"])]


def connect(descriptor, arguments, progress):
    """What happens at a connection to this machine's own port 9: the error's name, or "done"."""
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=5).close()
    except OSError as refused:
        return type(refused).__name__
    return "done"


def misread(descriptor, arguments, progress):
    return os.pread(9999, 1, 0)


def refuse(descriptor, arguments, progress):
    raise Truncated(expected="2 bytes", found="1")


def fail(descriptor, arguments, progress):
    raise ZeroDivisionError("a secret of the upload")


def hog(descriptor, arguments, progress):
    kept = []
    while True:
        kept.append(np.ones(1 << 20))


def hang(descriptor, arguments, progress):
    progress(os.getpid())
    while True:
        time.sleep(60)


def die(descriptor, arguments, progress):
    os.abort()


def overflow(descriptor, arguments, progress):
    return {}, [bytes(2_000_000)]


def numbers(descriptor, arguments, progress):
    values = np.frombuffer(os.pread(descriptor, 1 << 16, 0), np.float32)
    found = sketch(values, dtype="float32")
    return {"count": found.count, "minimum": found.minimum}


def threads(descriptor, arguments, progress):
    done = []
    started = [threading.Thread(target=done.append, args=(n,)) for n in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return sorted(done)


def open_and_measure(descriptor, arguments, progress):
    """A whole analysis in little: the table of contents, then a sketch of every tensor."""
    checkpoint = open_checkpoint(descriptor)
    with Mapped(descriptor) as mapped:
        return [_measured(mapped, tensor) for tensor in checkpoint.tensors]


def _measured(mapped, tensor):
    found = sketch(values(mapped, tensor), dtype=value_dtype(tensor))
    return {"name": tensor.name, "count": found.count, "minimum": found.minimum}


def _executable_memory():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


ATTEMPTS = {
    "read a file": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/initscope-escaped", os.O_WRONLY | os.O_CREAT),
    "list a folder": lambda: list(Path("/").iterdir()),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "open a socket": lambda: socket.socket(),
    "fork": os.fork,
    "kill": lambda: os.kill(os.getppid(), 0),
    "delete": lambda: Path("/tmp/initscope-none").unlink(),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    "map executable memory": _executable_memory,
}


def attempt(descriptor, arguments, progress):
    """What happens at one forbidden thing: the error's name, or "done"."""
    try:
        ATTEMPTS[arguments]()
    except (OSError, ValueError) as refused:
        return type(refused).__name__
    return "done"
