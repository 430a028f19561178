"""The catalogue's laws at one tensor's shape and place, equal laws merged into one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from app.core.catalogue import BY_ID, CATALOGUE, ORDER, Scheme
from app.core.context import NUMBERS, Site
from app.core.distributions import Constant, Distribution, Normal, PositiveUniform, Uniform
from app.core.fans import Fans
from app.core.report import DefaultLaw
from app.core.scales import applies, distribution
from app.core.workings import derivation

__all__ = [
    "BY_ID",
    "CATALOGUE",
    "ORDER",
    "LawAtShape",
    "Scheme",
    "derivation",
    "distribution",
    "laws_at",
]

_KINDS = ("law", "cut", "any_gain")  # what sets laws of one class and scale apart
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


def default_distribution(default: DefaultLaw) -> Distribution:
    """The law of a default, as a distribution."""
    if default.law == "constant":
        return Constant(value=default.value or 0.0)
    if default.law == "uniform" and default.bound is not None:
        return Uniform(bound=default.bound)
    return Normal(std=default.std)


def laws_at(
    *,
    shape: Sequence[int],
    fans: Fans | None,
    default: DefaultLaw | None,
    site: Site | None = None,
) -> tuple[LawAtShape, ...]:
    """Every law of the catalogue at this shape and place, equal laws merged into one.

    Args:
        shape: The tensor's.
        fans: None leaves out the schemes that need them.
        default: Takes the place of the catalogue's `torch_default`; None leaves it out.
        site: The tensor's place in the model; None leaves out the schemes of one place only.

    Returns:
        In the catalogue's order, the default first.
    """
    found = site or Site()
    needed = _needed(found.parts, found.groups == 1, len(BY_ID))
    left_out: dict[str, Any] = {
        name: None for name in NUMBERS if name not in needed and name != "groups"
    }
    return _laws_at(tuple(shape), fans, default, replace(found, **left_out), len(BY_ID))


@lru_cache(maxsize=256)
def _needed(parts: frozenset[str], ungrouped: bool, edition: int) -> frozenset[str]:  # noqa: ARG001
    """The numbers of a model that a law at such a place depends on: often not the block's own."""
    site = Site(parts=parts, groups=1 if ungrouped else 2)
    drawn = (scheme for scheme in CATALOGUE if applies(scheme, site))
    return frozenset(over.quantity for scheme in drawn for over in scheme.over)


@lru_cache(maxsize=1024)
def _laws_at(
    shape: tuple[int, ...],
    fans: Fans | None,
    default: DefaultLaw | None,
    site: Site,
    edition: int,  # noqa: ARG001 # a larger catalogue has answers of its own
) -> tuple[LawAtShape, ...]:
    found: list[LawAtShape] = []
    classes: list[tuple[object, ...]] = []  # of each law found
    for scheme in CATALOGUE:
        law = _single(scheme, shape=shape, fans=fans, default=default, site=site)
        if law is None:
            continue
        own, pairs = _class_of(law), enumerate(zip(classes, found, strict=True))
        twin = next((i for i, (one, other) in pairs if one == own and _near(law, other)), None)
        if twin is None:
            found.append(law)
            classes.append(own)
        else:
            found[twin] = _merged(found[twin], law)
    return tuple(_explained(law, fans) for law in found)


def _single(
    scheme: Scheme,
    *,
    shape: Sequence[int],
    fans: Fans | None,
    default: DefaultLaw | None,
    site: Site,
) -> LawAtShape | None:
    if scheme.id == "torch_default":
        drawn = None if default is None else default_distribution(default)
        formula = scheme.formula if default is None else default.formula
    elif applies(scheme, site):
        drawn = distribution(scheme, fans=fans, shape=shape, site=site)
        formula = scheme.formula
    else:
        return None
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
        case Uniform() | PositiveUniform():
            return law.bound
        case _:
            return law.std


def _same(a: LawAtShape, b: LawAtShape) -> bool:
    """Constants are the same when equal, other laws within rounding of their formula."""
    return _class_of(a) == _class_of(b) and _near(a, b)


def _class_of(law: LawAtShape) -> tuple[object, ...]:
    drawn = law.distribution
    return type(drawn), *(getattr(drawn, name, None) for name in _KINDS)


def _near(a: LawAtShape, b: LawAtShape) -> bool:
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


def with_open_defaults(
    laws: Sequence[LawAtShape], defaults: Sequence[tuple[str, DefaultLaw]]
) -> tuple[LawAtShape, ...]:
    """The laws with the default of every class that a layer may be of, equal laws merged.

    Args:
        laws: At the tensor's shape, without a default.
        defaults: Of each class, by its name.
    """
    found = list(laws)
    for place, (kind, default) in enumerate(defaults):
        law = LawAtShape(
            ids=("torch_default",),
            names=(BY_ID["torch_default"].name,),
            formula=f"{default.formula} of {kind}",
            distribution=default_distribution(default),
            rarity=0,
        )
        twin = next((other for other in found if _same(law, other)), None)
        if twin is not None:
            found.remove(twin)
            law = _merged(law, twin)
        found.insert(place, law)
    return tuple(found)
