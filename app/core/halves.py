"""Uniform draws on one side of zero, which no symmetric law describes."""

from __future__ import annotations

import math

from app.core.statistics import Sketch
from app.core.wording import number

FEW = 30  # values below which flatness is not judged
REACH = 1.95  # Kolmogorov's √n·D at 0.001
TOPS = {1.0: "nn.init.uniform_(w)", 0.01: "jax.nn.initializers.uniform()"}
_AT = (0.05, 0.25, 0.5, 0.75, 0.95)


def one_sided(sketch: Sketch) -> str | None:
    """That values lie flat between 0 and the bound a library uses when none is given.

    Args:
        sketch: Of all values.
    """
    if (
        sketch.finite < FEW
        or sketch.constant is not None
        or sketch.minimum is None
        or sketch.minimum < 0
    ):
        return None
    for top, call in TOPS.items():
        if _flat(sketch, top):
            return (
                f"Flat between 0 and {number(top)}: consistent with {call}, which draws from "
                f"U[0, {number(top)}) unless bounds are given. Every value is positive."
            )
    return None


def _flat(sketch: Sketch, top: float) -> bool:
    """Whether five quantiles and the ends lie where a uniform law has them, at 0.001."""
    if sketch.maximum is None or not 0 < top - sketch.maximum < 20 * top / sketch.finite:
        return False
    slack = REACH / math.sqrt(sketch.finite)
    return all(abs((sketch.quantile(p) or 0.0) / top - p) < slack for p in _AT)
