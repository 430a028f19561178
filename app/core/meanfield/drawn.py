"""Moments of every parameter of a network: of what draws it, or of its own values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from app.core.meanfield.step import WeightMoments
from app.core.meanfield.weights import moments_of_blocks, moments_of_law
from app.core.recipes import Recipe

NONE: Final[Mapping[str, WeightMoments]] = MappingProxyType({})


def drawn_moments(
    recipe: Recipe, own: Mapping[str, WeightMoments] = NONE
) -> dict[str, WeightMoments]:
    """Of every parameter that a recipe draws, and of the others' own values.

    Args:
        recipe: Of the network.
        own: By name, of the values of a file.

    Raises:
        NoRule: If theory knows nothing of one of the laws.
    """
    kept = {name: one for name, one in own.items() if name not in recipe.factors}
    kept |= {name: scaled(own[name], f) for name, f in recipe.factors.items() if name in own}
    whole = {name: moments_of_law(law) for name, law in recipe.laws.items()}
    packed = {name: moments_of_blocks(parts) for name, parts in recipe.packed.items()}
    return {**kept, **whole, **packed}


def scaled(moments: WeightMoments, factor: float) -> WeightMoments:
    """Of the values times a factor."""
    row = None if moments.row is None else moments.row * factor**2
    return replace(moments, mean=moments.mean * factor, second=moments.second * factor**2, row=row)
