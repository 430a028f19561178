"""How far one tensor has moved to become another: exact, piece by piece, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from app.core.chunks import flat, pieces
from app.core.rounding import Numbers, coarser, decoded, rounded
from app.core.storage import is_integer

PIECE = 2**15  # values; both pieces and what is made of them stay in a core's own cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What became of a tensor's values; None where a number is not defined.

    Sizes, moments and angles are of the places at which both tensors are finite.
    """

    count: int
    unchanged: int  # places whose value is the same, bit by bit or in the dtype compared in
    nonfinite_before: int
    nonfinite_after: int
    relative: float | None  # ‖after − before‖ / ‖before‖
    step: float | None  # rms of after − before, in stds of before
    cosine: float | None  # of the angle between the two
    correlation: float | None  # Pearson's
    max_change: float | None  # largest |after − before|, weight units
    mean_before: float | None
    mean_after: float | None
    std_before: float | None  # population std
    std_after: float | None

    @property
    def still(self) -> bool:
        """Whether no value is another than before."""
        return self.unchanged == self.count


@dataclass(slots=True)
class _Sums:
    """Sums over all pieces so far; moments are merged about their means (Chan et al. 1979)."""

    count: int = 0
    means: tuple[float, float] = (0.0, 0.0)
    squares: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # about means; product
    norms: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])  # a², b², (b−a)², ab
    largest: float = 0.0

    def add(self, before: Numbers, after: Numbers) -> None:
        change = after - before
        a, b = float(before.mean()), float(after.mean())
        here = (before - a, after - b)
        total = self.count + before.size
        gaps = (a - self.means[0], b - self.means[1])
        weight = self.count * before.size / total
        pairs = ((0, 0), (1, 1), (0, 1))
        for place, (left, right) in enumerate(pairs):
            self.squares[place] += float(here[left] @ here[right])
            self.squares[place] += gaps[left] * gaps[right] * weight
        products = ((before, before), (after, after), (change, change), (before, after))
        for place, (first, second) in enumerate(products):
            self.norms[place] += float(first @ second)
        share = before.size / total
        self.means = (self.means[0] + gaps[0] * share, self.means[1] + gaps[1] * share)
        self.largest = max(self.largest, float(np.abs(change).max()))
        self.count = total


def drift(before: np.ndarray, after: np.ndarray, *, dtypes: tuple[str, str]) -> Drift:
    """How `after` differs from `before`.

    Args:
        before: Any shape and strides, as `app.core.storage` names the forms of values.
        after: Of the same shape.
        dtypes: The storage dtype of each.

    Raises:
        ValueError: If the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"expected one shape, got {before.shape} and {after.shape}")
    sums, unchanged, strange = _Sums(), 0, [0, 0]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for pair in zip(pieces(before, PIECE), pieces(after, PIECE), strict=True):
            left, right = flat(pair[0]), flat(pair[1])
            old, new = decoded(left, dtypes[0]), decoded(right, dtypes[1])
            unchanged += _same(left, right, old, new, dtypes)
            finite = (np.isfinite(old), np.isfinite(new))
            for place in (0, 1):
                strange[place] += int(old.size - np.count_nonzero(finite[place]))
            both = finite[0] & finite[1]
            if not both.all():
                old, new = old[both], new[both]
            if old.size:
                sums.add(old, new)
    return _told(sums, count=before.size, unchanged=unchanged, strange=strange)


def _same(
    left: np.ndarray, right: np.ndarray, old: Numbers, new: Numbers, dtypes: tuple[str, str]
) -> int:
    """At how many places the values are the same."""
    if dtypes[0] == dtypes[1]:
        bits = np.dtype(f"u{left.dtype.itemsize}")
        return int(np.count_nonzero(left.view(bits) == right.view(bits)))
    if all(is_integer(dtype) for dtype in dtypes):
        return int(np.count_nonzero(left == right))
    common = coarser(*dtypes)
    first, second = rounded(old, common), rounded(new, common)
    return int(np.count_nonzero((first == second) | (np.isnan(first) & np.isnan(second))))


def _told(sums: _Sums, *, count: int, unchanged: int, strange: list[int]) -> Drift:
    known = sums.count > 0
    before, after, change = (math.sqrt(max(one, 0.0)) for one in sums.norms[:3])
    stds = [math.sqrt(max(one, 0.0) / max(sums.count, 1)) for one in sums.squares[:2]]
    spread = stds[0] * stds[1] * sums.count
    moved = change / math.sqrt(max(sums.count, 1))
    return Drift(
        count=count,
        unchanged=unchanged,
        nonfinite_before=strange[0],
        nonfinite_after=strange[1],
        relative=_ratio(change, before) if known else None,
        step=_ratio(moved, stds[0]) if known else None,
        cosine=_angle(sums.norms[3], before * after),
        correlation=_angle(sums.squares[2], spread),
        max_change=_finite(sums.largest) if known else None,
        mean_before=_finite(sums.means[0]) if known else None,
        mean_after=_finite(sums.means[1]) if known else None,
        std_before=_finite(stds[0]) if known else None,
        std_after=_finite(stds[1]) if known else None,
    )


def _ratio(top: float, bottom: float) -> float | None:
    if top == 0:
        return 0.0
    return _finite(top / bottom) if bottom else None


def _angle(product: float, sizes: float) -> float | None:
    if not (math.isfinite(product) and math.isfinite(sizes) and sizes > 0):
        return None
    return max(-1.0, min(1.0, product / sizes))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
