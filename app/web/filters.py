"""How numbers, sizes and times are written for people: the filters of every template."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

NONE = "–"
MINUS = "−"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
COUNT_UNITS = ("", " k", " M", " G", " T", " P")
BYTE_UNITS = (" B", " kB", " MB", " GB", " TB", " PB")


def _scaled(value: float, units: tuple[str, ...]) -> str:
    size, step = abs(value), 0
    while size >= 999.95 and step < len(units) - 1:  # 999.95 would be written as 1000.0
        size, step = size / 1000, step + 1
    text = f"{size:.0f}" if step == 0 else f"{size:.1f}"
    return f"{MINUS if value < 0 else ''}{text}{units[step]}"


def count(value: int | None) -> str:
    """262144 as "262.1 k"; below a thousand every digit."""
    return NONE if value is None else _scaled(value, COUNT_UNITS)


def size(value: int | None) -> str:
    """41600000 bytes as "41.6 MB", in powers of 1000."""
    return NONE if value is None else _scaled(value, BYTE_UNITS)


def integer(value: int | None) -> str:
    """102549120 as "102,549,120"."""
    return NONE if value is None else f"{value:,}".replace("-", MINUS)


def number(value: float | None, digits: int = 4) -> str:
    """A measured value in `digits` significant digits: "0.04419", "−1.5 × 10⁻⁹"."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -5 < power < max(digits, 6):
        return f"{value:.{max(digits - 1 - power, 0)}f}".replace("-", MINUS)
    return f"{mantissa} × 10{str(power).translate(SUPERSCRIPTS)}".replace("-", MINUS)


def percent(share: float | None, digits: int = 3) -> str:
    """A share of 1 as "12.3 %"; what is not all never reads as 100 %, nor some as 0 %."""
    if share is None or math.isnan(share):
        return NONE
    if share in {0, 1}:
        return f"{share * 100:.0f} %"
    hundred = 100 * share
    if 0 < hundred < 0.001:
        return "< 0.001 %"
    if share < 1 and float(f"{hundred:.{digits}g}") >= 100:
        return "> 99.9 %" if hundred < 99.99 else "> 99.99 %"
    return f"{number(hundred, digits)} %"


def shape(axes: tuple[int, ...] | list[int]) -> str:
    """(512, 784) as "512 × 784"; a tensor without axes is a "scalar"."""
    return " × ".join(str(axis) for axis in axes) or "scalar"


def plural(value: int, noun: str, nouns: str = "") -> str:
    """1 as "1 tensor", 320 as "320 tensors"."""
    return f"{integer(value)} {noun if value == 1 else nouns or noun + 's'}"


def moment(value: datetime | None) -> str:
    """A point in time as "3 May 2026, 14:05 UTC"."""
    if value is None:
        return NONE
    known = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{known.day} {known:%b %Y, %H:%M} UTC"


def isoformat(value: datetime | None) -> str:
    """A point in time for a `<time datetime>` attribute."""
    if value is None:
        return ""
    return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).isoformat()


def ago(value: datetime | None, *, now: datetime | None = None) -> str:
    """How long ago in one unit: "just now", "5 min ago", "3 days ago"."""
    if value is None:
        return NONE
    known = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    minutes = int(((now or datetime.now(UTC)) - known).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60)} days ago"


FILTERS: dict[str, Callable[..., str]] = {
    "count": count,
    "bytes": size,
    "integer": integer,
    "number": number,
    "percent": percent,
    "shape": shape,
    "plural": plural,
    "moment": moment,
    "isoformat": isoformat,
    "ago": ago,
}
