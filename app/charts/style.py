"""The palette, the signs and the scheme families: how everything drawn looks, in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from app.core.report import Law, Sign

Family: TypeAlias = Literal[
    "pytorch", "kaiming", "xavier", "lecun", "normal", "constant", "no_match"
]
Theme: TypeAlias = Literal["light", "dark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """One colour for each role, as CSS accepts it; the names are app.css's variables."""

    page: str
    ink: str
    quiet: str
    line: str
    hair: str
    measured: str
    heat: str
    pytorch: str
    kaiming: str
    xavier: str
    lecun: str
    normal: str
    constant: str
    good: str
    differs: str
    no_match: str
    problem: str
    unjudged: str

    def family(self, family: Family) -> str:
        """The hue of a scheme family; a tensor that no scheme fits is drawn in ink."""
        return self.ink if family == "no_match" else str(getattr(self, family))

    def sign(self, sign: Sign) -> str:
        """The tone of a tensor's sign."""
        return str(getattr(self, SIGN_TONES[sign]))


# Found by search: Lab distance of any two scheme hues at least 34 in normal, deuteranope,
# protanope and tritanope vision; marks at least 3:1 and text 4.5:1 against the page.
LIGHT = Palette(
    page="#ffffff",
    ink="#1b1f24",
    quiet="#57606b",
    line="#d1d7de",
    hair="#e6e9ed",
    measured="#a9afb6",
    heat="#264a73",
    pytorch="#264a73",
    kaiming="#e66419",
    xavier="#12a197",
    lecun="#b730e8",
    normal="#604820",
    constant="#6c757f",
    good="#006b56",
    differs="#8a4b00",
    no_match="#0b57a4",
    problem="#a31515",
    unjudged="#57606b",
)
DARK = Palette(
    page="#0f1216",
    ink="#e8ecf1",
    quiet="#9da7b3",
    line="#3a414b",
    hair="#272d36",
    measured="#525c68",
    heat="#7cc0f5",
    pytorch="#bacef7",
    kaiming="#d2692d",
    xavier="#25f4a8",
    lecun="#cb55f6",
    normal="#f2d70d",
    constant="#8b949e",
    good="#5fd0b0",
    differs="#f0ad4e",
    no_match="#7fbaf5",
    problem="#ff8a80",
    unjudged="#9da7b3",
)
PALETTES: dict[str, Palette] = {"light": LIGHT, "dark": DARK}

# The same roles as the page's own CSS variables: a drawing inside HTML follows the theme.
VARIABLES = Palette(
    **{item.name: f"var(--{item.name.replace('_', '-')})" for item in fields(Palette)}
)

SIGN_TONES: dict[Sign, str] = {
    "as_expected": "good",
    "differs": "differs",
    "no_match": "no_match",
    "problem": "problem",
    "not_judged": "unjudged",
}
SIGN_ICONS: dict[Sign, str] = {
    "as_expected": "✓",
    "differs": "≠",
    "no_match": "~",
    "problem": "✕",
    "not_judged": "–",
}
SIGN_WORDS: dict[Sign, str] = {
    "as_expected": "as expected",
    "differs": "differs",
    "no_match": "no match",
    "problem": "problem",
    "not_judged": "not judged",
}
EXCEPTIONS: tuple[Sign, ...] = ("no_match", "differs", "problem")  # mildest first

FAMILY_WORDS: tuple[tuple[str, Family], ...] = (
    ("torch_default", "pytorch"),
    ("kaiming", "kaiming"),
    ("he_", "kaiming"),
    ("xavier", "xavier"),
    ("glorot", "xavier"),
    ("orthogonal", "xavier"),
    ("lecun", "lecun"),
)


def family(scheme: str | None, law: Law | None = None) -> Family:
    """The colour family of a scheme id: "kaiming_normal(fan_out,relu)" is "kaiming".

    Args:
        scheme: A scheme id, or None when no scheme fits.
        law: The scheme's law where known; a constant is grey whatever its name.
    """
    if scheme is None:
        return "no_match"
    if law == "constant" or scheme in {"zeros", "ones"} or scheme.startswith("constant"):
        return "constant"
    for word, hue in FAMILY_WORDS:
        if word in scheme:
            return hue
    return "normal"
