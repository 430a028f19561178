"""What a network is to be drawn from, and what is to change in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

PLAN: Final = "plan"  # the series of a plan, beside ids of the catalogue and "checkpoint"

LayerKind: TypeAlias = Literal[
    "linear", "convolution", "recurrent", "attention", "embedding", "norm"
]
LAYER_KINDS: Final[tuple[LayerKind, ...]] = (
    "linear",
    "convolution",
    "recurrent",
    "attention",
    "embedding",
    "norm",
)
Normalisation: TypeAlias = Literal["none", "BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the layers of one kind are drawn from."""

    scheme: str | None = None  # an id of the catalogue; None: the plan's base draws them
    gain: float = 1.0  # times the drawn weights
    bias: float | None = None  # the constant of their biases; None: what the base gives them


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to draw, and what to change."""

    base: str = "torch_default"  # the scheme of everything that no choice speaks of
    choices: Mapping[LayerKind, Choice] = field(default_factory=dict)
    activation: str | None = None  # takes the place of every activation, by its torch.nn class
    normalisation: Normalisation | None = None  # takes the place of every one; None: as built
    branch: float | None = None  # times the last weight of each residual branch; 0: zero
