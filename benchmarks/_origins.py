"""Tensors of every origin: each law of the catalogue in its place in a model, and moved ones."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from app.core.catalogue import CATALOGUE, Scheme
from app.core.checkpoint import Attribute
from app.core.context import site_of
from app.core.defaults import default_law
from app.core.distributions import Normal, Orthogonal, Uniform
from app.core.fans import Fans, fans
from app.core.layers import ParameterFacts
from app.core.schemes import LawAtShape, laws_at
from benchmarks._tensors import MOST_ORTHOGONAL, MOVED, UNLISTED, drawn, stored

# Values → listed tensors, and moved or unlisted ones.
SIZES: dict[tuple[int, int], tuple[int, int]] = {
    (8, 32): (240, 96),
    (32, 128): (320, 144),
    (128, 1024): (340, 176),
    (1024, 16384): (340, 176),
    (16384, 300_000): (260, 128),
    (300_000, 10_000_000): (120, 64),
}
STORAGES = {
    "float32": 40,
    "bfloat16": 15,
    "bfloat16 native": 14,
    "float16": 12,
    "float16 native": 9,
    "float32 from bfloat16": 6,
    "float32 from float16": 4,
}
BIASES = 12  # one listed tensor in so many is the bias of a default layer
NUMBERS: dict[str, Attribute] = {
    "layers": 12,
    "place": 5,
    "blocks": 9,
    "width": 192,
    "head_width": 24,
    "groups": 2,
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A tensor and what is known of it."""

    values: torch.Tensor
    facts: ParameterFacts
    kind: str  # "uniform", "normal", ..., or how it was moved away from its initialisation
    scheme: str | None  # id of the scheme that drew it; None where no listed scheme did
    storage: str


def origins(share: float) -> Iterator[Origin]:
    """Listed schemes in turn, moved and unlisted tensors in turn, over all sizes and storages.

    Args:
        share: Of the full number of tensors.
    """
    dice, turn = random.Random(0), 0
    kinds = [*MOVED, *UNLISTED, *UNLISTED]
    for (low, high), (listed, moved) in SIZES.items():
        for at in range(max(8, round(listed * share))):
            if at % BIASES == 0:
                yield _bias(dice, low, high)
                continue
            turn += 1
            yield _listed(dice, CATALOGUE[turn % len(CATALOGUE)], low, high)
        for at in range(max(8, round(moved * share))):
            yield moved_away(dice, kinds[at % len(kinds)], low, high)


def _storage(dice: random.Random) -> str:
    return dice.choices(list(STORAGES), weights=list(STORAGES.values()))[0]


def shaped(dice: random.Random, low: int, high: int, *, axes: int | None = None) -> tuple[int, ...]:
    """A matrix or a convolution's weight of about a size drawn evenly on a log scale."""
    n = math.exp(dice.uniform(math.log(low), math.log(high)))
    if axes == 1:
        return (max(2, round(n)),)
    if axes == 4 or (axes is None and n > 200 and dice.random() < 0.35):
        rows = max(2, round(math.sqrt(n / 9) * 2 ** dice.uniform(-1, 1)))
        return rows, max(1, round(n / 9 / rows)), 3, 3
    rows = max(2, round(math.sqrt(n) * 2 ** dice.uniform(-1.5, 1.5)))
    return rows, max(2, math.ceil(n / rows))


def _facts(
    shape: tuple[int, ...], attributes: dict[str, Attribute], *, kind: str, role: str
) -> ParameterFacts:
    both = fans(shape) if len(shape) > 1 else None
    return ParameterFacts(
        module="layer",
        kind=kind,
        kind_certainty="confirmed",
        role=role,
        fan_in=both.fan_in if both else None,
        fan_out=both.fan_out if both else None,
        fan_certainty="confirmed",
        evidence="benchmark",
        attributes=attributes,
    )


def placed(shape: tuple[int, ...], scheme: Scheme | None) -> ParameterFacts:
    """Facts of a weight; under them a given scheme applies, in its part of a twelve-layer model."""
    attributes: dict[str, Attribute] = {}
    if scheme is not None:
        attributes = {**NUMBERS, "parts": tuple(sorted(scheme.parts))}
        if scheme.fan != "fan_out/groups":
            del attributes["groups"]
    kind = {1: "unknown", 2: "Linear", 4: "Conv2d"}[len(shape)]
    if scheme is not None and "embedding" in scheme.parts and len(shape) == 2:
        kind = "Embedding"
    role = "weight" if len(shape) > 1 else "parameter"
    return _facts(shape, attributes, kind=kind, role=role)


def laws_of(facts: ParameterFacts, shape: tuple[int, ...]) -> tuple[LawAtShape, ...]:
    """The laws that the analysis tests such a tensor against."""
    both: Fans | None = fans(shape) if len(shape) > 1 else None
    default = default_law(facts, shape)
    return laws_at(shape=shape, fans=both, default=default, site=site_of(facts, shape))


def _listed(dice: random.Random, scheme: Scheme, low: int, high: int) -> Origin:
    """A draw of the scheme, at a shape where it applies."""
    first = 1 if scheme.parts & {"vector", "scalar"} else None
    for axes in (first, 4, 2, 1):
        shape = shaped(dice, low, high, axes=axes)
        facts = placed(shape, scheme)
        law = next((one for one in laws_of(facts, shape) if scheme.id in one.ids), None)
        if law is None:
            continue
        if isinstance(law.distribution, Orthogonal) and math.prod(shape) > MOST_ORTHOGONAL:
            break
        storage = _storage(dice)
        values = drawn(law.distribution, shape, storage)
        kind = law.distribution.law
        return Origin(values=values, facts=facts, kind=kind, scheme=scheme.id, storage=storage)
    return _bias(dice, low, high)


def _bias(dice: random.Random, low: int, high: int) -> Origin:
    """The bias of a default layer, of some fan."""
    shape, storage = shaped(dice, low, high, axes=1), _storage(dice)
    fan_in = dice.choice((10, 128, 300, 768, 4608))
    known = _facts(shape, {}, kind="Linear", role="bias")
    facts = ParameterFacts(
        **{name: getattr(known, name) for name in known.__dataclass_fields__}
        | {"fan_in": fan_in, "fan_out": shape[0]}
    )
    law = next(one for one in laws_of(facts, shape) if "torch_default" in one.ids)
    values = drawn(law.distribution, shape, storage)
    return Origin(values=values, facts=facts, kind="bias", scheme="torch_default", storage=storage)


def moved_away(dice: random.Random, kind: str, low: int, high: int) -> Origin:
    """A draw of a usual scheme that was moved, or a draw at no scheme's scale."""
    shape, storage = shaped(dice, low, high), _storage(dice).removesuffix(" native")
    facts = placed(shape, None)
    if kind in UNLISTED:
        gain = dice.choice((0.31, 0.63, 1.83, 2.9)) / math.sqrt(fans(shape).fan_in)
        values = gain * drawn(UNLISTED[kind], shape, "float32")
    else:
        usual = [law.distribution for law in laws_of(facts, shape) if law.rarity == 0]
        base = dice.choice([law for law in usual if isinstance(law, Uniform | Normal)])
        values = MOVED[kind](drawn(base, shape, "float32"))
    kept = stored(values, storage)
    return Origin(values=kept, facts=facts, kind=kind, scheme=None, storage=storage)
