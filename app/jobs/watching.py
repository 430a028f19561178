"""A child at work, watched by who asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from app.errors import Cancelled

LOOK_SECONDS: Final = 0.3  # between writes of progress, and looks at its still being wanted

Result = TypeVar("Result")


async def watched(work: Coroutine[Any, Any, Result], tell: Callable[[], Awaitable[bool]]) -> Result:
    """The result of a child's work; the child ends as soon as nobody wants it any more.

    Args:
        work: What awaits the child's answer, and ends the child where it is cancelled.
        tell: Writes how far it is, and says whether it is still wanted.

    Raises:
        Cancelled: If it is not.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            if not await tell():
                raise Cancelled
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
