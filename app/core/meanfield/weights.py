"""Moments of parameters: of the law that draws one, or of the values that it has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.core.blocks import Block
from app.core.distributions import Constant, Distribution, PositiveUniform
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.patterns import Diagonal, Sparse


def moments_of_law(law: Distribution) -> WeightMoments:
    """Of one value of a parameter, over its draws.

    Raises:
        NoRule: For laws that set values by their places: theory wants them drawn alike.
    """
    match law:
        case Constant():
            return WeightMoments(mean=law.value, second=law.value**2)
        case PositiveUniform():
            return WeightMoments(mean=law.mean, second=law.std**2 + law.mean**2)
        case Diagonal() | Sparse():
            raise NoRule(f"weights that are set by their places, as {law.law} does")
        case _:
            return WeightMoments(mean=0.0, second=law.std**2)


def moments_of_blocks(blocks: Sequence[tuple[Block, Distribution]]) -> WeightMoments:
    """Of one value of a packed parameter, over its blocks.

    Raises:
        NoRule: As `moments_of_law`.
    """
    sizes = np.array([block.stop - block.start for block, _ in blocks], dtype=np.float64)
    each = [moments_of_law(law) for _, law in blocks]
    shares = sizes / sizes.sum()
    return WeightMoments(
        mean=float(shares @ [one.mean for one in each]),
        second=float(shares @ [one.second for one in each]),
    )


def moments_of_values(values: NDArray[np.generic]) -> WeightMoments:
    """Of the values that a parameter has, in float64; non-finite ones are left out."""
    real = np.asarray(values, dtype=np.float64)
    finite = real[np.isfinite(real)]
    if not finite.size:
        return WeightMoments(mean=math.nan, second=math.nan)
    return WeightMoments(mean=float(finite.mean()), second=float(np.mean(finite**2)))
