"""Which code draws a parameter as a recipe has it: a scheme's own call where one gives that law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from app.architecture.initcode_draws import Draw, FanCode, law_draw, same, scheme_draw
from app.core.catalogue import BY_ID, Scheme
from app.core.companions import companions
from app.core.context import Site, site_of
from app.core.defaults import default_law
from app.core.distributions import Constant, Distribution
from app.core.fans import Fans, fans
from app.core.graph import Parameter
from app.core.layers import BIAS_ROLES, CONV, CONV_TRANSPOSE, GATES, LINEAR
from app.core.plans import Plan, kind_of
from app.core.scales import distribution, quantity
from app.core.scaling import scaled
from app.core.schemes import default_distribution

DEFAULT = "torch_default"
_OF_SHAPE = frozenset({"fan_in", "fan_out"})  # quantities that the code itself can compute


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tensor, or a block of one, whose law is to be said in code."""

    parameter: Parameter
    shape: tuple[int, ...]
    fans: Fans | None
    hints: tuple[str, ...]  # ids of schemes that may have given the law, likeliest first
    factors: tuple[float, ...] = (1.0,)  # that may be on it
    branch: float = field(default=1.0)  # on it, and left to what comes after

    @property
    def turned(self) -> bool:
        """Whether it is stored as (in, out)."""
        return self.parameter.facts.kind == "Conv1D"

    @property
    def site(self) -> Site:
        """Where it stands in the model."""
        return site_of(self.parameter.facts, self.parameter.shape)


def place_of(parameter: Parameter, plan: Plan, *, branch: float = 1.0) -> Place:
    """A whole parameter under a plan."""
    facts = parameter.facts
    told = None
    if facts.fan_in is not None and facts.fan_out is not None:
        told = Fans(fan_in=facts.fan_in, fan_out=facts.fan_out)
    elif len(parameter.shape) >= 2:
        told = fans(parameter.shape)
    kind = kind_of(parameter)
    choice = plan.choices.get(kind) if kind else None
    chosen = (choice.scheme,) if choice and choice.scheme else ()
    wanted = (*chosen, plan.base)
    beside = [other for scheme in wanted for other in companions(scheme).values()]
    hints = tuple(dict.fromkeys((*wanted, *beside)))
    factors = (choice.gain, 1.0) if choice and choice.gain != 1.0 else (1.0,)
    return Place(
        parameter=parameter,
        shape=parameter.shape,
        fans=told,
        hints=hints,
        factors=factors,
        branch=branch,
    )


def draw_of(place: Place, law: Distribution) -> Draw:
    """The code that draws a law at a place: by the name it goes under, else by its numbers."""
    law = _before_branch(place, law)
    if isinstance(law, Constant):
        return law_draw(law)
    default = _default(place, law)
    if default is not None and (len(place.shape) < 2 or place.hints[0] == DEFAULT):
        return default
    if len(place.shape) < 2:
        return law_draw(law)
    for scheme, times in _candidates(place):
        found = _by_scheme(place, scheme, times, law)
        if found is not None:
            return found
    return default or law_draw(law)


def _before_branch(place: Place, law: Distribution) -> Distribution:
    """The law without the factor that the end of a branch gets afterwards."""
    if place.branch in {0.0, 1.0}:
        return law
    return scaled(law, 1 / place.branch) or law


def _candidates(place: Place) -> Iterator[tuple[Scheme, float]]:
    for identifier in place.hints:
        scheme = BY_ID.get(identifier)
        if scheme is not None and identifier != DEFAULT:
            for times in place.factors:
                yield scheme, times


def _by_scheme(place: Place, scheme: Scheme, times: float, law: Distribution) -> Draw | None:
    """The scheme's code, if what it draws here is the law."""
    drawn = distribution(scheme, fans=place.fans, shape=place.shape, site=place.site)
    drawn = None if drawn is None else scaled(drawn, times)
    if drawn is None or not same(drawn, law):
        return None
    if not _torch_agrees(place):
        return law_draw(law)
    under = _under(place, scheme)
    if under is None:
        return law_draw(law, note=scheme.formula)
    found = scheme_draw(scheme, times / under, FanCode(turned=place.turned))
    return found or law_draw(law, note=_formula(place, scheme))


def _formula(place: Place, scheme: Scheme) -> str:
    """A scheme's formula with the model's own numbers; "" where its number is plain."""
    told = [
        f"{over.quantity} = {getattr(place.site, over.quantity)}"
        for over in scheme.over
        if getattr(place.site, over.quantity, None) is not None
    ]
    return ", ".join([scheme.formula, *told]) if scheme.over else ""


def _torch_agrees(place: Place) -> bool:
    """Whether the fans that code can take from the shape are the place's own."""
    if place.fans is None or len(place.shape) < 2:
        return place.fans is None
    own = fans(place.shape)
    expected = Fans(fan_in=own.fan_out, fan_out=own.fan_in) if place.turned else own
    return expected == place.fans


def _under(place: Place, scheme: Scheme) -> float | None:
    """The model's own numbers under a scheme's; None where one is no plain number of it."""
    product = 1.0
    for over in scheme.over:
        if over.quantity in _OF_SHAPE:
            continue
        found = quantity(over.quantity, fans=place.fans, site=place.site, shape=place.shape)
        if found is None or found <= 0 or over.quantity in {"flat_fans", "ln(length)"}:
            return None
        product *= found**over.exponent
    return product


def _default(place: Place, law: Distribution) -> Draw | None:
    """The draw of a fresh layer in the words of the layer's arguments, if it is the law."""
    facts, shape = place.parameter.facts, place.parameter.shape
    if shape != place.shape:
        return None
    default = default_law(facts, shape)
    if default is None:
        return None
    drawn = default_distribution(default)
    for times in place.factors:
        now = scaled(drawn, times)
        if now is not None and same(now, law):
            return _default_draw(place, times)
    return None


def _default_draw(place: Place, times: float) -> Draw | None:
    facts, turned = place.parameter.facts, FanCode(turned=place.turned)
    if facts.kind in GATES:
        return _between("{m}.hidden_size**-0.5", times)
    if facts.role in {"bias_k", "bias_v"}:
        return scheme_draw(BY_ID["xavier_normal(gain=1)"], times, turned)
    if facts.kind == "MultiheadAttention" or facts.enclosing == "Transformer":
        return scheme_draw(BY_ID["xavier_uniform(gain=1)"], times, turned)
    if facts.kind == "Bilinear":
        return _between("{m}.weight.shape[1] ** -0.5", times)
    if facts.role in BIAS_ROLES:
        return _between("{m}.weight[0].numel() ** -0.5", times)
    if facts.kind in LINEAR or facts.kind in CONV or facts.kind in CONV_TRANSPOSE:
        return scheme_draw(BY_ID[DEFAULT], times, turned)
    return None


def _between(bound: str, times: float) -> Draw:
    product = bound if math.isclose(times, 1.0) else f"{times:.10g} * {bound}"
    return Draw(lines=(f"bound = {product}", "nn.init.uniform_({w}, -bound, bound)"))


def of_block(place: Place, shape: tuple[int, ...], own: Fans | None) -> Place:
    """A block of a packed parameter."""
    return replace(place, shape=shape, fans=own)
