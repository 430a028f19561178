"""Whose child is next in a worker."""

from __future__ import annotations

import asyncio

from app.jobs.turns import Turns
from app.store.queues import RANKS, Turn


def turn(owner: str = "ann", rank: str = "normal") -> Turn:
    return Turn(owner=owner, rank=RANKS[rank])


async def order_of(turns: Turns, *wanted: tuple[str, Turn, bool]) -> list[str]:
    """In which order those have the place that come, in this one, while it is taken."""
    had: list[str] = []

    async def take(name: str, of: Turn, begun: bool) -> None:
        async with turns.mine(of, begun=begun):
            had.append(name)

    async with turns.mine(turn("first")):
        tasks = [asyncio.create_task(take(*one)) for one in wanted]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return had


def in_turn(*wanted: tuple[str, Turn, bool]) -> list[str]:
    return asyncio.run(order_of(Turns(), *wanted))


def test_the_more_urgent_job_is_next():
    low, seed, usual = (turn(rank=rank) for rank in ("low", "seed", "normal"))
    found = in_turn(("low", low, True), ("seed", seed, False), ("usual", usual, False))
    assert found == ["usual", "seed", "low"]


def test_owners_have_the_place_one_after_the_other():
    anns = [(f"a{number}", turn("ann"), False) for number in range(3)]
    assert in_turn(*anns, ("b", turn("bob"), False)) == ["a0", "b", "a1", "a2"]


def test_what_has_begun_is_ended_before_the_next_begins():
    found = in_turn(("new", turn(), False), ("begun", turn(), True), ("newer", turn(), False))
    assert found == ["begun", "new", "newer"]


def test_only_one_has_the_place_at_a_time():
    async def body() -> int:
        turns, inside, most = Turns(), 0, 0

        async def take() -> None:
            nonlocal inside, most
            async with turns.mine(turn()):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(take() for _ in range(20)))
        return most

    assert asyncio.run(body()) == 1


def test_one_that_gives_up_waiting_is_passed_over():
    async def body() -> list[str]:
        turns = Turns()
        async with turns.mine(turn()):
            waiting = asyncio.create_task(anext(turns.mine(turn()).gen))
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.wait({waiting})
        return await order_of(turns, ("next", turn(), False))

    assert asyncio.run(body()) == ["next"]


def test_one_that_is_called_and_cancelled_at_once_passes_the_place_on():
    async def body() -> list[str]:
        turns = Turns()
        async with turns.mine(turn()):
            waiting = asyncio.create_task(anext(turns.mine(turn()).gen))
            await asyncio.sleep(0)
        waiting.cancel()  # it was called when the block ended, and has not run since
        await asyncio.wait({waiting})
        return await order_of(turns, ("next", turn(), False))

    assert asyncio.run(body()) == ["next"]


def test_a_failure_gives_the_place_back():
    async def body() -> list[str]:
        turns = Turns()
        try:
            async with turns.mine(turn()):
                raise ZeroDivisionError
        except ZeroDivisionError:
            return await order_of(turns, ("next", turn(), False))

    assert asyncio.run(body()) == ["next"]
