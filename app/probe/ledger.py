"""The bytes of all tensors that a run holds, counted by itself and not by an allocator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch


class Ledger:
    """Memory of the values that are alive, views counted with what they look at."""

    def __init__(self) -> None:
        self.live = 0  # bytes
        self.peak = 0
        self._holders: dict[int, int] = {}
        self._recording = False

    def clear(self) -> None:
        """Begin anew, with nothing alive; the peak stays."""
        self.live = 0
        self._holders.clear()

    def hold(self, values: Iterable[object]) -> None:
        """Count values that came alive."""
        for value in values:
            if isinstance(value, torch.Tensor):
                self._hold(value)
        self.peak = max(self.peak, self.live)

    def drop(self, values: Iterable[object]) -> None:
        """Count values that are no longer needed."""
        if self._recording:
            return
        for value in values:
            if isinstance(value, torch.Tensor):
                memory = value.untyped_storage()
                left = self._holders[memory._cdata] - 1
                if left:
                    self._holders[memory._cdata] = left
                else:
                    del self._holders[memory._cdata]
                    self.live -= memory.nbytes()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """While autograd records, it keeps every result; afterwards all of them are gone."""
        live, self._recording = self.live, True
        try:
            yield
        finally:
            self.live, self._recording = live, False

    def _hold(self, value: torch.Tensor) -> None:
        memory = value.untyped_storage()
        if self._recording:
            self.live += 0 if value._is_view() else memory.nbytes()
            return
        holders = self._holders.get(memory._cdata, 0)
        self._holders[memory._cdata] = holders + 1
        self.live += 0 if holders else memory.nbytes()
