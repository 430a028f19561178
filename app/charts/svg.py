"""The few pieces every SVG is made of: elements, text, ticks and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

MINUS = "−"
FONT = "system-ui, sans-serif"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(value: float) -> str:
    """A coordinate in at most two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(name: str, *children: str, **attributes: str | float) -> str:
    """One element; `stroke_width=2` becomes `stroke-width="2"`, values are escaped."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
    )
    inner = "".join(children)
    return f"<{name}{pairs}>{inner}</{name}>" if inner else f"<{name}{pairs}/>"


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else written(value)


def text(content: str, **attributes: str | float) -> str:
    """A text element of 11 px, its content escaped and kept from reordering its neighbours."""
    attributes.setdefault("font_size", 11)
    return element("text", escape(content, quote=False), unicode_bidi="isolate", **attributes)


def document(width: float, height: float, *children: str, label: str) -> str:
    """A whole drawing with a sentence for those who do not see it."""
    return element(
        "svg",
        element("title", escape(label, quote=False)),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {written(width)} {written(height)}",
        role="img",
        aria_label=label,
        font_family=FONT,
    )


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Path data through the points."""
    return "M" + "L".join(f"{written(x)} {written(y)}" for x, y in points)


def tick_step(span: float, count: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that gives at most `count` steps."""
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))


def ticks(low: float, high: float, *, count: int) -> tuple[float, ...]:
    """Round values from `low` to `high`, at most `count` steps apart; none on an empty span."""
    if not (math.isfinite(high - low) and high > low):
        return ()
    step = tick_step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def tick_label(value: float, step: float) -> str:
    """A tick in the decimals its step needs; powers of ten beyond ±5 digits."""
    if value == 0 or abs(value) < step * 1e-6:
        return "0"
    if abs(value) >= 1e6 or step < 1e-5:
        power = math.floor(math.log10(abs(value)))
        mantissa = f"{value / 10.0**power:.3g}".replace("-", MINUS)
        return f"{mantissa}·10{str(power).translate(SUPERSCRIPTS)}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten from `low` to `high` with their labels; 1, 2 and 5 of each where few fit."""
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    inside = [power for power in range(first, last + 1) if low <= 10.0**power]
    if len(inside) > 2:
        stride = max(1, len(inside) // 6)
        return [(10.0**power, power_label(power)) for power in inside[::stride]]
    values = [times * 10.0**power for power in range(first, last + 1) for times in (1, 2, 5)]
    return [(value, f"{value:g}") for value in values if low <= value <= high]


def power_label(power: int) -> str:
    """10 to a whole power: "10⁻⁸"; 1 and 10 as they are."""
    return {0: "1", 1: "10"}.get(power, f"10{str(power).translate(SUPERSCRIPTS)}")
