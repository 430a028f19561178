"""A run's changes as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson

from app.store.facts import Followed
from app.web.progress import place_of, told

PING_SECONDS = 15.0  # proxies cut a silent connection after 30 to 60 seconds
PING = b": ping\n\n"
RETRY = b"retry: 2000\n\n"  # ms a client waits before it connects again


def offset(run: Followed) -> str:
    """The id of a run's present point: equal ids, nothing new."""
    return f"{run.attempt}.{run.state}.{run.step.replace(' ', '_')}.{run.done}.{run.total}"


def event(run: Followed, *, name: str) -> bytes:
    """One event on the wire."""
    data = {
        "id": run.id,
        "state": run.state,
        "step": run.step,
        "done": run.done,
        "total": run.total,
        "url": place_of(run),
        "error": told(run.error),
    }
    body = orjson.dumps(data)  # one line: JSON has no raw line breaks
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), offset(run).encode(), body)


async def stream(
    changes: AsyncIterator[Followed],
    *,
    ending: asyncio.Event,
    last_seen: str = "",
    ping_seconds: float = PING_SECONDS,
) -> AsyncIterator[bytes]:
    """The events of a run: `state` when it changes, else `progress`; a ping in between.

    Args:
        changes: The run now, then after each change.
        ending: Set when the server ends: so does the stream, and the client connects again.
        last_seen: Id of the last event that the client has; that point is not told again.
        ping_seconds: Longest silence.
    """
    yield RETRY
    state: str | None = last_seen.split(".")[1] if last_seen.count(".") >= 4 else None
    source = aiter(changes)
    waiting = asyncio.ensure_future(anext(source, None))
    end = asyncio.ensure_future(ending.wait())
    try:
        while True:
            done, _ = await asyncio.wait(
                {waiting, end}, timeout=ping_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if end in done:
                return
            if not done:
                yield PING
                continue
            run = waiting.result()
            if run is None:
                return
            if offset(run) != last_seen:
                yield event(run, name="progress" if run.state == state else "state")
            state = run.state
            waiting = asyncio.ensure_future(anext(source, None))
    finally:
        waiting.cancel()
        end.cancel()
