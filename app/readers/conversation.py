"""The parent's side of one child: ask, watch the clock and the memory, take the answer."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.errors import Cancelled, ChildLost, InitscopeError, OutOfMemory, OutOfTime
from app.readers.channel import BrokenFrameError, FrameBuffer, Kind, frame
from app.readers.child import Answer
from app.readers.confinement import LINUX, Limits, private_bytes
from app.readers.forkserver import STATUS
from app.readers.launcher import ChildEnds

log = logging.getLogger(__name__)

_START_SECONDS: Final = 180  # the first child waits for imports and compiled kernels
_TICK_SECONDS: Final = 0.1
_END_SECONDS: Final = 10
_CHUNK: Final = 1 << 20
_SPARE_BYTES: Final = 64 * 2**20  # what the second line of defence allows over the first
# How compiled code that is refused memory may end, and the share of its limit that a child then
# has: a buffer that is to double is refused where it alone would take the other half.
_REFUSED_MEMORY: Final = ("signal SIGSEGV", "signal SIGABRT", "signal SIGBUS")
_LARGE: Final = 0.5

_Fact = Annotated[str, StringConstraints(max_length=500)] | int | float | None


class _Failure(BaseModel):
    """An error as the child tells it."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, StringConstraints(max_length=40)]
    facts: Annotated[
        dict[Annotated[str, StringConstraints(max_length=40)], _Fact], Field(max_length=16)
    ]
    trace: Annotated[str, StringConstraints(max_length=40_000)]


class Conversation:
    """One request to one child; leaving the `with` block leaves no child behind."""

    def __init__(
        self, ends: ChildEnds, *, limits: Limits, cancelled: threading.Event | None = None
    ) -> None:
        self._ends = ends
        self._limits = limits
        self._cancelled = cancelled
        self._buffer = FrameBuffer(limit=limits.answer_bytes)
        self._process: int | None = None
        self._handle: int | None = None
        self._baseline = 0  # bytes of private memory before the task
        self._most = 0  # bytes seen since
        self._deadline = time.monotonic() + _START_SECONDS
        self._asked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()
        self._ends.conversation.close()
        self._exit_reason()
        os.close(self._ends.status)
        if self._handle is not None:
            os.close(self._handle)

    def ask(self, task: str, *, descriptors: Sequence[int], arguments: object) -> None:
        """Hand the task over once the child lives; its time starts here."""
        self._meet()
        request = {"task": task, "limits": asdict(self._limits), "arguments": arguments}
        payload = frame("request", orjson.dumps(request))
        self._deadline = time.monotonic() + self._limits.seconds
        self._asked = True
        connection = self._ends.conversation
        connection.settimeout(self._limits.seconds)
        try:
            sent = socket.send_fds(connection, [payload], descriptors)
            connection.sendall(memoryview(payload)[sent:])
        except TimeoutError as late:
            raise self._out_of_time() from late
        except OSError as lost:
            raise ChildLost(reason=self._exit_reason()) from lost

    def answer(
        self,
        on_progress: Callable[[Any], None] | None,
        on_attachment: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Wait for the answer, killing the child if it oversteps."""
        attachments: list[bytes] = []
        keep = attachments.append if on_attachment is None else on_attachment
        for kind, payload in self._frames():
            if kind == "answer":
                return Answer(value=_parsed(payload), attachments=attachments)
            if kind == "attachment":
                keep(payload)
            elif kind == "progress" and on_progress is not None:
                on_progress(_parsed(payload))
            elif kind == "error":
                raise self._error(payload)
        raise self._lost()

    def _meet(self) -> None:
        for kind, payload in self._frames():
            if kind != "hello" or not payload.isdigit():
                break
            self._process = int(payload)
            if hasattr(os, "pidfd_open"):
                self._handle = os.pidfd_open(self._process)
            self._baseline = private_bytes(self._status_file(), "RssAnon")
            return
        raise ChildLost(reason="the sandbox could not be started")

    def _frames(self) -> Iterator[tuple[Kind, bytes]]:
        while True:
            self._check()
            if not select.select([self._ends.conversation], [], [], _TICK_SECONDS)[0]:
                continue
            try:
                data = self._ends.conversation.recv(_CHUNK)
                if not data:
                    return
                yield from self._buffer.feed(data)
            except ConnectionResetError:
                return
            except BrokenFrameError as broken:
                raise ChildLost(reason=f"its answer was refused, {broken}") from broken

    def _check(self) -> None:
        if self._cancelled is not None and self._cancelled.is_set():
            raise Cancelled
        if time.monotonic() > self._deadline:
            if self._asked:
                raise self._out_of_time()
            raise ChildLost(reason=f"it did not start within {_START_SECONDS} s")
        if LINUX and self._asked:
            self._most = max(self._most, private_bytes(self._status_file(), "RssAnon"))
        if self._most > self._baseline + self._limits.memory_bytes + _SPARE_BYTES:
            raise self._out_of_memory()

    def _error(self, payload: bytes) -> InitscopeError:
        try:
            failure = _Failure.model_validate_json(payload)
        except ValidationError:
            return ChildLost(reason="its error report made no sense")
        if failure.code == OutOfMemory.code:
            return self._out_of_memory()
        if failure.code:
            return _rebuilt(failure)
        log.error("A sandboxed task failed:\n%s", _printable(failure.trace))
        return ChildLost(reason=f"an internal error, {failure.facts.get('kind')}")

    def _lost(self) -> InitscopeError:
        """What it means that the child ended in the middle."""
        reason = self._exit_reason()
        held = self._most - self._baseline
        if reason in _REFUSED_MEMORY and held > _LARGE * self._limits.memory_bytes:
            return self._out_of_memory()
        return ChildLost(reason=reason)

    def _out_of_memory(self) -> OutOfMemory:
        return OutOfMemory(limit=f"{self._limits.memory_bytes / 2**20:,.0f} MiB")

    def _out_of_time(self) -> OutOfTime:
        return OutOfTime(limit=f"{self._limits.seconds:g} s")

    def _status_file(self) -> Path:
        return Path(f"/proc/{self._process}/status")

    def _kill(self) -> None:
        try:
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            elif self._process is not None and not LINUX:
                os.kill(self._process, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _exit_reason(self) -> str:
        """How the child ended, as the fork server saw it; waits for the end."""
        if not select.select([self._ends.status], [], [], _END_SECONDS)[0]:
            return "it hung"
        report = os.read(self._ends.status, STATUS.size)
        if len(report) < STATUS.size:
            return "the sandbox was stopped"
        code = os.waitstatus_to_exitcode(STATUS.unpack(report)[0])
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _rebuilt(failure: _Failure) -> InitscopeError:
    known = {kind.code: kind for kind in _family(InitscopeError)}
    kind = known.get(failure.code)
    if kind is None:
        return ChildLost(reason="it reported an unknown error")
    try:
        return kind(**{name: _printable(fact) for name, fact in failure.facts.items()})
    except LookupError:
        return ChildLost(reason=f"its {failure.code} report was incomplete")


def _printable(fact: _Fact) -> _Fact:
    """Without the control characters that a terminal or a log would obey."""
    if not isinstance(fact, str):
        return fact
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in fact)


def _family(root: type[InitscopeError]) -> Iterator[type[InitscopeError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _family(kind)


def _parsed(payload: bytes) -> object:
    try:
        value: object = orjson.loads(payload)
    except orjson.JSONDecodeError as broken:
        raise ChildLost(reason="its answer was not JSON") from broken
    return value
