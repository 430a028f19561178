"""How a scheme's numbers follow from each other: gain → std → bound, in a tensor's own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.core.catalogue import Scheme
from app.core.context import Site
from app.core.distributions import (
    Distribution,
    Flat,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    truncated_std,
)
from app.core.fans import Fans
from app.core.patterns import Diagonal
from app.core.report import Step
from app.core.scales import AXES, fan_of, parameter, quantity, scaled
from app.core.wording import number

_ORIGINS = {
    "layers": "blocks of its stack",
    "place": "its block, counted from 1",
    "blocks": "residual blocks of the model",
    "width": "features between the blocks",
    "head_width": "features of an attention head",
    "fan_in": "inputs of one unit",
    "fan_out": "outputs of one unit",
    "ln(length)": "logarithm of the number of values",
    "flat_fans": "fan_in + output channels, of the kernel as a matrix",
}


def derivation(
    scheme: Scheme,
    *,
    fan_in: int,
    fan_out: int,
    rows: int | None = None,
    site: Site | None = None,
) -> tuple[Step, ...]:
    """The steps from a scheme's rule to its std and bound, with these numbers.

    Args:
        scheme: Of the catalogue.
        fan_in: At least 1.
        fan_out: At least 1.
        rows: size(0) of the weight, for orthogonal; fan_out where None.
        site: The tensor's place; None where unknown.

    Returns:
        Nothing where the scheme needs a number of the model that `site` does not know.
    """
    fans, place = Fans(fan_in=fan_in, fan_out=fan_out), site or Site()
    if scheme.law in AXES:
        return _steps_of_whole(scheme, rows=rows or fan_out, fans=fans)
    shape = (fan_out,) if scheme.law == "constant" else (fan_out, fan_in)
    law = scaled(scheme, fans, place, shape)
    if law is None:
        return ()
    model = _model_steps(scheme, fans, place, shape)
    if scheme.law == "constant":
        value = parameter(scheme, fans, place, shape) or 0.0
        return (*model, Step(symbol="value", expression=_expression(scheme, ""), value=value))
    if scheme.fan == "none":
        return (*model, *_fixed_steps(scheme, law))
    return (*model, *_std_steps(scheme, fans, place, law), *_edge_steps(law, scheme, fans))


def _model_steps(scheme: Scheme, fans: Fans, site: Site, shape: Sequence[int]) -> tuple[Step, ...]:
    """The numbers of the model that the scheme divides by."""
    return tuple(
        Step(symbol=over.quantity, expression=_ORIGINS[over.quantity], value=value)
        for over in scheme.over
        if (value := quantity(over.quantity, fans=fans, site=site, shape=shape)) is not None
    )


def _powers(scheme: Scheme) -> str:
    """The divisors as text: `/√layers`, `/place`, `·ln(length)`."""
    roots = {0.5: "/√{}", 1.0: "/{}", 0.25: "/{}^¼", -1.0: "·{}"}
    return "".join(
        roots.get(o.exponent, "/{}^" + f"{o.exponent:g}").format(o.quantity) for o in scheme.over
    )


def _expression(scheme: Scheme, fan: str) -> str:
    if fan:
        return f"{fan}{_powers(scheme)}"
    start = scheme.gain_text if scheme.over and scheme.gain_text != "1" else number(scheme.scale)
    return f"{start}{_powers(scheme)}"


def _std_steps(scheme: Scheme, fans: Fans, site: Site, law: Distribution) -> tuple[Step, ...]:
    n = fan_of(scheme, fans, groups=site.groups)
    fan: str = scheme.fan
    value = f"{n:g}"
    if scheme.fan == "average":
        fan = "((fan_in+fan_out)/2)"
        value = f"(({fans.fan_in}+{fans.fan_out})/2)"
    if scheme.fan == "fan_out/groups":
        fan = "(fan_out/groups)"
    return (
        Step(symbol="gain", expression=scheme.gain_text, value=scheme.gain),
        Step(
            symbol="std",
            expression=f"{_expression(scheme, f'gain/√{fan}')} = "
            f"{scheme.gain_text}/√{value}{_powers(scheme)}",
            value=law.std,
        ),
    )


def _edge_steps(law: Distribution, scheme: Scheme, fans: Fans) -> tuple[Step, ...]:
    if isinstance(law, Uniform):
        expression = f"√3·std = √3·{number(law.std)}"
        if math.isclose(scheme.gain, math.sqrt(1 / 3)) and scheme.fan != "average":
            expression = f"√3·std = 1/√{scheme.fan} = 1/√{fan_of(scheme, fans):g}"
        return (Step(symbol="bound", expression=expression, value=law.bound),)
    if isinstance(law, TruncatedNormal):
        shrink = truncated_std(law.cut)
        parent = Step(
            symbol="parent σ",
            expression=f"std/{shrink:.4f}, as the cut at ±{law.cut:g}σ shrinks the std",
            value=law.parent,
        )
        return parent, _cut_step(law)
    return ()


def _cut_step(law: TruncatedNormal) -> Step:
    expression = f"{law.cut:g}·parent σ = {law.cut:g}·{number(law.parent)}"
    return Step(symbol="bound", expression=expression, value=law.bound)


def _fixed_steps(scheme: Scheme, law: Distribution) -> tuple[Step, ...]:
    expression = _expression(scheme, "")
    if isinstance(law, Flat):
        root = "√3" if isinstance(law, Uniform) else "√12"
        return (
            Step(symbol="bound", expression=expression, value=law.bound),
            Step(
                symbol="std", expression=f"bound/{root} = {number(law.bound)}/{root}", value=law.std
            ),
        )
    if isinstance(law, TruncatedNormal):
        shrink = f"{truncated_std(law.cut):.4f}"
        return (
            Step(symbol="parent σ", expression=expression, value=law.parent),
            _cut_step(law),
            Step(
                symbol="std",
                expression=f"{shrink}·parent σ = {shrink}·{law.parent:g}",
                value=law.std,
            ),
        )
    return (Step(symbol="std", expression=expression, value=law.std),)


def _steps_of_whole(scheme: Scheme, *, rows: int, fans: Fans) -> tuple[Step, ...]:
    """Of a law of the whole tensor."""
    if scheme.law == "orthogonal":
        return _orthogonal_steps(scheme, rows=rows, columns=fans.fan_in)
    if scheme.law == "sparse":
        expression = f"{number(scheme.scale)}, of the values that are not 0"
        return (Step(symbol="std", expression=expression, value=scheme.scale),)
    taps = max(1, fans.fan_out // rows)
    law = Diagonal(rows=rows, columns=fans.fan_in, taps=taps)
    inputs = fans.fan_in // taps
    return (
        Step(
            symbol="ones",
            expression=f"min(outputs, inputs) = min({rows}, {inputs})",
            value=min(rows, inputs),
        ),
        Step(symbol="bound", expression="each of them", value=law.bound),
        Step(symbol="std", expression="√(p(1-p)), p the share of ones", value=law.std),
    )


def _orthogonal_steps(scheme: Scheme, *, rows: int, columns: int) -> tuple[Step, ...]:
    law = Orthogonal(gain=scheme.gain, rows=rows, columns=columns)
    sides = f"max({rows}, {columns})"
    if scheme.any_gain:
        squares = Step(
            symbol="Σw²/g²", expression=f"min({rows}, {columns})", value=min(rows, columns)
        )
        return squares, Step(symbol="std/g", expression=f"1/√{sides}", value=law.std)
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
