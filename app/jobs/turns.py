"""A worker's one place for a child, and which job has it next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

from app.store.queues import Turn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    turn: Turn
    begun: bool
    number: int  # counts those that came
    called: asyncio.Future[None]


class Turns:
    """One child at a time, since the memory limit is a worker's; the most urgent job is next.

    Of equally urgent ones the owner's is next who had the place longest ago, and of an owner's
    those that have begun: they make room for others soonest.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[_Waiting] = []
        self._served: dict[str, int] = {}  # by owner: when one of theirs had the place last
        self._numbers = count()

    @asynccontextmanager
    async def mine(self, turn: Turn, *, begun: bool = False) -> AsyncIterator[None]:
        """Have the place while the block runs.

        Args:
            turn: Of the job.
            begun: Whether the job has had the place before.
        """
        await self._come(turn, begun=begun)
        try:
            self._served[turn["owner"]] = next(self._numbers)
            yield
        finally:
            self._go()

    async def _come(self, turn: Turn, *, begun: bool) -> None:
        if not self._taken:
            self._taken = True
            return
        called = asyncio.get_running_loop().create_future()
        me = _Waiting(turn=turn, begun=begun, number=next(self._numbers), called=called)
        self._waiting.append(me)
        try:
            await called
        except asyncio.CancelledError:
            if me in self._waiting:
                self._waiting.remove(me)
            else:  # it was called and cancelled at once
                self._go()
            raise

    def _go(self) -> None:
        waiting = (one for one in self._waiting if not one.called.cancelled())
        following = min(waiting, key=self._order, default=None)
        if following is None:
            self._taken = False
            return
        self._waiting.remove(following)
        following.called.set_result(None)

    def _order(self, one: _Waiting) -> tuple[int, int, bool, int]:
        return one.turn["rank"], self._served.get(one.turn["owner"], -1), not one.begun, one.number
