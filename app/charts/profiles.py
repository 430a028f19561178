"""The histograms on the shared axis, unpacked: what heat map, ridges and table rows draw."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.report import Profile, TensorRow

BINS = 192
BINS_PER_UNIT = 16
RANGES = (1.5, 3.0, 6.0)  # half-widths of the axis, units
HELD = 0.995  # share of all weights the chosen axis must hold
COLUMNS = 48  # steps of a small histogram: 1/16, 1/8 or 1/4 unit each, so ±1 is always an edge

Unit: TypeAlias = Literal["bound", "scheme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The profiles of some rows in one unit; a row without one is empty and not `known`."""

    unit: Unit
    levels: NDArray[np.uint8]  # rows × 192, 255·√(count / largest count)
    known: NDArray[np.bool_]
    below: NDArray[np.int64]  # values under -6 units
    above: NDArray[np.int64]
    sizes: NDArray[np.int64]  # finite values

    @property
    def counts(self) -> NDArray[np.float64]:
        """Counts relative to each row's largest, 0 to 1."""
        squared = np.square(self.levels / np.float64(255))
        return np.asarray(squared, dtype=np.float64)


def unpack(levels: str) -> NDArray[np.uint8]:
    """The 192 levels of one profile.

    Raises:
        ValueError: If the text does not hold exactly 192 bytes.
    """
    try:
        raw = base64.b64decode(levels, validate=True)
    except binascii.Error as error:
        raise ValueError("a profile is base64 text") from error
    if len(raw) != BINS:
        raise ValueError(f"a profile has {BINS} levels, got {len(raw)}")
    return np.frombuffer(raw, dtype=np.uint8)


def _profile(row: TensorRow, unit: Unit) -> Profile | None:
    return next((item for item in row.profiles if item.unit == unit), None)


def profiles(rows: Sequence[TensorRow], *, unit: Unit) -> Profiles:
    """The profiles of `rows` in `unit`, one line each, in the order given."""
    found = [_profile(row, unit) for row in rows]
    empty = np.zeros(BINS, np.uint8)
    lines = [empty if item is None else unpack(item.levels) for item in found]
    return Profiles(
        unit=unit,
        levels=np.array(lines, dtype=np.uint8).reshape(len(rows), BINS),
        known=np.array([item is not None for item in found], dtype=bool),
        below=np.array([item.below if item else 0 for item in found], dtype=np.int64),
        above=np.array([item.above if item else 0 for item in found], dtype=np.int64),
        sizes=np.array([row.count - row.nonfinite for row in rows], dtype=np.int64),
    )


def window(half_width: float) -> slice:
    """The bins between -half_width and +half_width units."""
    reach = round(BINS_PER_UNIT * half_width)
    return slice(BINS // 2 - reach, BINS // 2 + reach)


def share_inside(shown: Profiles, *, half_width: float) -> float:
    """Share of all values of the known rows within ±half_width; 1 when there are none."""
    counts = shown.counts
    total = counts.sum(axis=1)
    inside = np.divide(
        counts[:, window(half_width)].sum(axis=1), total, out=np.ones_like(total), where=total > 0
    )
    held = (shown.sizes - shown.below - shown.above) * inside
    sizes = shown.sizes[shown.known]
    return float(held[shown.known].sum() / sizes.sum()) if sizes.sum() > 0 else 1.0


def fitting_range(shown: Profiles) -> float:
    """The smallest axis that holds 99.5 % of all weights; the widest when none does."""
    for half_width in RANGES:
        if share_inside(shown, half_width=half_width) >= HELD:
            return half_width
    return RANGES[-1]


def columns(shown: Profiles, *, half_width: float, steps: int = COLUMNS) -> NDArray[np.float64]:
    """Counts in `steps` steps across the axis, each row's tallest step 1."""
    counts = shown.counts[:, window(half_width)]
    merged = counts.reshape(len(counts), steps, -1).mean(axis=2)
    tallest = merged.max(axis=1, keepdims=True, initial=0)
    heights: NDArray[np.float64] = np.divide(
        merged, tallest, out=np.zeros_like(merged), where=tallest > 0
    )
    return heights


def overflow(shown: Profiles, *, half_width: float) -> tuple[list[bool], list[bool]]:
    """For each row, whether values lie left and right of the axis."""
    inner = window(half_width)
    left = shown.levels[:, : inner.start].any(axis=1) | (shown.below > 0)
    right = shown.levels[:, inner.stop :].any(axis=1) | (shown.above > 0)
    return left.tolist(), right.tolist()


def step_path(heights: Sequence[float], *, tall: int) -> str:
    """An SVG path of steps one unit wide, standing on `tall`, the tallest reaching 0.

    Heights are rounded to whole units, but a step above 0 is at least 1 high, so that a tail
    is never drawn as nothing.
    """
    levels = [0 if h <= 0 else max(1, round(h * tall)) for h in heights]
    parts: list[str] = []
    level, start = 0, 0
    for at, height in enumerate([*levels, 0]):
        if height == level:
            continue
        parts.append(f"h{at - start}v{level - height}" if parts else f"M{at} {tall}v{-height}")
        level, start = height, at
    return "".join(parts) + ("z" if parts else "")
