"""A law times a number."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from app.core.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
)
from app.core.patterns import Diagonal, Sparse


def scaled(law: Distribution, factor: float) -> Distribution | None:
    """The law of the drawn values times a factor.

    Args:
        law: Of a weight.
        factor: At least 0; 0 gives zeros.

    Returns:
        None for identities and Dirac kernels, whose ones no law of theirs scales.
    """
    if factor == 0.0:
        return Constant(value=0.0)
    match law:
        case Uniform() | PositiveUniform():
            return replace(law, bound=law.bound * factor)
        case Normal() | Sparse():
            return replace(law, std=law.std * factor)
        case TruncatedNormal():
            return replace(law, parent=law.parent * factor)
        case Constant():
            return Constant(value=law.value * factor)
        case Orthogonal():
            return replace(law, gain=law.gain * factor)
        case Diagonal():
            return None
        case _:
            assert_never(law)
