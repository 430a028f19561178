"""What is counted of an output: by compiled loops on the CPU, by torch anywhere else."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.probe.kernels import (
    BINS,
    COUNT,
    LIMIT,
    NONFINITE,
    SATURATED,
    SLOTS,
    SPREAD,
    SQUARES,
    SUM_SLOTS,
    TOTAL,
    ZEROS,
    absorb,
    awaken,
    square,
)

Reals: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

CHUNK = 2**24  # values that torch converts to float64 at once
SHARED = 2**17  # values from which two threads are worth their start
_NATIVE = frozenset({torch.float32, torch.float64})  # what the loops read


@dataclass(slots=True)
class Sums:
    """The running sums of one operation's output, over any number of pairs of replicas.

    What another device counts stays there until `settle`, so that nothing waits for it.
    """

    sums: Reals = field(default_factory=lambda: np.zeros(SUM_SLOTS))
    bins: Counts = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    elsewhere: list[torch.Tensor] = field(default_factory=list)  # sums and bins in one row

    def add(self, other: Sums) -> None:
        """Take in what others have summed."""
        self.sums += other.sums
        self.bins += other.bins
        self.elsewhere += other.elsewhere

    def settle(self) -> Sums:
        """Itself, with what other devices have counted taken in."""
        if self.elsewhere:
            row = torch.stack(self.elsewhere).sum(dim=0).cpu().numpy()
            self.sums += row[:SUM_SLOTS]
            self.bins += row[SUM_SLOTS:].astype(np.int64)
            self.elsewhere.clear()
        return self

    @property
    def count(self) -> int:
        """Finite values."""
        return int(self.sums[COUNT])

    @property
    def nonfinite(self) -> int:
        """NaN and infinite values."""
        return int(self.sums[NONFINITE])

    @property
    def mean(self) -> float | None:
        """Of the finite values."""
        return self._share(TOTAL)

    @property
    def square(self) -> float | None:
        """Mean of the squares, in units of the values squared."""
        return self._share(SQUARES)

    @property
    def rms(self) -> float | None:
        """Root of the mean square."""
        return None if self.square is None else math.sqrt(self.square)

    @property
    def std(self) -> float | None:
        """Population std of all values together."""
        mean, square = self.mean, self.square
        if mean is None or square is None:
            return None
        return math.sqrt(max(0.0, square - mean * mean))

    @property
    def zero_fraction(self) -> float:
        """Share of exact zeros; 0 where nothing is finite."""
        return self._share(ZEROS) or 0.0

    @property
    def saturated_fraction(self) -> float:
        """Share beyond the limits that were given; 0 where nothing is finite."""
        return self._share(SATURATED) or 0.0

    @property
    def input_share(self) -> float | None:
        """`√(mean (a-b)²/2) / rms`: what of the size depends on the input; None for zeros.

        Two independent inputs a and b differ by twice the variance over inputs, whatever the
        layout of the output's axes. Of few inputs it may come out above 1, which is told as 1.
        """
        square = self.square
        if not square:
            return None
        return min(1.0, math.sqrt(float(self.sums[SPREAD]) / self.count / square))

    def _share(self, slot: int) -> float | None:
        if not self.count or not math.isfinite(self.sums[slot]):
            return None
        return float(self.sums[slot]) / self.count


Limits: TypeAlias = tuple[float, float]
NO_LIMITS: Limits = (-math.inf, math.inf)


class Counter:
    """Counts outputs with as many threads as torch computes them with."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def pair(
        self, a: torch.Tensor, b: torch.Tensor, limits: Limits = NO_LIMITS, into: Sums | None = None
    ) -> Sums:
        """The sums of a pair of replicas' output.

        Args:
            a: Of one replica, floating.
            b: Of the other, of the same shape.
            limits: Values below the first or above the second are saturated.
            into: Sums to add to; None for new ones.
        """
        found = Sums() if into is None else into
        if a.device.type != "cpu":
            found.elsewhere += _pair_by_torch(a, b, limits)
            return found
        if a.stride() != b.stride():
            a, b = a.contiguous(), b.contiguous()
        self._loop(_row(a), _row(b), limits, found)
        return found

    def _loop(
        self, a: NDArray[np.floating], b: NDArray[np.floating], limits: Limits, found: Sums
    ) -> None:
        if self._pool is None or a.size < SHARED:
            absorb(a, b, *limits, found.sums, found.bins)
            return
        cut, other = a.size // 2, Sums()
        second = self._pool.submit(absorb, a[cut:], b[cut:], *limits, other.sums, other.bins)
        absorb(a[:cut], b[:cut], *limits, found.sums, found.bins)
        second.result()
        found.add(other)


def squares(x: torch.Tensor) -> Sums:
    """Count, sum of squares and non-finite count of a tensor; the other sums are not for use."""
    found = Sums()
    if x.device.type == "cpu":
        square(_row(x), found.sums)
        return found
    found.elsewhere = [_row_by_torch(chunk, NO_LIMITS) for chunk in _chunks(x)]
    return found


def mark_alive(x: torch.Tensor, axis: int, alive: NDArray[np.bool_]) -> None:
    """Mark the units of an axis that are anywhere other than 0.

    Args:
        x: An output.
        axis: Of the units.
        alive: One flag a unit, in place.
    """
    axis %= x.ndim
    if x.device.type != "cpu":
        alive |= _alive_by_torch(x, axis).cpu().numpy()
        return
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    row = _native(x).contiguous().numpy().ravel()
    awaken(row, outer, x.shape[axis], inner, alive)


def _alive_by_torch(x: torch.Tensor, axis: int) -> torch.Tensor:
    others = tuple(i for i in range(x.ndim) if i != axis)
    return (x != 0).sum(dim=others) > 0 if others else x != 0


def _native(x: torch.Tensor) -> torch.Tensor:
    x = x.detach()
    return x if x.dtype in _NATIVE else x.float()


def _row(x: torch.Tensor) -> NDArray[np.floating]:
    """All values in the order of the memory where they fill it, else in the order of the axes."""
    x = _native(x)
    if not x.is_contiguous():
        strides = x.stride()
        x = x.permute(sorted(range(x.ndim), key=lambda axis: (-strides[axis], axis)))
        x = x.contiguous()
    row: NDArray[np.floating] = x.numpy().ravel()
    return row


def _chunks(x: torch.Tensor) -> list[torch.Tensor]:
    return [chunk.double() for chunk in torch.split(x.detach().reshape(-1), CHUNK)]


def _pair_by_torch(a: torch.Tensor, b: torch.Tensor, limits: Limits) -> list[torch.Tensor]:
    """Sums and bins of every chunk of both."""
    found = []
    for u, v in zip(_chunks(a), _chunks(b), strict=True):
        difference = u - v
        one, other = (_row_by_torch(x, limits, binned=True) for x in (u, v))
        one[SPREAD] = torch.where(torch.isfinite(difference), difference, 0.0).square().sum()
        found += [one, other]
    return found


def _row_by_torch(x: torch.Tensor, limits: Limits, *, binned: bool = False) -> torch.Tensor:
    """The sums and bins of a chunk of float64 values, on its device, without waiting for it."""
    finite = torch.isfinite(x)
    kept = torch.where(finite, x, 0.0)
    row = torch.zeros(SUM_SLOTS + SLOTS, dtype=torch.float64, device=x.device)
    row[COUNT] = finite.sum()
    row[TOTAL] = kept.sum()
    row[SQUARES] = kept.square().sum()
    row[ZEROS] = (x == 0).sum()
    row[SATURATED] = (((x < limits[0]) | (x > limits[1])) & finite).sum()
    row[NONFINITE] = x.numel() - row[COUNT]
    if binned:
        row[SUM_SLOTS:] = _binned(kept, finite)
    return row


def _binned(x: torch.Tensor, finite: torch.Tensor) -> torch.Tensor:
    """Counts of the loops' bins, whose places are calculated in float32."""
    places = (x.float() * (BINS / (2 * LIMIT)) + (BINS // 2 + 1)).clamp(0, BINS + 1).floor()
    kept = torch.where(finite, places, float(SLOTS)) + 0.5
    return torch.histc(kept, SLOTS + 1, 0, SLOTS + 1)[:SLOTS]  # CHUNK of them fit a float32 count
