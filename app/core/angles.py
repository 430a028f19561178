"""Pairs of normal values held against the angles and radii that torch's CPU generator can draw.

`normal_` of 16 values and more is Box and Muller's, in blocks of 16: values j and j + 8 of a block
are `r·cos θ` and `r·sin θ`. In float32 θ is 2π·k·2**-24, of which the AVX2 kernel rounds 2π first
and the scalar one does not, and `r² = -2σ²·ln(k'·2**-24)` with whole numbers k and k'. So a pair's
angle lies close to one of 2**24 known ones whatever σ is; with σ known k' is close to a whole
number where k' is small or almost 2**24, and rounding blurs the others.

A pair that is no draw lies within e steps of a known angle with odds of at most 2e. So the
distances of m such pairs, each in units s of a draw's own, have a sum of squares below S with odds
of at most the volume of the m-ball of radius √S times all s.

Source:
    torch 2.13, ATen/native/cpu/DistributionTemplates.h (normal_fill_16, normal_fill_16_AVX2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Values: TypeAlias = NDArray[np.float32]
Reals: TypeAlias = NDArray[np.float64]

BLOCK, HALF = 16, 8  # values of normal_ that are drawn together
STEPS: Final = 2.0**24  # to a full turn
SPREAD: Final = 0.2  # steps: rms distance of a draw's angle, times |sin θ·cos θ| (measured 0.19)
LEAST: Final = 0.006  # of it
# Over 2**22 draws of each kernel the largest distance stayed below 0.03 and 0.8·|sin θ·cos θ|.
FARTHEST: Final = (0.04, 1.0)
# The same for k', with u·ln(1/u) of u = k'·2**-24: rms 1.6, largest 6 times that.
BLURRED: Final = 0.05  # of u·ln(1/u), above which k' cannot be told
RADIUS_SPREAD: Final = (0.001, 1.6)
RADIUS_FARTHEST: Final = (0.02, 7.0)
NEAR_ZERO: Final = 0.06  # stds: as far as an inverse error function's places can be told
NEAR_PLACE: Final = 0.12  # of the distance between two of them
FIRST_LOOK: Final = 256  # pairs; those of no draw are almost always seen among them


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How closely pairs lie where draws do."""

    tested: int = 0
    inside: int = 0  # as close as a draw's
    bits: float = 0.0  # -log2 of the odds of distances so small by chance

    @property
    def complete(self) -> bool:
        """Whether all are as close as a draw's."""
        return self.inside == self.tested


def pairs_of(values: Values, *, most: int) -> tuple[Reals, Reals]:
    """Values j and j + 8 of the blocks that keep what was drawn: the last 16 are drawn again.

    Args:
        values: From the tensor's beginning, in the order in which they were drawn.
        most: Pairs, at most.
    """
    kept = values.size if values.size % BLOCK == 0 else max(values.size - BLOCK, 0)
    blocks = values[: min(kept // BLOCK * BLOCK, 2 * most)].reshape(-1, 2, HALF)
    doubles = blocks.astype(np.float64)
    first, second = doubles[:, 0].ravel(), doubles[:, 1].ravel()
    drawn = (first != 0) & (second != 0)  # a row of padding is no draw
    return first[drawn], second[drawn]


def angles(first: Reals, second: Reals) -> Agreement:
    """How the pairs' angles agree with those of the kernel that they fit better."""
    best = Agreement()
    for rounded_first in (True, False):
        look = _angles(first[:FIRST_LOOK], second[:FIRST_LOOK], rounded_first=rounded_first)
        if look.complete and first.size > FIRST_LOOK:
            look = _angles(first, second, rounded_first=rounded_first)
        if look.complete:
            return look
        best = max(best, look, key=lambda one: one.inside / max(one.tested, 1))
    return best


def radii(first: Reals, second: Reals, *, std: float) -> Agreement:
    """How the pairs' radii agree with those of draws of a std, a float32 number."""
    share = np.exp((first**2 + second**2) / (-2 * std**2))
    blur = -share * np.log(np.clip(share, 1e-300, 1.0))
    telling = blur < BLURRED
    places, blur = share[telling] * STEPS, blur[telling]
    drawn = (places > 0.5) & (places < STEPS - 0.5)  # k' is above 0, and below 2**24 where r > 0
    distances = np.where(drawn, np.abs(places - np.rint(places)), math.inf)
    limits = RADIUS_FARTHEST[0] + RADIUS_FARTHEST[1] * blur
    return _agreement(distances, limits, RADIUS_SPREAD[0] + RADIUS_SPREAD[1] * blur)


def _angles(first: Reals, second: Reals, *, rounded_first: bool) -> Agreement:
    turns = np.arctan2(second, first) / (2 * math.pi) % 1.0 * STEPS
    nearest = np.rint(turns)
    distances = np.full(turns.shape, math.inf)
    for apart in (-1, 0, 1):
        drawn = _drawn_angles((nearest + apart) % STEPS, rounded_first=rounded_first)
        away = np.abs(turns - drawn)
        distances = np.minimum(distances, np.minimum(away, STEPS - away))
    blur = np.abs(first * second) / (first**2 + second**2)
    limits = FARTHEST[0] + FARTHEST[1] * blur
    return _agreement(distances, limits, np.maximum(SPREAD * blur, LEAST))


def _drawn_angles(places: Reals, *, rounded_first: bool) -> Reals:
    """The float32 angle of each k, in steps."""
    shares = places / STEPS
    whole = float(np.float32(2 * math.pi)) if rounded_first else 2 * math.pi
    return (whole * shares).astype(np.float32).astype(np.float64) * (STEPS / (2 * math.pi))


def _agreement(distances: Reals, limits: Reals, spreads: Reals) -> Agreement:
    inside = int(np.count_nonzero(distances <= limits))
    count = distances.size
    squares = max(float(np.square(distances / spreads).sum()), 2.0**-20)
    volume = 0.5 * count * math.log2(math.pi * squares) - math.lgamma(0.5 * count + 1) / math.log(2)
    odds = volume + float(np.log2(spreads).sum())
    return Agreement(tested=count, inside=inside, bits=max(-odds, 0.0) if count else 0.0)


def inverse_errors(values: Values, *, std: float) -> Agreement:
    """How values agree with those that a uniform lattice leaves through the inverse error function.

    So does timm's `trunc_normal_`, and torch's before 2.13: `w = σ√2·erfinv(u)`, u of 2**24 places
    of (-1, 1). Near 0 rounding moves u by less than 0.05 of a place (measured over 5,000 values).

    Args:
        values: Any of a tensor, cut far from 0 or not at all.
        std: Before the cut, in weight units.
    """
    near = values[(np.abs(values) < NEAR_ZERO * std) & (values != 0)].astype(np.float64)
    places = erf(near / (std * math.sqrt(2))) * (STEPS / 2)
    inside = int(np.count_nonzero(np.abs(places - np.rint(places)) <= NEAR_PLACE))
    bits = -math.log2(2 * NEAR_PLACE) * near.size
    return Agreement(tested=near.size, inside=inside, bits=bits)
