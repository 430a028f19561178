"""The lanes of a sketch whose counting a torch device does: for tensors that a GPU counts faster.

The same cells and the same rows as the compiled loops of `app.core`: what is counted is equal bit
for bit, what is summed agrees within AGREEMENT.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch

from app.core import kernels
from app.core.chunks import CHUNK
from app.core.moments import Moments, unit_exponent
from app.core.real_counter import RealCounter, Row, key_of, raw_bits, value_of
from app.core.sketch import Lanes
from app.core.storage import WIDTH
from app.core.tables import Counted

AGREEMENT: Final = 1e-11
"""Relative difference between devices of Σd² and Σd⁴ of the deviations from the mean; of Σd³ to
√(Σd²·Σd⁴), which its size never exceeds; of the mean to the std, beside the mean's own last bit.

Source: derived, for up to 2³⁴ values. All sums are of float64. The compiled loops add up to 2¹⁴
terms in a row, then 2⁸ such sums to a chunk's; a device adds a chunk's 2²² terms as a tree, of
shorter rows. Both add 2¹² chunks in the same order. (2¹⁴ + 2⁸ + 2¹²)·2⁻⁵³ = 2.3e-12 at most, and as
much again for each of the terms that Σd⁴ about one mean takes from sums about another.
"""
WIDEST: Final = 8  # bytes of a value


def lanes_on(device: torch.device) -> Lanes:
    """Lanes that count on a device; each holds up to about 0.5 GB of its memory."""
    return Lanes(patterns=partial(_Patterns, device), reals=partial(_Reals, device))


class _Share:
    """Some of a device's counters."""

    def __init__(self, counts: torch.Tensor) -> None:
        self._counts = counts

    def close(self) -> Counted:
        counts = self._counts.cpu().numpy()
        places = np.flatnonzero(counts)
        return places, counts[places]


class _Sender:
    """Carries rows to a device, by way of memory that the device reads from fastest.

    Torch takes no read-only view of a file as it is.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._room = torch.empty(
            CHUNK * WIDEST, dtype=torch.uint8, pin_memory=device.type == "cuda"
        )

    def sent(self, row: np.ndarray) -> torch.Tensor:
        """The row's patterns there, as signed integers; only until the next is sent."""
        size = row.itemsize
        room = self._room[: row.size * size].view(getattr(torch, f"int{8 * size}"))
        room.numpy()[:] = row.view(f"i{size}")
        return room.to(self._device)


class _Patterns:
    """Counts the patterns of an 8- or 16-bit dtype."""

    def __init__(self, device: torch.device, dtype: str) -> None:
        self._sender = _Sender(device)
        self._counts = torch.zeros(2 ** WIDTH[dtype], dtype=torch.int64, device=device)
        self.tally = _Share(self._counts)

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a row; its place does not matter."""
        del place
        cells = self._counts.numel()
        patterns = self._sender.sent(row).long() & (cells - 1)
        self._counts += torch.bincount(patterns, minlength=cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """One row on the device, in the forms that are asked of it."""

    real: torch.Tensor  # as float32 or float64
    patterns: torch.Tensor  # int64; those of float64 modulo 2⁶⁴
    magnitudes: torch.Tensor  # patterns without the sign
    keys: torch.Tensor  # sortable, see `kernels.LOWEST`
    finite: torch.Tensor
    infinite: int  # the pattern of infinity
    bits: int  # of a value
    count: int  # of finite values

    def kept(self, of: torch.Tensor, other: float) -> torch.Tensor:
        """With another value in place of those that are not finite."""
        return of if self.count == of.numel() else torch.where(self.finite, of, other)


def _values_of(given: torch.Tensor, real: np.dtype[np.floating]) -> _Values:
    """The row that was sent as signed integers of its values' size."""
    bits, infinite = 8 * real.itemsize, key_of(np.inf, real)
    signed = given.long()
    magnitudes = signed & (2 ** (bits - 1) - 1)
    finite = magnitudes < infinite
    return _Values(
        real=given.view(getattr(torch, real.name)),
        patterns=signed if bits == 64 else signed & (2**bits - 1),
        magnitudes=magnitudes,
        keys=torch.where(signed < 0, -1 - magnitudes, magnitudes),
        finite=finite,
        infinite=infinite,
        bits=bits,
        count=int(finite.sum()),
    )


class _Reals:
    """Counts values in the cells of a plan, and sums them as float64."""

    def __init__(self, device: torch.device, counter: RealCounter) -> None:
        self._counter = counter
        self._sender = _Sender(device)
        coarse, fine = counter.plan.cells
        # One counter more, for what is not finite.
        self._counts = torch.zeros(coarse + fine + 1, dtype=torch.int64, device=device)
        self.coarse = _Share(self._counts[:coarse])
        self.fine = _Share(self._counts[coarse : coarse + fine])

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a row, and keep what it holds."""
        real = self._counter.real
        values = _values_of(self._sender.sent(row.astype(real, copy=False)), real)
        cells = self._counts.numel()
        self._counts += torch.bincount(self._cells(values), minlength=cells)
        facts = self._facts(values)
        nan, posinf, neginf = _nonfinite(values)
        self._counter.rows[place] = Row(
            moments=self._moments(values, facts),
            facts=facts,
            nan=nan,
            posinf=posinf,
            neginf=neginf,
            raw_bits=raw_bits(row, facts),
        )

    def _cells(self, values: _Values) -> torch.Tensor:
        """Which counter each value belongs to: see `app.core.plan`."""
        plan = self._counter.plan
        places = values.patterns + plan.offset
        # Shifting an int64 repeats its sign: the mask takes away what a place has no bits for.
        cells = (places >> plan.coarse_shift) & (2 ** (values.bits - plan.coarse_shift) - 1)
        if plan.span:
            fine = places - _wrapped(plan.base)
            inside = (fine >= 0) & (fine < plan.span)
            cells = torch.where(inside, plan.cells[0] + (fine >> plan.fine_shift), cells)
        return values.kept(cells, self._counts.numel() - 1)

    def _facts(self, values: _Values) -> np.ndarray:
        facts = self._counter.no_facts()
        lowest, highest = int(facts[kernels.LOWEST]), int(facts[kernels.HIGHEST])
        facts[kernels.LOWEST] = int(values.kept(values.keys, lowest).amin())
        facts[kernels.HIGHEST] = int(values.kept(values.keys, highest).amax())
        facts[kernels.BITS] = _either(values.kept(values.patterns, 0))
        facts[kernels.ZEROS] = int((values.magnitudes == 0).sum())
        return facts

    def _moments(self, values: _Values, facts: np.ndarray) -> Moments:
        n = values.count
        if n == 0:
            return Moments()
        keys = (int(facts[kernels.LOWEST]), int(facts[kernels.HIGHEST]))
        low, high = (value_of(key, self._counter.real) for key in keys)
        exponent = unit_exponent(max(abs(low), abs(high)))
        if low == high:
            return Moments(count=n, mean=low, exponent=exponent)
        scaled = values.kept(values.real, 0.0).double() * 2.0**-exponent
        shift = float(scaled.sum()) / n
        d = values.kept(scaled - shift, 0.0)
        square = d * d
        sums = torch.stack((d.sum(), square.sum(), (square * d).sum(), (square * square).sum()))
        return _about(shift, n, sums.tolist(), exponent)


def _wrapped(pattern: int) -> int:
    """A 64-bit pattern as the int64 of the same bits."""
    return (pattern + 2**63) % 2**64 - 2**63


def _either(patterns: torch.Tensor) -> int:
    """OR of all patterns, of which there is at least one."""
    while patterns.numel() > 1:
        half = (patterns.numel() + 1) // 2
        rest = patterns[half:]
        patterns = torch.cat((patterns[: rest.numel()] | rest, patterns[rest.numel() : half]))
    return int(patterns)


def _nonfinite(values: _Values) -> tuple[int, int, int]:
    """How many of the values are NaN, +infinity and -infinity."""
    if values.count == values.finite.numel():
        return 0, 0, 0
    keys, infinite = values.keys, values.infinite
    tests = (values.magnitudes > infinite, keys == infinite, keys == -1 - infinite)
    nan, posinf, neginf = torch.stack([test.sum() for test in tests]).tolist()
    return nan, posinf, neginf


def _about(shift: float, n: int, sums: list[float], exponent: int) -> Moments:
    """The moments of n values, from the sums of powers of their distances from `shift`.

    Args:
        shift: About their mean, in units of `2**exponent`.
        n: At least 1.
        sums: Of the first to the fourth power, in the same unit.
        exponent: Of the unit.
    """
    s1, s2, s3, s4 = sums
    rest = s1 / n
    mean = shift + rest
    return Moments(
        count=n,
        mean=float(np.ldexp(mean, exponent)),
        mean_low=float(np.ldexp(rest - (mean - shift), exponent)),
        m2=max(s2 - n * rest**2, 0.0),
        m3=s3 - 3 * rest * s2 + 2 * n * rest**3,
        m4=max(s4 - 4 * rest * s3 + 6 * rest**2 * s2 - 3 * n * rest**4, 0.0),
        exponent=exponent,
    )
