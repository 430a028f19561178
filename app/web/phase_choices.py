"""What the phase view's address asks for: an activation, a layer, and whose layers to show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.core.activations import INTERCHANGEABLE
from app.core.meanfield.nonlinear.nonlinearities import names
from app.core.schemes import BY_ID

ACTIVATIONS: Final = (*(name for name in INTERCHANGEABLE if name in names()), "erf", "sin")
USUAL: Final = "Tanh"
ASSUMED: Final = "ReLU"  # of a file that does not tell
LARGEST: Final = 100.0  # σ
OWN: Final = "own"  # the values of the file instead of a scheme
_BY_LOWER: Final = {name.lower(): name for name in ACTIVATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChoices:
    """The state of the page; None and "" are left to what is shown."""

    act: str = ""  # a torch.nn class
    sigma_w: float | None = None
    sigma_b: float | None = None
    scheme: str = ""  # an id of the catalogue, or OWN

    def query(self) -> str:
        """The query string of this state, with what is left out left out."""
        pairs = [
            ("act", self.act),
            ("sw", "" if self.sigma_w is None else f"{self.sigma_w:g}"),
            ("sb", "" if self.sigma_b is None else f"{self.sigma_b:g}"),
            ("scheme", self.scheme),
        ]
        told = [(name, value) for name, value in pairs if value]
        return f"?{urlencode(told)}" if told else ""


def phase_choices(fields: QueryParams) -> PhaseChoices:
    """The state that a query asks for; a nonsense value is left out."""
    scheme = fields.get("scheme", "")
    return PhaseChoices(
        act=_BY_LOWER.get(fields.get("act", "").lower(), ""),
        sigma_w=_size(fields.get("sw", ""), least=0.01),
        sigma_b=_size(fields.get("sb", ""), least=0.0),
        scheme=scheme if scheme == OWN or scheme in BY_ID else "",
    )


def _size(text: str, *, least: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return min(max(value, least), LARGEST) if math.isfinite(value) else None
