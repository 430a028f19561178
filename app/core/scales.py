"""The number a scheme's formula gives at one tensor, and the law of that number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from app.core.catalogue import Quantity, Scheme
from app.core.context import Site
from app.core.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
    truncated_std,
)
from app.core.fans import Fans
from app.core.patterns import Diagonal, Sparse

# Axes that the laws of a whole shape need, at least and at most.
AXES = {"orthogonal": (2, 64), "identity": (2, 2), "sparse": (2, 2), "dirac": (3, 5)}


def applies(scheme: Scheme, site: Site) -> bool:
    """Whether a scheme is drawn at such a place at all, and differs there from its like."""
    if scheme.fan == "fan_out/groups" and site.groups == 1:
        return False
    return not scheme.parts or bool(scheme.parts & site.parts)


def distribution(
    scheme: Scheme, *, fans: Fans | None, shape: Sequence[int], site: Site | None = None
) -> Distribution | None:
    """The law a scheme draws at this shape.

    Args:
        scheme: Of the catalogue.
        fans: By torch's convention; None where they are unknown or undefined.
        shape: The tensor's.
        site: Its place in the model; None where unknown.

    Returns:
        None where the scheme needs fans, a matrix or a number of the model that is not there.
    """
    if scheme.law in AXES:
        least, most = AXES[scheme.law]
        fits = least <= len(shape) <= most and math.prod(shape) > 0
        return _placed(scheme, shape) if fits else None
    return scaled(scheme, fans, site or Site(), shape)


def _placed(scheme: Scheme, shape: Sequence[int]) -> Distribution:
    """A law of the whole shape."""
    rows = shape[0]
    columns = math.prod(shape) // rows
    match scheme.law:
        case "sparse":
            return Sparse(std=scheme.scale)
        case "identity":
            return Diagonal(rows=rows, columns=columns)
        case "dirac":
            return Diagonal(rows=rows, columns=columns, taps=columns // shape[1], law="dirac")
        case _:
            return Orthogonal(
                gain=scheme.gain, rows=rows, columns=columns, any_gain=scheme.any_gain
            )


def scaled(
    scheme: Scheme, fans: Fans | None, site: Site, shape: Sequence[int]
) -> Distribution | None:
    """The law of any scheme but an orthogonal one; None where a number is missing."""
    value = parameter(scheme, fans, site, shape)
    if value is None:
        return None
    fanned = scheme.fan != "none"
    match scheme.law:
        case "uniform":
            return Uniform(bound=math.sqrt(3) * value if fanned else value)
        case "positive_uniform":
            return PositiveUniform(bound=math.sqrt(12) * value if fanned else value)
        case "normal":
            return Normal(std=value)
        case "truncated_normal":
            parent = value / truncated_std(scheme.cut) if fanned else value
            return TruncatedNormal(parent=parent, cut=scheme.cut)
        case "constant":
            return Constant(value=value)
        case "orthogonal" | "identity" | "dirac" | "sparse":
            msg = f"a scheme of law {scheme.law} takes it from the shape"
            raise ValueError(msg)
        case _:
            assert_never(scheme.law)


def parameter(scheme: Scheme, fans: Fans | None, site: Site, shape: Sequence[int]) -> float | None:
    """`gain/√fan`, or `scale` without a fan, over the model's quantities.

    Returns:
        The std of a scheme with a fan, else its law's own parameter; None where the fans or a
        quantity are not known.
    """
    if scheme.fan == "none":
        base = scheme.scale
    elif fans is None:
        return None
    else:
        base = scheme.gain / math.sqrt(fan_of(scheme, fans, groups=site.groups))
    under = divisor(scheme, fans, site, shape)
    return None if under is None else base / under


def divisor(scheme: Scheme, fans: Fans | None, site: Site, shape: Sequence[int]) -> float | None:
    """The product of the model's quantities under a scheme's number, each to its power."""
    product = 1.0
    for over in scheme.over:
        value = quantity(over.quantity, fans=fans, site=site, shape=shape)
        if value is None or value <= 0:
            return None
        product *= value**over.exponent
    return product


def quantity(
    name: Quantity, *, fans: Fans | None, site: Site, shape: Sequence[int]
) -> float | None:
    """A number of the model by its name, or None where it is not known."""
    if name in {"fan_in", "fan_out"}:
        return getattr(fans, name) if fans else None
    if name == "flat_fans":  # of a kernel viewed as the matrix (size(0), the rest)
        return fans.fan_in + shape[0] if fans and shape else None
    if name == "ln(length)":
        return math.log(shape[0]) if len(shape) == 1 and shape[0] > 1 else None
    known: float | None = getattr(site, name)
    return known


def fan_of(scheme: Scheme, fans: Fans, *, groups: int = 1) -> float:
    """The fan that a scheme uses; at least 1, as Keras has it."""
    spread: dict[str, float] = {
        "fan_in": fans.fan_in,
        "fan_out": fans.fan_out,
        "fan_out/groups": fans.fan_out / groups,
    }
    return max(1.0, spread.get(scheme.fan, (fans.fan_in + fans.fan_out) / 2))
