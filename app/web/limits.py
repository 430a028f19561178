"""How often something may happen in a minute, counted in this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Final

MINUTE: Final = 60.0  # seconds
KEPT: Final = 4096  # callers remembered; the one that was silent longest is forgotten first


class Limit:
    """At most so many events in any 60 seconds, for each caller."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Seconds until the caller's next event is within the limit; 0 now."""
        events = self._recent(caller)
        if len(events) < self.most:
            return 0.0
        return max(events[0] + MINUTE - time.monotonic(), 0.0)

    def count(self, caller: str) -> None:
        """Note one event."""
        events = self._recent(caller)
        events.append(time.monotonic())
        self._seen[caller] = events
        self._seen.move_to_end(caller)
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)

    def take_back(self, caller: str) -> None:
        """Forget the last event that was noted of a caller."""
        events = self._recent(caller)
        if events:
            events.pop()

    def _recent(self, caller: str) -> deque[float]:
        events = self._seen.get(caller, deque())
        while events and events[0] <= time.monotonic() - MINUTE:
            events.popleft()
        return events
