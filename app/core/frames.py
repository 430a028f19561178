"""Orthogonal laws against a matrix whose products are known."""

from __future__ import annotations

from typing import TypeGuard

from app.core.distributions import Orthogonal
from app.core.matrix import Orthogonality
from app.core.wording import number

GAIN_TOLERANCE = 2e-3  # bfloat16's 2⁻⁹ a value, over the root of at least 16 values, four times
FEWEST = 4  # lines; two or three of a random draw may be orthogonal by chance


def is_frame(found: Orthogonality | None) -> TypeGuard[Orthogonality]:
    """Whether the lines are orthogonal and too many to be so by chance."""
    return found is not None and found.fits and found.lines >= FEWEST


def no_draw(found: Orthogonality) -> str:
    """Why a law of independent values is out of the question."""
    return f"the {found.side} are orthogonal and equally long, as no independent draws are"


def orthogonal_test(law: Orthogonal, found: Orthogonality) -> tuple[str | None, str]:
    """Which test excludes an orthogonal law, and the sentence behind it or behind its standing.

    Args:
        law: With its gain.
        found: What the products of the tensor's lines say.
    """
    if not found.fits:
        return "rows" if found.side == "rows" else "columns", found.told
    away = 0.0 if law.any_gain else abs(found.gain / law.gain - 1)
    if away > min(found.tolerance, GAIN_TOLERANCE):
        return "scale", f"the gain is {number(found.gain)}, not {number(law.gain)}"
    return None, f"{found.told}; the gain is {number(found.gain)}"
