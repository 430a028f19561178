"""Where a single network of finite width lies: the log-normal law of its signal's size.

At finite width the logarithm of a network's mean square is close to normal. Its mean is the
infinite-width value, so its median lies below: single networks are to be compared with the
median and its band, not with the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import optimize, special

SHARE: Final = 0.95  # of networks that a band holds
LOWER_HALF: Final = 0.75  # of networks below the mean, at which the mean is of no use
MISLEADING: Final = 2 * float(special.ndtri(LOWER_HALF))  # sd_log 1.349, as Φ(sd_log/2) = 3/4
EXPANDED: Final = 1.0  # sd_log to which the spread, a first-order expansion, is held against data
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_REACH: Final = 9.0  # standard deviations: beyond lies 1e-19 of a normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where a size lies: its median, and the ends that leave out as much on either side."""

    low: float
    median: float
    high: float


def median_rms(rms: float, sd_log: float) -> float:
    """The median of single networks' rms.

    Args:
        rms: Of infinite width: the root of the mean over networks of their mean squares.
        sd_log: Of the logarithm of a network's mean square, at least 0.

    Returns:
        `rms·exp(−sd_log²/4)`: of a log-normal q, the median is `E q · exp(−sd_log²/2)`.

    Source:
        Hanin and Nica, Products of many large random matrices and gradients in deep neural
        networks, 2018.
    """
    return rms * math.exp(-(sd_log**2) / 4)


def network_band(rms: float, sd_log: float, *, share: float = SHARE) -> Band:
    """Where a single network's rms lies.

    Args:
        rms: Of infinite width.
        sd_log: Of the logarithm of a network's mean square.
        share: Of networks inside, between 0 and 1.
    """
    return seeds_band(rms, sd_log, seeds=1, share=share)


def seeds_band(rms: float, sd_log: float, *, seeds: int, share: float = SHARE) -> Band:
    """Where the median of several networks' rms lies.

    Args:
        rms: Of infinite width.
        sd_log: Of the logarithm of a network's mean square.
        seeds: Networks, at least 1.
        share: Of such medians inside, between 0 and 1.
    """
    middle = median_rms(rms, sd_log)
    away = median_quantile(seeds, 1 - (1 - share) / 2) * sd_log / 2
    reach = math.exp(min(away, 700.0))
    return Band(low=middle / reach, median=middle, high=middle * reach)


@lru_cache(maxsize=256)
def median_quantile(count: int, probability: float) -> float:
    """A quantile of the median of so many independent standard normals.

    Args:
        count: At least 1; of an even number, the median is the mean of the middle two.
        probability: Between 0 and 1.

    Source:
        The middle of 2k+1 uniforms is Beta(k+1, k+1); Desu and Rodine, Estimation of the
        population median, 1969, for the mean of the middle two.
    """
    if probability < 0.5:
        return -median_quantile(count, 1 - probability)
    if count % 2:
        half = (count + 1) / 2
        tail = special.betaincinv(half, half, 1 - probability)  # the lower one has the digits
        return -float(special.ndtri(tail))
    return -float(optimize.brentq(lambda x: _even(count // 2, x) - (1 - probability), -_REACH, 0.0))


def _even(half: int, x: float) -> float:
    """How often the mean of the middle two of 2·half standard normals is below x."""
    t = -_REACH + (x + _REACH) / 2 * (1 + _NODES)
    weight = (x + _REACH) / 2 * _WEIGHTS * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    apart = special.ndtr(-t) ** half - special.ndtr(t - 2 * x) ** half
    scale = 2 * math.exp(-float(special.betaln(half, half)))
    return scale * float(weight @ (special.ndtr(t) ** (half - 1) * apart))


def misleads(sd_log: float) -> bool:
    """Whether the mean over networks says little of one: it lies above three of four of them."""
    return sd_log >= MISLEADING


def below_mean(sd_log: float) -> float:
    """The share of networks whose mean square lies below the mean: Φ(sd_log/2)."""
    return float(special.ndtr(sd_log / 2))
