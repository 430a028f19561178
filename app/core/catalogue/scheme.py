"""One initialisation scheme: a law, and the number that its formula gives at a tensor's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.core.report import Law

Fan: TypeAlias = Literal["fan_in", "fan_out", "average", "fan_out/groups", "none"]
Quantity: TypeAlias = Literal[
    "layers",
    "place",
    "blocks",
    "width",
    "head_width",
    "fan_in",
    "fan_out",
    "ln(length)",
    "flat_fans",
]

UNIFORM_AND_NORMAL: tuple[Law, Law] = ("uniform", "normal")
TORCH = "torch.nn.init, torch 2.13"
KERAS = "keras.initializers, Keras 3.15"
JAX = "jax.nn.initializers, JAX 0.10"
CUT = 2.0  # parent sigmas at which JAX, Keras and TensorFlow truncate


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A quantity of the model that divides a scheme's number, and its power."""

    quantity: Quantity
    exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to draw a tensor.

    With a fan, the std is `gain / √fan`; `average` is (fan_in + fan_out)/2. Without one, `scale`
    is the law's own parameter: a uniform's bound, a normal's std, a truncated normal's std before
    the cut, a constant's value. Either is divided by the quantities in `over`. Orthogonal uses
    the gain and the shape; identity and dirac the shape; sparse the scale of what is not zero.
    """

    id: str
    name: str
    law: Law
    formula: str
    call: str
    source: str = TORCH
    fan: Fan = "none"
    gain: float = 1.0
    gain_text: str = "1"
    any_gain: bool = False  # an orthogonal law whose gain the data set
    scale: float = 0.0
    over: tuple[Over, ...] = ()
    cut: float = CUT  # parent sigmas, of a truncated normal
    clamp: float | None = None  # |value| to which an overflowing inverse of the draw is clamped
    parts: frozenset[str] = frozenset()  # where it applies, as `context.Site.parts`; empty: all
    rarity: int = 1  # 0 the usual choice, 1 common, 2 rare: orders schemes the data cannot part


def fixed(
    law: Law,
    scale: str,
    *,
    source: str = TORCH,
    parts: frozenset[str] = frozenset(),
    rarity: int = 1,
) -> Scheme:
    """A uniform or normal whose bound or std is one number at every shape."""
    uniform = law == "uniform"
    call = f"uniform_(w, -{scale}, {scale})" if uniform else f"normal_(w, std={scale})"
    return Scheme(
        id=f"{law}({scale})",
        name=f"Uniform ±{scale}" if uniform else f"Normal {scale}",
        law=law,
        formula=f"U(±{scale})" if uniform else f"N(0, {scale})",
        call=f"nn.init.{call}",
        source=source,
        scale=float(scale),
        parts=parts,
        rarity=rarity,
    )


def positive(top: str, *, call: str, source: str, rarity: int = 2) -> Scheme:
    """A uniform between 0 and one number at every shape."""
    return Scheme(
        id=f"uniform[0,{top})",
        name=f"Uniform 0 to {top}",
        law="positive_uniform",
        formula=f"U[0, {top})",
        call=call,
        source=source,
        scale=float(top),
        rarity=rarity,
    )


def truncated(
    std: str, *, cut: float = CUT, source: str, parts: frozenset[str] = frozenset()
) -> Scheme:
    """A normal of a fixed std before the cut at ±cut sigmas."""
    edge = cut * float(std)
    return Scheme(
        id=f"truncated_normal({std},±{cut:g}σ)",
        name=f"Truncated normal {std}, cut at ±{cut:g}σ",
        law="truncated_normal",
        formula=f"N(0, {std}) cut at ±{cut:g}σ = ±{edge:.4g}",
        call=f"nn.init.trunc_normal_(w, std={std}, a={-edge:g}, b={edge:g})",
        source=source,
        scale=float(std),
        cut=cut,
        parts=parts,
        rarity=2,
    )


def constant(
    value: str,
    *,
    name: str = "",
    source: str = TORCH,
    parts: frozenset[str] = frozenset(),
    rarity: int = 1,
) -> Scheme:
    """Every value alike."""
    return Scheme(
        id=f"constant({value})",
        name=name or f"constant {value}",
        law="constant",
        formula=f"every value {value}",
        call=f"nn.init.constant_(w, {value})",
        source=source,
        scale=float(value),
        parts=parts,
        rarity=rarity,
    )
