"""The reader's own numbers in an explanation: fans, depth, and every law at these."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.core.defaults import layer_defaults
from app.core.distributions import Constant
from app.core.fans import Fans
from app.core.report import Candidate, DefaultLaw
from app.core.schemes import BY_ID, derivation, laws_at
from app.web.candidates import step_lines
from app.web.laws import Derivation
from app.web.wording import exact

FAN = 512
LAYERS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A layer of `fan_out` units of `fan_in` inputs, in a network of some depth."""

    fan_in: int = FAN
    fan_out: int = FAN
    layers: int = LAYERS

    @property
    def query(self) -> str:
        """The query string that asks for these numbers."""
        return f"?fan_in={self.fan_in}&fan_out={self.fan_out}&layers={self.layers}"

    @property
    def default(self) -> DefaultLaw:
        """What torch.nn.Linear draws its weight from."""
        return self._linear["weight"]

    @property
    def bias(self) -> DefaultLaw:
        """What torch.nn.Linear draws its bias from."""
        return self._linear["bias"]

    @property
    def _linear(self) -> dict[str, DefaultLaw]:
        return layer_defaults("Linear", {"in_features": self.fan_in, "out_features": self.fan_out})

    def law(self, scheme: str) -> Candidate:
        """One scheme of the catalogue at these fans, under its own name."""
        fans = Fans(fan_in=self.fan_in, fan_out=self.fan_out)
        laws = laws_at(shape=(self.fan_out, self.fan_in), fans=fans, default=self.default)
        found = next(law for law in laws if scheme in law.ids)
        drawn = found.distribution
        return Candidate(
            ids=(scheme,),
            names=(BY_ID[scheme].name,),
            law=drawn.law,
            formula=BY_ID[scheme].formula,
            bound=drawn.bound,
            std=drawn.std,
            value=drawn.value if isinstance(drawn, Constant) else None,
            std_ratio=None,
            outside=False,
            p_value=None,
            log_likelihood=None,
            rejected_by=None,
            reason=None,
        )

    def forward(self, std: float, *, kept: float = 0.5) -> float:
        """The factor by which a layer changes the RMS of its signal.

        Args:
            std: Of its weights.
            kept: Share of the mean square that the activation leaves: half by ReLU, 1 by none.

        Source:
            He et al. 2015, section 2.2: Var y = fan_in · Var w · E x².
        """
        return math.sqrt(self.fan_in * kept) * std

    def backward(self, std: float, *, kept: float = 0.5) -> float:
        """The same for the gradient, which comes from fan_out units."""
        return math.sqrt(self.fan_out * kept) * std

    def worked(self, scheme: str) -> Derivation:
        """A scheme's derivation in these numbers."""
        known = BY_ID[scheme]
        return Derivation(
            title=known.name,
            call=known.call,
            formula=known.formula,
            steps=step_lines(derivation(known, fan_in=self.fan_in, fan_out=self.fan_out)),
            remark="",
            source=known.source,
        )


def worked_default(law: DefaultLaw, title: str) -> Derivation:
    """A default's derivation, without the remark that the explanation itself makes."""
    return Derivation(
        title=title,
        call=law.call,
        formula=law.formula,
        steps=step_lines(law.steps),
        remark="",
        source=law.source,
    )


def short(value: float | None) -> str:
    """A number in a sentence."""
    return exact(value)
