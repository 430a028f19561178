"""What a window over places does along one axis: which pairs of places it sums, and where to.

Windows are products of one window along each axis, so their sums over pairs of places are, too:
each axis is gathered on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.sampled import Indices, Sampling, pairs, seats

_KEPT: Final = 512  # axes whose sums are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An axis of places: how many there are, and which of them are kept."""

    whole: int
    sample: Sampling | None = None

    @property
    def size(self) -> int:
        """How many places are kept."""
        return self.whole if self.sample is None else self.sample.size

    @property
    def kept(self) -> Indices:
        """The places that are kept."""
        return np.arange(self.whole) if self.sample is None else self.sample.kept

    def seats(self, places: Indices) -> Indices:
        """The kept place that stands for each."""
        return places if self.sample is None else seats(self.sample, places)

    def pairs(self, one: Indices, other: Indices) -> tuple[Indices, Indices]:
        """The kept pair that stands for each pair."""
        return (one, other) if self.sample is None else pairs(self.sample, one, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """A window's geometry along one axis."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False

    def tap(self, at: int, outputs: Indices, inputs: int) -> tuple[Indices, Array]:
        """The input below one position of the kernel for each output; 1 where there is one."""
        if self.transposed:
            index, rest = np.divmod(outputs + self.padding - at * self.dilation, self.stride)
            valid = (rest == 0) & (index >= 0) & (index < inputs)
        else:
            index = outputs * self.stride - self.padding + at * self.dilation
            valid = (index >= 0) & (index < inputs)
        return np.where(valid, index, 0), valid.astype(np.float64)

    def share(self, outputs: int, inputs: int) -> float:
        """The share of all outputs that a tap sees, averaged over what all taps see."""
        every = np.arange(outputs)
        seen = [self.tap(at, every, inputs)[1].mean() for at in range(self.kernel)]
        return float(np.dot(seen, seen) / sum(seen)) if any(seen) else 1.0

    @property
    def is_nothing(self) -> bool:
        """Whether each output is the input at its place."""
        return (self.kernel, self.stride, self.padding) == (1, 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AxisSum:
    """The sums along one axis, over kept places.

    A pair of outputs is a sum of input pairs: of rows `gathered`, the last of them empty, or by the
    matrix `mixed` where there are many.
    """

    places: Array  # [out, in], of means
    back: Array  # [in, out], of second moments of gradients, averaged over what is stood for
    gathered: Indices | None = None  # [terms, out²] of in² + 1 rows
    mixed: Array | None = None  # [out², in²]
    factor: Array | None = None  # [out²] of gathered sums

    def of_pairs(self, values: Array) -> Array:
        """[in², rest] → [out², rest]."""
        if self.mixed is not None:
            return self.mixed @ values
        assert self.gathered is not None  # noqa: S101 - one of both is there
        padded = np.concatenate([values, np.zeros((1, values.shape[1]))])
        total: Array = padded[self.gathered[0]]
        for rows in self.gathered[1:]:
            total += padded[rows]
        return total if self.factor is None else np.asarray(total * self.factor[:, None])


@lru_cache(maxsize=_KEPT)
def summed(slide: Slide, given: Span, wanted: Span) -> AxisSum:
    """The sum over a window: of all pairs at the same position of the kernel."""
    outputs = wanted.kept
    places = np.zeros((wanted.size, given.size))
    gathered = []
    for at in range(slide.kernel):
        index, valid = slide.tap(at, outputs, given.whole)
        np.add.at(places, (np.arange(wanted.size), given.seats(index)), valid)
        gathered.append(_rows(given, (index, valid), (index, valid)))
    return AxisSum(places=places, back=_back(slide, given, wanted, None),
                   gathered=np.stack(gathered))  # fmt: skip


@lru_cache(maxsize=_KEPT)
def averaged_over(slide: Slide, given: Span, wanted: Span, *, padded: bool) -> AxisSum:
    """The mean over a window: over all its pairs, of the kernel's size or of what it holds."""
    outputs = wanted.kept
    taps = [slide.tap(at, outputs, given.whole) for at in range(slide.kernel)]
    held = np.full(wanted.size, float(slide.kernel)) if padded else sum(v for _, v in taps)
    places = np.zeros((wanted.size, given.size))
    for index, valid in taps:
        np.add.at(places, (np.arange(wanted.size), given.seats(index)), valid / held)
    gathered = np.stack([_rows(given, one, other) for one in taps for other in taps])
    every = [slide.tap(at, np.arange(wanted.whole), given.whole) for at in range(slide.kernel)]
    whole = np.full(wanted.whole, float(slide.kernel)) if padded else sum(v for _, v in every)
    return AxisSum(
        places=places,
        back=_back(slide, given, wanted, np.asarray(whole) ** -2.0),
        gathered=gathered,
        factor=np.outer(1 / held, 1 / held).ravel(),
    )


@lru_cache(maxsize=_KEPT)
def divided(given: Span, outputs: int, wanted: Span) -> AxisSum:
    """The mean over each of as many windows as there are outputs, as adaptive pooling has them."""
    starts = [at * given.whole // outputs for at in range(outputs)]
    stops = [-(-(at + 1) * given.whole // outputs) for at in range(outputs)]
    seat = given.seats(np.arange(given.whole))
    places, back = np.zeros((wanted.size, given.size)), np.zeros((given.size, wanted.size))
    mixed = np.zeros((wanted.size**2, given.size**2))
    taken = [np.arange(starts[at], stops[at]) for at in wanted.kept]
    for i, one in enumerate(taken):
        np.add.at(places[i], seat[one], 1 / len(one))
        for j, other in enumerate(taken):
            rows, columns = np.broadcast_arrays(one[:, None], other[None, :])
            first, second = given.pairs(rows, columns)
            counts = np.bincount((first * given.size + second).ravel(), minlength=mixed.shape[1])
            mixed[i * wanted.size + j] = counts / (len(one) * len(other))
    for at in range(outputs):
        width = stops[at] - starts[at]
        output = int(wanted.seats(np.array([at]))[0])
        np.add.at(back[:, output], seat[starts[at] : stops[at]], width**-2.0)
    return AxisSum(places=places, back=back / _stood_for(given)[:, None], mixed=mixed)


@lru_cache(maxsize=_KEPT)
def moved(given: Span, wanted: Span) -> AxisSum:
    """The same axis with other places kept."""
    kept = wanted.kept
    every = np.ones(wanted.size)
    places = np.zeros((wanted.size, given.size))
    places[np.arange(wanted.size), given.seats(kept)] = 1.0
    all_places = np.arange(given.whole)
    back = np.zeros((given.size, wanted.size))
    np.add.at(back, (given.seats(all_places), wanted.seats(all_places)), 1.0)
    rows = _rows(given, (kept, every), (kept, every))
    back /= _stood_for(given)[:, None]
    return AxisSum(places=places, back=back, gathered=rows[None])


def over_axes(matrix: Array, sums: Sequence[AxisSum]) -> Array:
    """Sums over pairs of places, axis by axis: [P, P] → [P', P']."""
    if not sums:
        return matrix
    sizes = [one.back.shape[0] for one in sums]
    values = matrix.reshape(*sizes, *sizes)
    count = len(sums)
    for at, one in enumerate(sums):
        turned = np.moveaxis(values, (at, count + at), (0, 1))
        rest = turned.shape[2:]
        new = one.back.shape[1]
        found = one.of_pairs(turned.reshape(sizes[at] ** 2, -1))
        values = np.moveaxis(found.reshape(new, new, *rest), (0, 1), (at, count + at))
    places = int(np.prod([one.back.shape[1] for one in sums]))
    return np.ascontiguousarray(values).reshape(places, places)


def along(values: Array, matrices: Sequence[Array]) -> Array:
    """One matrix for each axis: [P] → [P']."""
    found = values.reshape([matrix.shape[1] for matrix in matrices])
    for at, matrix in enumerate(matrices):
        found = np.moveaxis(np.tensordot(matrix, found, axes=([1], [at])), 0, at)
    return found.reshape(-1)


def _rows(given: Span, one: tuple[Indices, Array], other: tuple[Indices, Array]) -> Indices:
    """Which row of the input's pairs each pair of outputs takes; the last where there is none."""
    first, second = given.pairs(*np.broadcast_arrays(one[0][:, None], other[0][None, :]))
    valid = np.outer(one[1], other[1]) > 0
    return np.where(valid, first * given.size + second, given.size**2).ravel()


def _back(slide: Slide, given: Span, wanted: Span, weights: Array | None) -> Array:
    """Over all places: what each input is given by the outputs whose windows hold it."""
    every = np.arange(wanted.whole)
    seat_in = given.seats(np.arange(given.whole))
    seat_out = wanted.seats(every)
    back = np.zeros((given.size, wanted.size))
    for at in range(slide.kernel):
        index, valid = slide.tap(at, every, given.whole)
        np.add.at(back, (seat_in[index], seat_out), valid if weights is None else valid * weights)
    return back / _stood_for(given)[:, None]


def _stood_for(given: Span) -> Array:
    stood: Array = np.bincount(given.seats(np.arange(given.whole)), minlength=given.size).astype(
        np.float64
    )
    return np.maximum(stood, 1.0)
