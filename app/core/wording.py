"""How a number is written in a sentence: short, never rounded into a claim that is not true."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """The value with four significant digits: `0.04419`, `1`, `1.2e-07`."""
    return f"{value:.4g}"


def count(value: int) -> str:
    """The count with thousands separated: `262,144`."""
    return f"{value:,}"


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """The count and its noun in the right number: `1 tensor`, `3 tensors`."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def share(part: float) -> str:
    """A share of 1 as a percentage that is rounded down, so that 100 % means all of it.

    Args:
        part: Between 0 and 1.

    Returns:
        As many decimals as the distance from 1 needs, at most 8: `99.99966 %`.
    """
    if part >= 1:
        return "100 %"
    decimals = min(8, max(2, math.ceil(-math.log10(1 - part)) - 1))
    scale = 10**decimals
    return f"{math.floor(part * 100 * scale) / scale:.{decimals}f} %"


def probability(value: float) -> str:
    """A p-value: `p = 0.03`, `p = 1.2e-07`, `p < 1e-99`."""
    return "p < 1e-99" if value < 1e-99 else f"p = {value:.2g}"


def factor(value: float) -> str:
    """A ratio with three significant digits: `×3.00`, `×0.577`, `×12.3`."""
    if not 1e-3 <= value < 1e4:
        return f"×{value:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(value)))
    return f"×{value:.{decimals}f}"


def listed(names: list[str], *, most: int = 3) -> str:
    """The first names, and how many more there are: `a, b, c and 4 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"
