"""A tensor's values as known bits of the generator's outputs, to be solved for its state.

An untouched uniform tensor tells 24 bits of every output, a normal one the upper 20 of most outputs
that an angle came from. After a small step only the uppermost are left, of more values, and only
of those that lie clear of the edge between two patterns of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.certificates import lattice_bound, normal_draw
from app.core.compiled import prepare
from app.core.generator import TOGETHER, Drawn
from app.core.recovery import Seeding, seeding_of
from app.core.targets import HALF, Sought, is_flat

Words: TypeAlias = NDArray[np.uint32]
Reals: TypeAlias = NDArray[np.float64]

OUTPUT_BITS: Final = 24
ROUNDED: Final = 1.5 * 2.0**-24  # turns by which rounding may shift an angle (measured 1.2)
UNKNOWN: Final = -1.0  # in the place of a share that no value tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many of each output's upper bits to trust, and how many outputs that takes."""

    bits: int
    margin: float  # of the range, or in turns: distance from the edge that a value must keep
    uniform: int  # outputs that give the full rank, measured, and some more
    normal: int

    def outputs(self, drawn: Drawn) -> int:
        """Outputs needed of a tensor drawn in this way."""
        return self.uniform if drawn == "uniform" else self.normal


UNTOUCHED_UNIFORM: Final = Plan(bits=24, margin=0.0, uniform=1260, normal=0)
UNTOUCHED_NORMAL: Final = Plan(bits=18, margin=ROUNDED, uniform=0, normal=4200)
MOVED: Final = (
    Plan(bits=4, margin=0.008, uniform=7600, normal=15200),
    Plan(bits=3, margin=0.02, uniform=10800, normal=21600),
)
MOVED_SMALL: Final = Plan(bits=6, margin=0.0016, uniform=5800, normal=11600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A tensor's seed and place."""

    tensor: int  # which of the sought
    drawn: Drawn
    seeding: Seeding


def untouched(sought: Sequence[Sought], order: Sequence[int], *, limit: int) -> Iterator[Solved]:
    """Seeds of tensors that are draws bit for bit.

    Args:
        sought: Tensors.
        order: Which of them to look at, in turn.
        limit: Most outputs that may have been drawn before.
    """
    prepare()
    for at in order:
        values = sought[at].values
        drawn: Drawn = "uniform"
        shares, plan = np.empty(0), UNTOUCHED_UNIFORM
        if values.size >= UNTOUCHED_UNIFORM.uniform and is_flat(values):
            bound = lattice_bound(values, bounds=sought[at].bounds)
            if bound is not None:
                part = values[: plan.uniform].astype(np.float64)
                shares = (np.rint(part / bound * 2**23) + 2**23) / 2**24
        elif values.size >= UNTOUCHED_NORMAL.normal and normal_draw(values):
            drawn, plan = "normal", UNTOUCHED_NORMAL
            shares = _angle_shares(values[: plan.normal])
        if shares.size:
            margins = np.full(shares.size, plan.margin)
            yield from _solved(at, drawn, _known(shares, plan.bits, margins), limit)


def moved(sought: Sequence[Sought], order: Sequence[int], *, limit: int) -> Iterator[Solved]:
    """Seeds of tensors that a small step may have moved: see `untouched`."""
    prepare()
    for at in order:
        tensor = sought[at]
        drawn: Drawn = "uniform" if is_flat(tensor.values) else "normal"
        for plan in _plans(tensor, drawn):
            shares, margins = _loose(tensor, plan.outputs(drawn), plan.margin)
            yield from _solved(at, drawn, _known(shares, plan.bits, margins), limit)


def solvable(tensor: Sought) -> bool:
    """Whether a tensor has values enough to be solved for even after a step."""
    return bool(_plans(tensor, "uniform" if is_flat(tensor.values) else "normal"))


def _plans(tensor: Sought, drawn: Drawn) -> list[Plan]:
    """Those that a tensor has enough values for."""
    size = tensor.values.size
    found = [plan for plan in MOVED if plan.outputs(drawn) <= size]
    small = MOVED_SMALL if MOVED_SMALL.outputs(drawn) <= size else None
    return found or ([small] if small else [])


def _solved(at: int, drawn: Drawn, known: tuple[Words, Words], limit: int) -> Iterator[Solved]:
    seeding = seeding_of(*known, limit=limit)
    if seeding is not None:
        yield Solved(tensor=at, drawn=drawn, seeding=seeding)


def _known(shares: Reals, bits: int, margins: Reals) -> tuple[Words, Words]:
    """Masks and values of the outputs' upper bits, where a share lies clear of the edges."""
    cells = shares * 2**bits
    lower = np.floor(cells)
    clear = margins * 2**bits
    sure = (shares != UNKNOWN) & (cells - lower >= clear) & (lower + 1 - cells > clear)
    if bits == OUTPUT_BITS:
        sure = shares != UNKNOWN
    mask = np.uint32((2**bits - 1) << (OUTPUT_BITS - bits))
    values = (lower.astype(np.int64) % 2**bits << (OUTPUT_BITS - bits)).astype(np.uint32)
    masks = np.where(sure, mask, np.uint32(0)).astype(np.uint32)
    return masks, values & masks


def _loose(tensor: Sought, count: int, margin: float) -> tuple[Reals, Reals]:
    values = tensor.values[:count].astype(np.float64)
    if not is_flat(tensor.values):
        shares = _angle_shares(tensor.values[:count])
        blocks = values[: values.size // TOGETHER * TOGETHER].reshape(-1, 2, HALF)
        radii = np.hypot(blocks[:, 0], blocks[:, 1]) / max(float(values.std()), 1e-30)
        margins = np.repeat((margin / 2 / np.maximum(radii, 1e-9))[:, None, :], 2, axis=1)
        return shares, margins.reshape(-1)
    largest = float(np.abs(tensor.values).max())
    known = [bound for bound in tensor.bounds if 0.95 * bound < largest < 1.05 * bound]
    bound = min(known, key=lambda one: abs(one - largest), default=largest)
    shares = np.clip((values / bound + 1) / 2, 0.0, 1 - 2.0**-24)
    shares[values == 0] = UNKNOWN
    return shares, np.full(shares.size, margin)


def _angle_shares(values: NDArray[np.float32]) -> Reals:
    """For each value of whole blocks the turn of the pair whose second it is; first are unknown."""
    blocks = values[: values.size // TOGETHER * TOGETHER].astype(np.float64).reshape(-1, 2, HALF)
    turns = np.arctan2(blocks[:, 1], blocks[:, 0]) / (2 * math.pi) % 1.0
    turns[(blocks == 0).any(axis=1)] = UNKNOWN
    return np.stack([np.full(turns.shape, UNKNOWN), turns], axis=1).reshape(-1)
