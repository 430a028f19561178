"""The child's side: take one request, close all doors, do the work, answer, end."""

from __future__ import annotations

import importlib
import os
import socket
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from app.errors import InitscopeError, Unreadable
from app.readers.channel import BrokenFrameError, Kind, receive_request, write_frame
from app.readers.confinement import Confinement, Limits, confine

REQUEST_BYTES: Final = 64 * 2**20
_TRACEBACK_CHARACTERS: Final = 20_000
_FACT_CHARACTERS: Final = 500

Progress: TypeAlias = Callable[[Any], None]
Task: TypeAlias = Callable[[int | None, Any, Progress], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a task gives back: a JSON value, and bytes that need no JSON."""

    value: Any
    attachments: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The same, made as it is sent, for answers that are larger than memory should hold."""

    attachments: Iterable[bytes]
    value: Callable[[], Any]  # called after the last attachment was sent


def serve_one(descriptor: int) -> None:
    """Answer the one request that comes over the socket `descriptor`; never raises."""
    too_large = False
    try:
        _converse(descriptor)
    except MemoryError:
        too_large = True
    except InitscopeError as refusal:
        _send_error(descriptor, refusal.code, refusal.facts)
    except (BrokenFrameError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone, and nobody listens
    except BaseException as failure:  # noqa: BLE001  the outermost edge of the child
        _send_failure(descriptor, failure)
    if too_large:  # only here is free again what the task held, and there is room to tell
        _send_error(descriptor, "out_of_memory", {})


def confinement(_descriptor: int | None, arguments: dict[str, bool], _progress: Progress) -> Answer:
    """The task behind `strength`: the walls that `confine` put up, as it told."""
    return Answer(value=arguments)


def _converse(descriptor: int) -> None:
    write_frame(descriptor, "hello", str(os.getpid()).encode())
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        payload, descriptors = receive_request(connection, limit=REQUEST_BYTES)
    request = orjson.loads(payload)
    task = _resolve(request["task"])
    walls = confine(Limits(**request["limits"]))
    arguments = asdict(walls) if task is confinement else request["arguments"]
    if len(descriptors) > 1:
        arguments["others"] = descriptors[1:]
    upload = descriptors[0] if descriptors else None
    _send_answer(
        descriptor,
        _done(task, upload, arguments, lambda value: _send(descriptor, "progress", value)),
    )


def _done(task: Task, upload: int | None, arguments: Any, progress: Progress) -> object:  # noqa: ANN401 - JSON
    try:
        return task(upload, arguments, progress)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except OSError as failure:
        raise Unreadable(reason=failure.strerror or type(failure).__name__) from failure


def _resolve(name: str) -> Task:
    module, _, function = name.partition(":")
    task: Task = getattr(importlib.import_module(module), function)
    return task


def _send_answer(descriptor: int, answer: object) -> None:
    value, attachments = _parts(answer)
    for attachment in attachments:
        write_frame(descriptor, "attachment", attachment)
    _send(descriptor, "answer", value())


def _parts(answer: object) -> tuple[Callable[[], object], Iterable[bytes]]:
    match answer:
        case Answer():
            return lambda: answer.value, answer.attachments
        case Stream():
            return answer.value, answer.attachments
        case (value, list() as attachments):
            return lambda: value, attachments
        case _:
            return lambda: answer, ()


def _send(descriptor: int, kind: Kind, value: object) -> None:
    write_frame(descriptor, kind, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def _send_error(descriptor: int, code: str, facts: dict[str, object]) -> None:
    plain = {
        name: fact if isinstance(fact, int | float) else str(fact)[:_FACT_CHARACTERS]
        for name, fact in facts.items()
    }
    _send_or_end(descriptor, {"code": code, "facts": plain, "trace": ""})


def _send_failure(descriptor: int, failure: BaseException) -> None:
    trace = "".join(traceback.format_exception(failure))[-_TRACEBACK_CHARACTERS:]
    facts = {"kind": type(failure).__name__}
    _send_or_end(descriptor, {"code": "", "facts": facts, "trace": trace})


def _send_or_end(descriptor: int, report: dict[str, object]) -> None:
    try:
        _send(descriptor, "error", report)
    except (OSError, MemoryError, TypeError, ValueError):
        os._exit(1)


__all__ = [
    "REQUEST_BYTES",
    "Answer",
    "Confinement",
    "Progress",
    "Stream",
    "confinement",
    "serve_one",
]
