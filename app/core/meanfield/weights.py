"""Moments of parameters: of the law that draws one, or of the values that it has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.blocks import Block
from app.core.distributions import Constant, Distribution, PositiveUniform
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.patterns import Diagonal, Sparse

_BLOCK: Final = 2**20  # values


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


def shifted(moments: WeightMoments, *, factor: float, shift: float) -> WeightMoments:
    """Of `a w + b`, as norms that add 1 to their weight take theirs."""
    mean = factor * moments.mean
    second = factor**2 * moments.second + 2 * shift * mean + shift**2
    return WeightMoments(mean=mean + shift, second=second)


def moments_of_values(
    values: NDArray[np.generic], *, kind: str = "", groups: int = 1
) -> WeightMoments:
    """Of the values that a parameter has, in float64; non-finite ones are left out.

    Args:
        values: The parameter; its first axis counts outputs but where the kind says otherwise.
        kind: Class of its layer: of transposed convolutions the second axis counts the outputs of
            a group, of Conv1D the last.
        groups: Of a transposed convolution.

    Returns:
        Mean and mean square, and of matrices the mean square of an output's sum of weights divided
        by how many they are.
    """
    count, total, squares = 0, 0.0, 0.0
    for block in _blocks(np.asarray(values).reshape(-1)):
        finite = block[np.isfinite(block)]
        count, total = count + finite.size, total + float(finite.sum())
        squares += float(finite @ finite)
    if not count:
        return WeightMoments(mean=math.nan, second=math.nan)
    whole = count == values.size and values.ndim > 1
    row = _row(values, kind, groups) if whole else None
    return WeightMoments(mean=total / count, second=squares / count, row=row)


def _row(values: NDArray[np.generic], kind: str, groups: int) -> float:
    """`E (Σ_j w_ij)²/fan_in` over the outputs i."""
    if kind.startswith("ConvTranspose"):
        parts = values.reshape(groups, -1, *values.shape[1:])
        sums = np.stack([np.sum(part, axis=0, dtype=np.float64) for part in parts])
        sums = sums.reshape(*sums.shape[:2], -1).sum(axis=2)
    elif kind == "Conv1D":
        sums = np.sum(values.reshape(-1, values.shape[-1]), axis=0, dtype=np.float64)
    else:
        sums = np.sum(values.reshape(len(values), -1), axis=1, dtype=np.float64)
    fan_in = values.size / sums.size
    return float(np.mean(sums**2)) / float(fan_in)


def _blocks(flat: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    """The values some at a time, so that a large parameter is never held twice."""
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK].astype(np.float64)
