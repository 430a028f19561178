"""Numbers as Python writes them, exact to ten digits and recognisable where they are roots."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

_CLOSE: Final = 1e-12
_DIGITS: Final = 10  # a relative error of 5e-11, far below what any tensor can tell


def literal(value: float) -> str:
    """The value as an expression that stands alone or as an argument: `2**0.5`, `5 / 3`, `0.02`.

    Args:
        value: Finite.
    """
    short = f"{value:.6g}"
    if math.isclose(float(short), value, rel_tol=_CLOSE):
        return _pointed(short)
    return _ratio(value) or _root(value) or f"{value:.{_DIGITS}g}"


def factor(value: float) -> str:
    """The value as a factor of a product or the numerator of a quotient."""
    text = literal(value)
    return f"({text})" if "/" in text else text


def over_root(value: float, name: str) -> str:
    """The value over the root of a variable: `1.5 / fan_in**0.5`, `(2.0 / fan_in) ** 0.5`."""
    text = literal(value)
    if any(mark in text for mark in "*/"):
        return f"({factor(value * value)} / {name}) ** 0.5"
    return f"{text} / {name}**0.5"


def _pointed(text: str) -> str:
    """A float's own form: 1 is 1.0, 1e-06 stays."""
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def _ratio(value: float) -> str | None:
    found = Fraction(value).limit_denominator(64)
    if found.numerator and math.isclose(float(found), value, rel_tol=_CLOSE):
        return f"{found.numerator} / {found.denominator}"
    return None


def _root(value: float) -> str | None:
    if value <= 0:
        return None
    found = Fraction(value * value).limit_denominator(64)
    if not found.numerator or not math.isclose(float(found), value * value, rel_tol=_CLOSE):
        return None
    if found.denominator == 1:
        return f"{found.numerator}**0.5"
    return f"({found.numerator} / {found.denominator}) ** 0.5"
