"""A badge for a README: two words beside each other, the right one in the tone of a sign."""

from __future__ import annotations

import math
from html import escape
from typing import Final

from app.charts import svg
from app.charts.names import headed
from app.charts.style import LIGHT
from app.core.report import Sign

HEIGHT: Final = 20  # px
PAD: Final = 7
LETTERS: Final = 11  # px
LONGEST: Final = 60  # characters on the right
LABEL: Final = "init"
# Advance widths of DejaVu Sans Bold's and Verdana's 11 px letters, rounded up to half pixels: the
# text is stretched to exactly what is reserved for it, whatever font shows it.
NARROW: Final = {**dict.fromkeys("iljI.,:;!|'", 4.0), **dict.fromkeys("ftr()[]/ ·-", 4.5)}
WIDE: Final = {**dict.fromkeys("mwMW%@", 10.5), **dict.fromkeys("ABCDGHKNOQRUVXYZ✓≠✕~–", 8.5)}
USUAL: Final = 7.0


def text_width(text: str) -> float:
    """Room that a text takes in 11 px letters, px."""
    return float(sum(NARROW.get(sign, WIDE.get(sign, USUAL)) for sign in text))


def badge(message: str, sign: Sign, *, word: str) -> str:
    """The badge as SVG.

    Args:
        message: What stands on the right: "PyTorch default · 3 differ".
        sign: Whose tone it has.
        word: What the tone means, for those who do not see it.
    """
    shown = headed(message, LONGEST)
    left = math.ceil(text_width(LABEL)) + 2 * PAD
    right = math.ceil(text_width(shown)) + 2 * PAD
    clip = svg.element(
        "clipPath", svg.element("rect", width=left + right, height=HEIGHT, rx=4), id="round"
    )
    blocks = (
        svg.element("rect", width=left, height=HEIGHT, fill="#3f4650"),
        svg.element("rect", x=left, width=right, height=HEIGHT, fill=LIGHT.sign(sign)),
    )
    return svg.element(
        "svg",
        svg.element("title", escape(f"{LABEL}: {shown} ({word})", quote=False)),
        svg.element("defs", clip),
        svg.element("g", *blocks, clip_path="url(#round)"),
        _text(LABEL, start=PAD, room=left - 2 * PAD),
        _text(shown, start=left + PAD, room=right - 2 * PAD),
        xmlns="http://www.w3.org/2000/svg",
        width=left + right,
        height=HEIGHT,
        viewBox=f"0 0 {left + right} {HEIGHT}",
        role="img",
        aria_label=f"{LABEL}: {shown} ({word})",
        font_family="Verdana, 'DejaVu Sans', Geneva, sans-serif",
    )


def _text(content: str, *, start: float, room: float) -> str:
    return svg.text(
        content,
        x=start,
        y=14,
        fill="#ffffff",
        font_size=LETTERS,
        textLength=room,
        lengthAdjust="spacingAndGlyphs",
    )
