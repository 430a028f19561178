"""How a quantity changes along the depth of a network: its factor a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

SMALLEST_NORMAL = 2.0**-14  # of float16, 6.1e-5


def factor_per_layer(values: Sequence[float | None]) -> float | None:
    """The factor by which values change from one layer to the next.

    Args:
        values: In order of depth; None, 0 and what is not finite is left out.

    Returns:
        `exp` of the least-squares slope of their logarithms; None of fewer than two values.
    """
    points = [
        (place, math.log(value))
        for place, value in enumerate(values)
        if value is not None and value > 0 and math.isfinite(value)
    ]
    if len(points) < 2:
        return None
    middle = sum(place for place, _ in points) / len(points)
    across = sum((place - middle) ** 2 for place, _ in points)
    slope = sum((place - middle) * height for place, height in points) / across
    return math.exp(max(-700.0, min(700.0, slope)))


def change(factor: float | None, layers: int) -> float:
    """What a factor a layer makes over so many layers; 1 where none is known."""
    if factor is None or layers < 2:
        return 1.0
    return math.exp(max(-700.0, min(700.0, math.log(factor) * (layers - 1))))
