"""Runs a function on an upload in a fresh child that can do nothing but read and calculate.

The child gets a descriptor, not a path; what it sends back is JSON and bytes, checked here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from app.errors import InitscopeError
from app.readers.child import Answer
from app.readers.confinement import Limits
from app.readers.conversation import Conversation
from app.readers.launcher import preload, start, start_child, stop

__all__ = ["Answer", "Limits", "preload", "run", "run_async", "start", "stop", "strength"]


def run(  # noqa: PLR0913 - each has a default that most callers keep
    task: str,
    *,
    descriptor: int | Sequence[int] | None = None,
    arguments: object = None,
    limits: Limits,
    on_progress: Callable[[Any], None] | None = None,
    on_attachment: Callable[[bytes], None] | None = None,
    cancelled: threading.Event | None = None,
) -> Answer:
    """Call `task(descriptor, arguments, progress)` in a fresh sandboxed child and wait for it.

    Args:
        task: "package.module:function"; the module is imported before the child closes itself,
            nothing can be imported after.
        descriptor: The upload, open for reading; the child gets a duplicate. Of several, at most
            four, the task finds its duplicates of all but the first in `arguments["others"]`.
        arguments: Any JSON value.
        limits: Memory, wall clock and answer size.
        on_progress: Called with each JSON value the task reports.
        on_attachment: Called with each attachment as it comes; the answer then has none.
        cancelled: When set, the child is killed within a tenth of a second.

    Returns:
        The task's JSON value, exactly as it came, and its attachments. Both are hostile: the
        caller validates the value's shape.

    Raises:
        InitscopeError: Whatever of this family the task raised, with the same facts.
        OutOfMemory: If it needed more than `limits.memory_bytes`.
        OutOfTime: If it needed more than `limits.seconds`.
        Cancelled: If `cancelled` was set first.
        ChildLost: If the child ended without an answer, or with one that makes no sense.
    """
    child = start_child("closed" if limits.walls == "closed" else "compute")
    with Conversation(child, limits=limits, cancelled=cancelled) as conversation:
        conversation.ask(task, descriptors=_listed(descriptor), arguments=arguments)
        return conversation.answer(on_progress, on_attachment)


def _listed(descriptor: int | Sequence[int] | None) -> list[int]:
    match descriptor:
        case None:
            return []
        case int():
            return [descriptor]
        case _:
            return list(descriptor)


async def run_async(
    task: str,
    *,
    descriptor: int | Sequence[int] | None = None,
    arguments: object = None,
    limits: Limits,
    on_progress: Callable[[Any], None] | None = None,
    on_attachment: Callable[[bytes], None] | None = None,
) -> Answer:
    """`run` beside an event loop; cancelling the awaiting task kills the child first.

    `on_progress` is called in the loop's thread, `on_attachment` beside it.
    """
    loop = asyncio.get_running_loop()
    cancelled = threading.Event()
    report = None if on_progress is None else partial(_call_in, loop, on_progress)
    work = partial(
        run,
        task,
        descriptor=descriptor,
        arguments=arguments,
        limits=limits,
        on_progress=report,
        on_attachment=on_attachment,
        cancelled=cancelled,
    )
    future = loop.run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancelled.set()
        with suppress(InitscopeError):
            await future
        raise


def _call_in(
    loop: asyncio.AbstractEventLoop, on_progress: Callable[[Any], None], value: object
) -> None:
    loop.call_soon_threadsafe(on_progress, value)


def strength() -> dict[str, bool]:
    """Which walls a child on this machine stands behind, as a child found them.

    Returns:
        `landlock`, `seccomp` and `memory`: whether each is in force.
    """
    limits = Limits(memory_bytes=256 * 2**20, seconds=30)
    value = run("app.readers.child:confinement", limits=limits).value
    return {wall: bool(value.get(wall)) for wall in ("landlock", "seccomp", "memory")}
