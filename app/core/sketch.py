"""One pass over a tensor of any size, dtype and strides: its Sketch."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from app.core.chunks import flat, memory_order, pieces
from app.core.compiled import prepare
from app.core.counters import (
    CompiledPatternLane,
    Counter,
    Lane,
    PatternCounter,
    PatternLane,
    distinct_sketch,
)
from app.core.real_counter import CompiledRealLane, RealCounter, RealLane
from app.core.statistics import Sketch, distribution_function, merge
from app.core.storage import WIDTH, carrier, pattern_values

__all__ = ["COMPILED", "Lanes", "Sketch", "distribution_function", "merge", "sketch", "warm"]

FEW = 4096  # values; up to here the distinct values are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Who counts the values of a tensor: a new lane for each thread."""

    patterns: Callable[[str], PatternLane]  # of an 8- or 16-bit dtype
    reals: Callable[[RealCounter], RealLane]


COMPILED = Lanes(patterns=CompiledPatternLane, reals=CompiledRealLane)


def warm() -> None:
    """Compile the kernels, or load them from numba's cache; afterwards no file is touched."""
    _prepare()
    for real in ("float32", "float64"):
        sketch(np.linspace(-1.0, 1.0, FEW + 1, dtype=real), dtype=real)


@functools.cache
def _prepare() -> None:
    prepare()
    for dtype, width in WIDTH.items():
        if width <= 16:
            pattern_values(dtype)


def sketch(
    values: np.ndarray,
    *,
    dtype: str,
    limit: float | None = None,
    on_chunk: Callable[[int], None] | None = None,
    threads: int = 1,
    lanes: Lanes = COMPILED,
) -> Sketch:
    """The statistics of every value, read once.

    At most one chunk of 2²² values per thread is ever copied, and only where the strides or the
    alignment ask for it. The result does not depend on the number of threads.

    Args:
        values: Any shape and strides; bfloat16 as uint16 patterns, fp8 as uint8 patterns, complex
            as its float parts.
        dtype: torch's name of the storage dtype.
        limit: Half-width, at least 0, outside which values are counted.
        on_chunk: Called with the number of values read since the last call; may raise to stop.
        threads: Threads to read with, at least 1.
        lanes: Who counts; a tensor of at most FEW values is counted here and now.

    Raises:
        ValueError: If the dtype is unknown or does not fit `values`, or the limit is no
            half-width.
    """
    if values.dtype != carrier(dtype):
        raise ValueError(f"{dtype} is read from {carrier(dtype)} values, got {values.dtype}")
    if limit is not None and not 0.0 <= limit < math.inf:
        raise ValueError(f"a limit is a finite half-width of at least 0, got {limit}")
    report = on_chunk or (lambda _: None)
    if values.size <= FEW:
        result = distinct_sketch(flat(values), dtype=dtype, limit=limit)
        report(values.size)
        return result
    _prepare()
    once, repeats = memory_order(values)
    narrow = WIDTH[dtype] <= 16
    counter = (
        PatternCounter(dtype=dtype, limit=limit, lane=lanes.patterns)
        if narrow
        else RealCounter(once, dtype=dtype, limit=limit, lane=lanes.reals)
    )
    _read(once, counter, lambda read: report(read * repeats), threads)
    return counter.sketch(repeats)


def _read(
    values: np.ndarray, counter: Counter, report: Callable[[int], None], threads: int
) -> None:
    """Hand every piece to the counter, each thread taking the next one when it is free."""
    queue = _Queue(pieces(values))

    def work(lane: Lane) -> None:
        try:
            for place, piece in queue:
                lane.add(place, flat(piece))
                with queue.lock:
                    report(piece.size)
        finally:  # at the end of the queue, or to stop the other threads
            queue.close()

    if threads == 1:
        work(counter.lane())
        return
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, counter.lane()) for _ in range(threads)]:
            future.result()


class _Queue:
    """An iterator that several threads may draw from, numbering what it gives."""

    def __init__(self, items: Iterator[np.ndarray]) -> None:
        self.lock = threading.Lock()
        self._items = enumerate(items)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        while True:
            with self.lock:
                item = next(self._items, None)
            if item is None:
                return
            yield item

    def close(self) -> None:
        """Give nothing more."""
        with self.lock:
            self._items = enumerate(iter(()))
