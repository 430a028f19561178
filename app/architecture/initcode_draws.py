"""One law as torch code that draws it into one tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, assert_never

from app.architecture.initcode_numbers import factor, literal, over_root
from app.core.activations import gain as gain_of
from app.core.activations import leaky_relu_gain
from app.core.catalogue import Scheme
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
from app.core.patterns import Diagonal, Sparse

W: Final = "{w}"  # the tensor
M: Final = "{m}"  # the module that owns it
SPARSITY: Final = 0.1  # share of zeros in a column, as in torch's own example of sparse_
SAME: Final = 1e-9  # relative difference below which two laws are one

_KNOWN_GAINS: Final[tuple[tuple[float, str], ...]] = (
    (gain_of("relu"), 'nonlinearity="relu"'),
    (1.0, 'nonlinearity="linear"'),
    (gain_of("tanh"), 'nonlinearity="tanh"'),
    (gain_of("selu"), 'nonlinearity="selu"'),
    (leaky_relu_gain(0.01), 'a=0.01, nonlinearity="leaky_relu"'),
    (leaky_relu_gain(0.2), 'a=0.2, nonlinearity="leaky_relu"'),
    (leaky_relu_gain(math.sqrt(5)), 'a=5**0.5, nonlinearity="leaky_relu"'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Lines of code with `{w}` for the tensor and `{m}` for its module."""

    lines: tuple[str, ...]
    guarded: bool = False  # whether they write into a tensor outside torch.nn.init

    @property
    def needs_module(self) -> bool:
        """Whether a tensor's name alone is not enough to run them."""
        return any(M in line for line in self.lines)

    def on(self, tensor: str, module: str = "") -> tuple[str, ...]:
        """The lines for one tensor."""
        return tuple(line.replace(W, tensor).replace(M, module) for line in self.lines)


def same(one: Distribution, other: Distribution) -> bool:
    """Whether two laws are one, within rounding of their formulas."""
    return _class_of(one) == _class_of(other) and math.isclose(
        _scale(one), _scale(other), rel_tol=SAME
    )


def _class_of(law: Distribution) -> tuple[object, ...]:
    return type(law), getattr(law, "cut", None), law.law


def _scale(law: Distribution) -> float:
    match law:
        case Constant():
            return law.value
        case Uniform() | PositiveUniform():
            return law.bound
        case Orthogonal():
            return law.gain
        case _:
            return law.std


@dataclass(frozen=True, slots=True, kw_only=True)
class FanCode:
    """How the fans of a tensor are said in code."""

    turned: bool = False  # stored as (in, out), as GPT-2's Conv1D

    @property
    def fan_in(self) -> str:
        """What one unit sums over."""
        return f"{W}.shape[0]" if self.turned else f"{W}[0].numel()"

    @property
    def fan_out(self) -> str:
        """What one input reaches, as torch counts it."""
        return f"{W}.shape[1]" if self.turned else f"{W}.numel() // {W}.shape[1]"

    def mode(self, fan: str) -> str:
        """The mode of torch.nn.init's kaiming functions that takes this fan."""
        other = {"fan_in": "fan_out", "fan_out": "fan_in"}
        return other[fan] if self.turned else fan

    def set(self, fan: str) -> str:
        """The line that gives a fan its name."""
        if fan == "fan_in":
            return f"fan_in = {self.fan_in}"
        return f"fan_out = {self.fan_out}"


def scheme_draw(scheme: Scheme, times: float, code: FanCode) -> Draw | None:
    """The code of a scheme whose number depends on a fan; None for one that depends on none.

    Args:
        scheme: Of the catalogue.
        times: On the drawn weights, over the model's own quantities under the number; above 0.
        code: How the fans are said.
    """
    if scheme.fan == "none":
        return _powered(scheme, times, code)
    gain = scheme.gain * times
    if scheme.fan == "average" and scheme.law in {"uniform", "normal"}:
        call = f"nn.init.xavier_{scheme.law}_({W}, gain={literal(gain)})"
        return Draw(lines=(call,))
    if scheme.fan in {"fan_in", "fan_out"} and scheme.law in {"uniform", "normal"}:
        known = _kaiming(scheme, gain, code)
        if known is not None:
            return known
    return _fanned(scheme, gain, code)


def _powered(scheme: Scheme, times: float, code: FanCode) -> Draw | None:
    """A number over a power of fan_in."""
    powers = [over.exponent for over in scheme.over if over.quantity == "fan_in"]
    if not powers:
        return None
    top = factor(scheme.scale * times)
    number = f"{top} / fan_in" if powers[0] == 1 else f"{top} / fan_in**{powers[0]:g}"
    lines = [code.set("fan_in")]
    if scheme.law == "normal":
        lines.append(f"nn.init.normal_({W}, std={number})")
    elif scheme.law == "uniform":
        lines += [f"bound = {number}", f"nn.init.uniform_({W}, -bound, bound)"]
    elif scheme.law == "truncated_normal":
        lines += [_about_cut(scheme.cut), f"std = {number}", _truncated(scheme.cut)]
    else:
        return None
    return Draw(lines=tuple(lines))


def _kaiming(scheme: Scheme, gain: float, code: FanCode) -> Draw | None:
    """The call of torch's own initialiser, where it has the gain."""
    for known, arguments in _KNOWN_GAINS:
        if math.isclose(gain, known, rel_tol=SAME):
            mode = code.mode(scheme.fan)
            call = f'nn.init.kaiming_{scheme.law}_({W}, mode="{mode}", {arguments})'
            return Draw(lines=(call,))
    return None


def _fanned(scheme: Scheme, gain: float, code: FanCode) -> Draw | None:
    """Any gain over the root of any fan."""
    lines, fan = _fan_lines(scheme, code)
    if scheme.law == "normal":
        lines.append(f"nn.init.normal_({W}, std={over_root(gain, fan)})")
    elif scheme.law == "uniform":
        lines.append(f"bound = {over_root(gain * math.sqrt(3), fan)}")
        lines.append(f"nn.init.uniform_({W}, -bound, bound)")
    elif scheme.law == "truncated_normal":
        parent = gain / truncated_std(scheme.cut)
        lines += [_about_cut(scheme.cut), f"std = {over_root(parent, fan)}"]
        lines.append(_truncated(scheme.cut))
    else:
        return None
    return Draw(lines=tuple(lines))


def _about_cut(cut: float) -> str:
    return f"# The std before the cut at ±{cut:g} of it, which leaves {truncated_std(cut):.6g}."


def _truncated(cut: float) -> str:
    edge = f"{cut:g} * std"
    return f"nn.init.trunc_normal_({W}, std=std, a=-{edge}, b={edge})"


def _fan_lines(scheme: Scheme, code: FanCode) -> tuple[list[str], str]:
    """The lines that name the fan, and its name."""
    match scheme.fan:
        case "fan_in":
            return [code.set("fan_in")], "fan_in"
        case "fan_out":
            return [code.set("fan_out")], "fan_out"
        case "average":
            both = [code.set("fan_in"), code.set("fan_out")]
            return [*both, "fan = (fan_in + fan_out) / 2"], "fan"
        case _:
            divided = f"fan_out = {W}.numel() // {W}.shape[1] // {M}.groups"
            return [divided], "fan_out"


def law_draw(law: Distribution, *, note: str = "") -> Draw:
    """The code of a law by its own numbers.

    Args:
        law: Any.
        note: Where the number comes from, as a comment above it.
    """
    above = (f"# {note}",) if note else ()
    if isinstance(law, TruncatedNormal):
        std = f"std = {literal(law.parent)}"
        return Draw(lines=(*above, _about_cut(law.cut), std, _truncated(law.cut)))
    if isinstance(law, Orthogonal):
        return Draw(lines=(*above, f"nn.init.orthogonal_({W}, gain={literal(law.gain)})"))
    if isinstance(law, Uniform):
        bound = literal(law.bound)
        if "*" in bound or "/" in bound:
            bounded = f"nn.init.uniform_({W}, -bound, bound)"
            return Draw(lines=(*above, f"bound = {bound}", bounded))
        return Draw(lines=(*above, f"nn.init.uniform_({W}, -{bound}, {bound})"))
    return Draw(lines=(*above, _plain(law)))


def _plain(law: Constant | PositiveUniform | Normal | Diagonal | Sparse) -> str:
    match law:
        case Constant():
            named = {0.0: "zeros", 1.0: "ones"}.get(law.value)
            value = literal(law.value)
            return f"nn.init.{named}_({W})" if named else f"nn.init.constant_({W}, {value})"
        case PositiveUniform():
            return f"nn.init.uniform_({W}, 0.0, {literal(law.bound)})"
        case Normal():
            return f"nn.init.normal_({W}, std={literal(law.std)})"
        case Diagonal():
            return f"nn.init.{'eye' if law.law == 'identity' else 'dirac'}_({W})"
        case Sparse():
            return f"nn.init.sparse_({W}, sparsity={SPARSITY}, std={literal(law.std)})"
        case _:
            assert_never(law)
