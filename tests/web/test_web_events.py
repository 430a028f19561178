from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson

from app.store.facts import Failure
from app.web.events import PING, RETRY, offset, stream


def told(changes, **options) -> list[bytes]:
    async def source():
        for change in changes:
            yield change

    async def collect() -> list[bytes]:
        changes = stream(source(), ending=asyncio.Event(), **options)
        return [piece async for piece in changes]

    return asyncio.run(collect())


def names(pieces: list[bytes]) -> list[bytes]:
    return [piece.split(b"\n")[0] for piece in pieces[1:]]


def test_a_stream_starts_with_the_time_to_wait_before_the_next():
    assert told([]) == [RETRY]


def test_a_change_of_state_and_a_step_forward_are_told_apart(run):
    changes = [run(), run(done=81), run(state="done", step="")]
    assert names(told(changes)) == [b"event: state", b"event: progress", b"event: state"]


def test_an_event_is_one_line_of_json(run):
    event = told([run(name="a\nb")])[1]
    lines = event.split(b"\n")
    assert [line.split(b":")[0] for line in lines] == [b"event", b"id", b"data", b"", b""]
    assert orjson.loads(lines[2][6:])["done"] == 80


def test_a_failure_is_told_under_the_names_of_every_error(run):
    failure = Failure(code="truncated", message="Too short.", hint="Again.")
    event = told([run(state="failed", error=failure)])[1]
    error = orjson.loads(event.split(b"\n")[2][6:])["error"]
    assert error == {"error": "truncated", "message": "Too short.", "hint": "Again."}


def test_a_point_that_was_seen_is_not_told_again(run):
    changes = [run(), run(done=81)]
    assert names(told(changes, last_seen=offset(run()))) == [b"event: progress"]


def test_every_change_has_an_id_of_its_own(run):
    changes = [run(), run(done=81), replace(run(), step="concluding"), run(attempt=2)]
    assert len({offset(change) for change in changes}) == 4


def test_silence_is_filled_with_pings(run):
    async def listen() -> list[bytes]:
        silent = asyncio.Event()

        async def source():
            await silent.wait()
            yield run()

        pieces = []
        async for piece in stream(source(), ending=asyncio.Event(), ping_seconds=0.001):
            pieces.append(piece)
            if piece == PING:
                silent.set()
        return pieces

    pieces = asyncio.run(listen())
    assert PING in pieces
    assert pieces[-1].startswith(b"event: state")


def test_a_stream_ends_with_the_server(run):
    async def listen() -> list[bytes]:
        ending = asyncio.Event()

        async def source():
            yield run()
            ending.set()
            await asyncio.Event().wait()

        return [piece async for piece in stream(source(), ending=ending)]

    assert names(asyncio.run(listen())) == [b"event: state"]
