"""The table of what changes: parameters that are alike, before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from app.architecture.planning import Planned
from app.charts.names import shortened
from app.charts.propagation import points
from app.core.distributions import Constant, Distribution, PositiveUniform
from app.core.graph import Graph, Node, Parameter
from app.core.layers import BIAS_ROLES
from app.core.meanfield.step import WeightMoments
from app.core.operators import ACTIVATIONS, FAMILY
from app.core.propagation import Series
from app.core.wording import listed
from app.web import filters
from app.web.propagation_words import factor, share, short
from app.web.whatif_contexts import Change, Outcome
from app.web.whatif_series import Side
from app.web.whatif_words import plain
from app.web.wording import layer_kind

MOST_CHANGES: Final = 40  # lines of the table
LONGEST: Final = 60
SAME: Final = 1e-9  # of two numbers, relative
NOT_THERE: Final = "not there"
KEPT: Final = 1024  # laws whose words are kept

Own = Mapping[str, WeightMoments]  # of the file's own values, by the parameter's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one parameter is before or after."""

    text: str  # its law; "" of values that a file holds
    std: float | None  # None where nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The lines of the table."""

    lines: tuple[Change, ...]
    further: int  # lines that are not shown
    same: int  # groups of parameters that stay as they are


def changes(before: Planned, after: Planned, *, own: Own | None) -> Changes:
    """What another plan changes.

    Args:
        before: The network as it is.
        after: As the plan has it.
        own: Of the values that the file holds, where they are known.
    """
    made = [*_swaps(before.graph, after.graph), *_parameters(before, after, own or {})]
    changed = [line for line in made if line.before != line.after]
    return Changes(
        lines=tuple(changed[:MOST_CHANGES]),
        further=max(0, len(changed) - MOST_CHANGES),
        same=len(made) - len(changed),
    )


def _swaps(before: Graph, after: Graph) -> list[Change]:
    """Activations and norms that took another's place."""
    later = {node.name: node for node in after.nodes}
    found: dict[tuple[str, str, str], int] = {}
    for node in before.nodes:
        part = _swapped(node)
        if part:
            other = later.get(node.name)
            pair = part, _class(node), NOT_THERE if other is None else _class(other)
            found[pair] = found.get(pair, 0) + 1
    return [
        Change(
            name=part.capitalize(), count=_times(many), part="", before=old, after=new, factor=""
        )
        for (part, old, new), many in found.items()
    ]


def _swapped(node: Node) -> str:
    if node.op in ACTIVATIONS:
        return "activation"
    return "normalisation" if FAMILY.get(node.op) == "norm" else ""


def _class(node: Node) -> str:
    told = ACTIVATIONS.get(node.op) or node.kind or node.op.split(".")[1]
    return "none" if node.op in ("aten.clone.default", "aten.alias.default") else told


def _parameters(before: Planned, after: Planned, own: Own) -> list[Change]:
    """A line for all parameters of one class, shape and role that are drawn alike."""
    old, new, named = _Drawn(before, own), _Drawn(after, own), cache(_named)
    known = {one.name for one in before.graph.parameters}
    added = [one for one in after.graph.parameters if one.name not in known]
    groups: dict[tuple[str, ...], list[tuple[Draw, Draw]]] = {}
    for one in (*before.graph.parameters, *added):
        if one.learned:
            pair = old.of(one.name), new.of(one.name)
            name = named(one.facts.kind, one.facts.module.rpartition(".")[2], one.shape)
            key = (name, _part(one), pair[0].text, pair[1].text)
            groups.setdefault(key, []).append(pair)
    return [_line(key, pairs) for key, pairs in groups.items()]


def _named(kind: str, module: str, shape: tuple[int, ...]) -> str:
    known = layer_kind(kind)
    shown = known if known != "unknown" else module or "parameter"
    return f"{shortened(shown, LONGEST)} {filters.shape(shape)}"


def _part(one: Parameter) -> str:
    if one.facts.role in BIAS_ROLES or one.name.endswith("bias"):
        return "bias"
    return one.facts.role.replace("_", " ")


def _line(key: tuple[str, ...], pairs: Sequence[tuple[Draw, Draw]]) -> Change:
    name, part, old, new = key
    return Change(
        name=name,
        count=_times(len(pairs)),
        part=part,
        before=old or _of_file([pair[0] for pair in pairs]),
        after=new or _of_file([pair[1] for pair in pairs]),
        factor=_factor(pairs),
    )


def _times(many: int) -> str:
    return f"× {many:,}" if many > 1 else ""


def _of_file(draws: Sequence[Draw]) -> str:
    """The spread of values that a file holds."""
    stds = [one.std for one in draws if one.std is not None]
    if not stds:
        return "the file's own"
    low, high = (plain(end) for end in (min(stds), max(stds)))
    return f"the file's own, std {low}" if low == high else f"the file's own, std {low} to {high}"


def _factor(pairs: Sequence[tuple[Draw, Draw]]) -> str:
    """By what the std changes, where it does so alike in all of them."""
    ratios = [new.std / old.std for old, new in pairs if old.std and new.std]
    if len(ratios) < len(pairs):
        return ""
    low, high = min(ratios), max(ratios)
    if math.isclose(low, 1, rel_tol=SAME) and math.isclose(high, 1, rel_tol=SAME):
        return ""
    if factor(low) == factor(high):
        return factor(low)
    return f"{factor(low)} to {factor(high)}"


class _Drawn:
    """What draws each parameter of one network."""

    def __init__(self, made: Planned, own: Own) -> None:
        self._laws = made.recipe
        self._names = {one.name for one in made.graph.parameters}
        self._own = own

    def of(self, name: str) -> Draw:
        """What draws the parameter of this name."""
        laws = self._laws
        if name in laws.laws:
            return _of_law(laws.laws[name])
        if name in laws.packed:
            return _of_blocks([law for _, law in laws.packed[name]])
        if name not in self._names:
            return Draw(text=NOT_THERE, std=None)
        told = self._own.get(name)
        if told is None:
            return Draw(text="", std=None)
        spread = math.sqrt(max(told.second - told.mean**2, 0.0))
        return Draw(text="", std=laws.factors.get(name, 1.0) * spread)


@lru_cache(maxsize=KEPT)
def _of_law(law: Distribution) -> Draw:
    if isinstance(law, Constant):
        return Draw(text=f"all {plain(law.value)}", std=0.0)
    std = plain(law.std)
    if law.law == "uniform" and law.bound is not None:
        return Draw(text=f"uniform ±{plain(law.bound)}, std {std}", std=law.std)
    if isinstance(law, PositiveUniform):
        return Draw(text=f"uniform 0 to {plain(law.bound)}, std {std}", std=law.std)
    return Draw(text=f"{law.law.replace('_', ' ')}, std {std}", std=law.std)


def _of_blocks(laws: Sequence[Distribution]) -> Draw:
    texts = list(dict.fromkeys(_of_law(law).text for law in laws))
    stds = {law.std for law in laws}
    return Draw(text=f"by blocks: {listed(texts)}", std=stds.pop() if len(stds) == 1 else None)


def outcomes(before: Side, after: Side, *, stream: Sequence[str] = ()) -> tuple[Outcome, ...]:
    """What comes of it: size, input share and gradient, by theory and as measured.

    Args:
        before: The network as it is.
        after: As the plan has it.
        stream: Names of the sums along its residual stream, where it has one.
    """
    columns = [
        _numbers(series) | _along(series, stream)
        for series in (before.predicted, after.predicted, before.measured, after.measured)
    ]
    names = next(column for column in columns if column)
    return tuple(
        Outcome(
            name=name,
            before=columns[0].get(name, filters.NONE),
            after=columns[1].get(name, filters.NONE),
            measured_before=columns[2].get(name, ""),
            measured_after=columns[3].get(name, ""),
        )
        for name in names
    )


def _numbers(series: Series | None) -> dict[str, str]:
    """The results of one series, in words."""
    if series is None or not series.layers:
        return {}
    layers = points(series)
    first, last, end = layers[0], layers[-1], len(layers)
    gradient = first.backward.grad_rms_median if first.backward else None
    return {
        f"Signal at layer {end} (RMS)": short(last.forward.rms_median),
        f"Signal, layer 1 → {end}": factor(
            _ratio(last.forward.rms_median, first.forward.rms_median)
        ),
        f"Share that depends on the input, layer {end}": share(last.forward.input_share),
        "Gradient at layer 1 (RMS)": short(gradient),
    }


def _along(series: Series | None, stream: Sequence[str]) -> dict[str, str]:
    """How a residual stream changes from its first sum to its last."""
    layers = {} if series is None else {layer.name: layer for layer in series.layers}
    found = [layers[name] for name in stream if name in layers]
    if len(found) < 2:
        return {}
    first, last = found[0], found[-1]
    grown = _ratio(last.forward.rms_median, first.forward.rms_median)
    sizes = [layer.backward.grad_rms_median if layer.backward else None for layer in (first, last)]
    return {
        f"Signal along the residual stream, {len(found)} sums": factor(grown),
        "Gradient back along it": factor(_ratio(sizes[0], sizes[1])),
    }


def _ratio(top: float | None, bottom: float | None) -> float | None:
    return None if top is None or not bottom else top / bottom
