"""The catalogue's laws at one tensor's shape, and how each number follows from the last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

from app.core.catalogue import BY_ID, CATALOGUE, ORDER, Scheme
from app.core.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    truncated_std,
)
from app.core.fans import Fans
from app.core.report import DefaultLaw, Step
from app.core.wording import number

__all__ = ["BY_ID", "CATALOGUE", "ORDER", "LawAtShape", "Scheme", "derivation", "laws_at"]

CUT = 2.0  # parent sigmas at which JAX, Keras and TensorFlow truncate
SAME = 1e-9  # relative difference below which two laws are one


@dataclass(frozen=True, slots=True, kw_only=True)
class LawAtShape:
    """One law at this shape, under every scheme that draws it here."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    formula: str
    distribution: Distribution
    rarity: int
    why_same: str | None = None  # why several schemes are one law here


def distribution(scheme: Scheme, *, fans: Fans | None, shape: Sequence[int]) -> Distribution | None:
    """The law a scheme draws at this shape.

    Args:
        scheme: Of the catalogue.
        fans: By torch's convention; None where they are unknown or undefined.
        shape: The tensor's.

    Returns:
        None where the scheme does not apply: it needs fans, or a matrix.
    """
    if scheme.law == "orthogonal":
        if len(shape) < 2 or math.prod(shape) == 0:
            return None
        rows = shape[0]
        return Orthogonal(gain=scheme.gain, rows=rows, columns=math.prod(shape) // rows)
    if scheme.fan != "none" and fans is None:
        return None
    return _scaled(scheme, fans)


def _scaled(scheme: Scheme, fans: Fans | None) -> Distribution:
    fanned = None if fans is None or scheme.fan == "none" else std_of(scheme, fans)
    match scheme.law:
        case "uniform":
            return Uniform(bound=scheme.scale if fanned is None else math.sqrt(3) * fanned)
        case "normal":
            return Normal(std=scheme.scale if fanned is None else fanned)
        case "truncated_normal":
            parent = scheme.scale if fanned is None else fanned / truncated_std(CUT)
            return TruncatedNormal(parent=parent, cut=CUT)
        case "constant":
            return Constant(value=scheme.scale)
        case "orthogonal":
            msg = "an orthogonal scheme takes its law from the shape"
            raise ValueError(msg)
        case _:
            assert_never(scheme.law)


def std_of(scheme: Scheme, fans: Fans) -> float:
    """`gain / √fan`, with the fan that the scheme uses."""
    return scheme.gain / math.sqrt(fan_of(scheme, fans))


def fan_of(scheme: Scheme, fans: Fans) -> float:
    """fan_in, fan_out or their mean; at least 1, as Keras has it."""
    spread = {"fan_in": fans.fan_in, "fan_out": fans.fan_out}
    return max(1.0, spread.get(scheme.fan, (fans.fan_in + fans.fan_out) / 2))


def default_distribution(default: DefaultLaw) -> Distribution:
    """The law of a default, as a distribution."""
    if default.law == "constant":
        return Constant(value=default.value or 0.0)
    if default.law == "uniform" and default.bound is not None:
        return Uniform(bound=default.bound)
    return Normal(std=default.std)


def laws_at(
    *, shape: Sequence[int], fans: Fans | None, default: DefaultLaw | None
) -> tuple[LawAtShape, ...]:
    """Every law of the catalogue at this shape, equal laws merged into one.

    Args:
        shape: The tensor's.
        fans: None leaves out the schemes that need them.
        default: Takes the place of the catalogue's `torch_default`; None leaves it out.

    Returns:
        In the catalogue's order, the default first.
    """
    return _laws_at(tuple(shape), fans, default)


@lru_cache(maxsize=256)
def _laws_at(
    shape: tuple[int, ...], fans: Fans | None, default: DefaultLaw | None
) -> tuple[LawAtShape, ...]:
    found: list[LawAtShape] = []
    for scheme in CATALOGUE:
        law = _single(scheme, shape=shape, fans=fans, default=default)
        if law is None:
            continue
        twin = next((i for i, other in enumerate(found) if _same(law, other)), None)
        if twin is None:
            found.append(law)
        else:
            found[twin] = _merged(found[twin], law)
    return tuple(_explained(law, fans) for law in found)


def _single(
    scheme: Scheme, *, shape: Sequence[int], fans: Fans | None, default: DefaultLaw | None
) -> LawAtShape | None:
    if scheme.id == "torch_default":
        if default is None:
            return None
        drawn: Distribution | None = default_distribution(default)
        formula = default.formula
    else:
        drawn, formula = distribution(scheme, fans=fans, shape=shape), scheme.formula
    if drawn is None:
        return None
    return LawAtShape(
        ids=(scheme.id,),
        names=(scheme.name,),
        formula=formula,
        distribution=drawn,
        rarity=scheme.rarity,
    )


def _parameter(law: Distribution) -> float:
    match law:
        case Constant():
            return law.value
        case Uniform():
            return law.bound
        case _:
            return law.std


def _same(a: LawAtShape, b: LawAtShape) -> bool:
    """Constants are the same when equal, other laws within rounding of their formula."""
    if type(a.distribution) is not type(b.distribution):
        return False
    one, other = _parameter(a.distribution), _parameter(b.distribution)
    return one == other or math.isclose(one, other, rel_tol=SAME, abs_tol=0.0)


def _merged(first: LawAtShape, other: LawAtShape) -> LawAtShape:
    names = first.names if other.names[0] in first.names else first.names + other.names
    return replace(
        first,
        ids=first.ids + other.ids,
        names=names,
        rarity=min(first.rarity, other.rarity),
    )


def _explained(law: LawAtShape, fans: Fans | None) -> LawAtShape:
    used = {BY_ID[i].fan for i in law.ids} - {"none"}
    if len(law.ids) < 2 or fans is None or len(used) < 2:
        return law
    if fans.fan_in == fans.fan_out:
        return replace(law, why_same="because fan_in = fan_out")
    return replace(
        law, why_same=f"because fan_in = {fans.fan_in} and fan_out = {fans.fan_out} give one scale"
    )


def derivation(
    scheme: Scheme, *, fan_in: int, fan_out: int, rows: int | None = None
) -> tuple[Step, ...]:
    """The steps from a scheme's rule to its std and bound, with these fans' numbers.

    Args:
        scheme: Of the catalogue.
        fan_in: At least 1.
        fan_out: At least 1.
        rows: size(0) of the weight, for orthogonal; fan_out where None.
    """
    fans = Fans(fan_in=fan_in, fan_out=fan_out)
    if scheme.law == "constant":
        return (Step(symbol="value", expression=number(scheme.scale), value=scheme.scale),)
    if scheme.law == "orthogonal":
        return _orthogonal_steps(scheme, rows=rows or fan_out, columns=fan_in)
    law = _scaled(scheme, fans)
    if scheme.fan == "none":
        return _fixed_steps(scheme, law)
    return (*_std_steps(scheme, fans), *_edge_steps(law, scheme, fans))


def _std_steps(scheme: Scheme, fans: Fans) -> tuple[Step, ...]:
    n = fan_of(scheme, fans)
    fan: str = scheme.fan
    value = f"{n:g}"
    steps = [Step(symbol="gain", expression=scheme.gain_text, value=scheme.gain)]
    if scheme.fan == "average":
        fan = "((fan_in+fan_out)/2)"
        value = f"(({fans.fan_in}+{fans.fan_out})/2)"
    std = scheme.gain / math.sqrt(n)
    steps.append(
        Step(symbol="std", expression=f"gain/√{fan} = {scheme.gain_text}/√{value}", value=std)
    )
    return tuple(steps)


def _edge_steps(law: Distribution, scheme: Scheme, fans: Fans) -> tuple[Step, ...]:
    if isinstance(law, Uniform):
        expression = f"√3·std = √3·{number(law.std)}"
        if math.isclose(scheme.gain, math.sqrt(1 / 3)) and scheme.fan != "average":
            expression = f"√3·std = 1/√{scheme.fan} = 1/√{fan_of(scheme, fans):g}"
        return (Step(symbol="bound", expression=expression, value=law.bound),)
    if isinstance(law, TruncatedNormal):
        shrink = truncated_std(law.cut)
        return (
            Step(
                symbol="parent σ",
                expression=f"std/{shrink:.4f}, as the cut at ±2σ shrinks the std",
                value=law.parent,
            ),
            Step(
                symbol="bound", expression=f"2·parent σ = 2·{number(law.parent)}", value=law.bound
            ),
        )
    return ()


def _fixed_steps(scheme: Scheme, law: Distribution) -> tuple[Step, ...]:
    if isinstance(law, Uniform):
        return (
            Step(symbol="bound", expression=number(scheme.scale), value=scheme.scale),
            Step(symbol="std", expression=f"bound/√3 = {number(law.bound)}/√3", value=law.std),
        )
    if isinstance(law, TruncatedNormal):
        return (
            Step(symbol="parent σ", expression=number(law.parent), value=law.parent),
            Step(
                symbol="bound", expression=f"2·parent σ = 2·{number(law.parent)}", value=law.bound
            ),
            Step(
                symbol="std", expression=f"0.8796·parent σ = 0.8796·{law.parent:g}", value=law.std
            ),
        )
    return (Step(symbol="std", expression=number(scheme.scale), value=law.std),)


def _orthogonal_steps(scheme: Scheme, *, rows: int, columns: int) -> tuple[Step, ...]:
    law = Orthogonal(gain=scheme.gain, rows=rows, columns=columns)
    sides = f"max({rows}, {columns})"
    return (
        Step(symbol="gain", expression=scheme.gain_text, value=scheme.gain),
        Step(
            symbol="Σw²",
            expression=f"gain²·min(rows, columns) = gain²·min({rows}, {columns})",
            value=scheme.gain**2 * min(rows, columns),
        ),
        Step(
            symbol="std",
            expression=f"√(Σw²/(rows·columns)) = gain/√{sides}",
            value=law.std,
        ),
    )
