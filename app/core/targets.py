"""A tensor's first values as the outputs they were drawn from: what is sought in a stream.

A uniform value tells its output, given the law's ends; a pair of normals tells one by its angle,
whatever the std. Each comes with a tolerance, wide enough for a small training step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.generator import TOGETHER, Drawn
from app.core.seed_kernels import (
    HEAD,
    NORMAL_FIRST,
    TABLE_BITS,
    TABLE_SIZE,
    UNIFORM_FIRST,
    Digits,
)

Values: TypeAlias = NDArray[np.float32]
Reals: TypeAlias = NDArray[np.float64]

WHOLE: Final = 2**24
MOST: Final = 24  # values that are compared at a first look
NEAR: Final = 0.02  # of the range: how far a value may have moved and be found anywhere
WIDE: Final = 0.05  # and how far at the beginning of a stream
LENIENT: Final = 0.1  # and how far at a place where it is expected
EXACT: Final = 2.0**-21  # of the range: 8 of 2**24 places, for rounding
TURNS: Final = 0.4  # turns per share of the range: how far the angle of an average pair moves
WIDEST: Final = 0.1  # turns
FAR: Final = 1.95  # stds from the mean: no uniform value lies there, 5 % of a normal's do
STRAYS: Final = 0.01  # share of values that training may have carried there
CLEAR: Final = 256  # values that tell a uniform law from a normal one
LEADING_BLOCKS, LENIENT_BLOCKS = 2, 16  # of 16 normal values that are compared, or chosen from
PAIRS: Final = 16  # of normal values that are compared
SAMPLE: Final = 2**16  # values that are looked at for that
HALF: Final = TOGETHER // 2
LONE: Final = (0.0, 0.25, 1.0)  # a bias, a PReLU's slope, a scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A tensor whose draw is sought."""

    index: int  # the caller's own
    values: Values  # contiguous, in the order in which torch filled them
    row: int = 1  # values along the last axis
    bounds: tuple[float, ...] = ()  # uniform laws that come into question, likeliest first
    stds: tuple[float, ...] = ()  # normal laws that come into question
    default: Drawn | None = None  # how torch's default draws it; None: a constant, or not known
    filled: bool = False  # its layer fills it with a constant, and draws nothing
    as_default: bool = False  # its values look like that default
    matrix: bool = False  # has 2 axes or more
    copied: bool = False  # a copy of an earlier layer: its constructor drew nothing
    excuse: str | None = None  # why it may be a draw and still stand in no stream

    @property
    def constant(self) -> bool:
        """Whether all values are the same, or a lone one is a constant that layers start from."""
        if self.values.size == 1:
            return float(self.values[0]) in LONE
        return bool(self.values.size and self.values.min() == self.values.max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Outputs that a tensor's values tell of."""

    tensor: int  # which of the sought
    drawn: Drawn
    positions: NDArray[np.int64]  # from the tensor's first output
    digits: NDArray[np.uint32]  # low 24 bits
    tolerances: NDArray[np.uint32] = field(repr=False)

    @property
    def bits(self) -> float:
        """-log2 of the odds that random outputs agree."""
        share = (2.0 * self.tolerances + 1.0) / WHOLE
        return float(-np.log2(share).sum())


def targets_of(tensor: int, sought: Sought, *, moved: float) -> list[Target]:
    """Every form in which a tensor's beginning can be sought.

    Args:
        tensor: The number that the targets carry.
        sought: The tensor.
        moved: By which share of the range its values may have moved; the fewer there are, the
            less is granted.
    """
    values = sought.values
    found: list[Target] = []
    if values.size < 2 or not np.isfinite(values[:4096]).all():
        return found
    flat, clear = is_flat(values), values.size >= CLEAR
    if flat or not clear:
        found += _uniform_targets(tensor, sought, moved)
    if values.size >= TOGETHER and not (flat and clear):
        found += _normal_targets(tensor, values, moved)
    return found


def is_flat(values: Values) -> bool:
    """Whether values are spread as a uniform law's rather than a normal one's."""
    sample = values[:SAMPLE].astype(np.float64)
    away = np.abs(sample - sample.mean()) > FAR * sample.std()
    return bool(away.mean() <= STRAYS)


def packed(targets: Sequence[Target]) -> Digits:
    """The targets as the loops take them."""
    sizes = [target.positions.size for target in targets]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return (
        starts,
        _joined([target.positions for target in targets], np.int64),
        _joined([target.digits for target in targets], np.uint32),
        _joined([target.tolerances for target in targets], np.uint32),
    )


def leading(target: Target) -> bool:
    """Whether a table of a seed's first outputs can be asked for this target."""
    first = UNIFORM_FIRST if target.drawn == "uniform" else NORMAL_FIRST
    return (
        target.positions.size >= 3
        and bool((target.positions[:3] == np.arange(first, first + 3)).all())
        and int(target.positions.max()) < HEAD
    )


def table(targets: Sequence[Target]) -> NDArray[np.uint8]:
    """A flag for each cell of three outputs that some target's first three lie in."""
    if not targets:
        return np.zeros(0, np.uint8)
    flags = np.zeros(TABLE_SIZE, np.uint8)
    for target in targets:
        first, second, third = (
            _cells(int(digit), int(tolerance))
            for digit, tolerance in zip(target.digits[:3], target.tolerances[:3], strict=True)
        )
        flags[
            (first[:, None, None] << 2 * TABLE_BITS)
            | (second[None, :, None] << TABLE_BITS)
            | third[None, None, :]
        ] = 1
    return flags


def _cells(digit: int, tolerance: int) -> NDArray[np.int64]:
    width = WHOLE >> TABLE_BITS
    cells = np.arange((digit - tolerance) // width, (digit + tolerance) // width + 1)
    return np.unique(cells % (1 << TABLE_BITS))


def _joined(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)


def _uniform_targets(tensor: int, sought: Sought, moved: float) -> list[Target]:
    values = sought.values
    at = np.flatnonzero(values[:4096])[:MOST]
    if at.size < 2:
        return []
    tolerance = moved if at.size == MOST else EXACT
    first = values[at].astype(np.float64)
    return [
        _target(tensor, "uniform", at, (first - low) / (high - low), np.full(at.size, tolerance))
        for low, high in _ends(sought)
    ]


def _ends(sought: Sought) -> list[tuple[float, float]]:
    """Ends of the uniform laws that come into question, known ones and one estimated."""
    values = sought.values
    low, high = float(values.min()), float(values.max())
    largest = max(-low, high)
    # The largest of n draws is below a share q of the bound with odds of q**n.
    least = 10.0 ** (-9 / values.size)
    found = [
        (-bound, bound)
        for bound in dict.fromkeys(float(np.float32(b)) for b in sought.bounds)
        if least * bound <= largest <= 1.1 * bound
    ]
    if values.size >= 64:
        reach = 1 + 1 / values.size
        if abs(low + high) < 0.2 * (high - low):
            found.append((-largest * reach, largest * reach))
        else:
            margin = (high - low) / values.size
            found.append((low - margin, high + margin))
    return found


def _normal_targets(tensor: int, values: Values, moved: float) -> list[Target]:
    lenient = moved > WIDE
    blocks, starts = _blocks(values, most=LENIENT_BLOCKS if lenient else LEADING_BLOCKS)
    if starts.size == 0:
        return []
    sample = values[:SAMPLE].astype(np.float64)
    std = float(sample.std())
    mean = _location(float(sample.mean()), 6 * std / math.sqrt(sample.size))
    pairs = blocks.astype(np.float64) - mean
    first, second = pairs[:, :HALF].ravel(), pairs[:, HALF:].ravel()
    turns = np.arctan2(second, first) / (2 * math.pi) % 1.0
    at = (starts[:, None] + HALF + np.arange(HALF)).ravel()
    if starts.size == 1 and mean == 0.0:
        tolerances = np.full(at.size, EXACT)
    else:
        radii = np.hypot(first, second) / std
        turn = TURNS * moved
        tolerances = np.clip(
            turn / np.maximum(radii, 1e-9), turn * (0.75 if lenient else 0.5), WIDEST
        )
        if lenient:  # a step turns the longest pairs the least
            longest = np.argsort(-radii)[:PAIRS]
            at, turns, tolerances = at[longest], turns[longest], tolerances[longest]
    return [_target(tensor, "normal", at, turns, tolerances)]


def _blocks(values: Values, *, most: int) -> tuple[Values, NDArray[np.int64]]:
    """The first blocks of 16 without zeros, and where their outputs begin.

    Where the size is no multiple of 16, the last 16 values come of outputs behind all others.
    """
    rest = values.size % TOGETHER
    kept = values.size - TOGETHER if rest else values.size
    whole = values[: min(kept // TOGETHER, 4096) * TOGETHER].reshape(-1, TOGETHER)
    telling = np.flatnonzero((whole != 0).all(axis=1))[:most]
    blocks, starts = whole[telling], telling * TOGETHER
    if telling.size < 2 and rest and values[-TOGETHER:].all():
        blocks = np.concatenate([blocks, values[None, -TOGETHER:]])
        starts = np.append(starts, values.size)
    return blocks, starts


def _location(mean: float, error: float) -> float:
    """The mean of the law: 0 or a tenth where the sample allows it, else the sample's own."""
    tenth = round(mean, 1)
    return next((likely for likely in (0.0, tenth) if abs(mean - likely) < error), mean)


def _target(
    tensor: int, drawn: Drawn, at: NDArray[np.int64], shares: Reals, tolerances: Reals
) -> Target:
    return Target(
        tensor=tensor,
        drawn=drawn,
        positions=at.astype(np.int64),
        digits=(np.rint(shares * WHOLE).astype(np.int64) % WHOLE).astype(np.uint32),
        tolerances=np.rint(tolerances * WHOLE).astype(np.uint32),
    )
