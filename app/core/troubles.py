"""What can go wrong on the way through a network, each as one remark with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from app.core.propagation import Layer, Series
from app.core.report import Level
from app.core.trends import SMALLEST_NORMAL, change, factor_per_layer
from app.core.wording import counted, factor, number, share

LOST: Final = 1e-3  # of the size: float16 keeps 11 bits, one part in 2,048
STEADY: Final = (0.5, 2.0)  # rms
SIGNAL: Final = 10.0  # over the depth, either way
GRADIENT: Final = 1e3  # over the depth, either way
DEAD: Final = 0.6  # share of units; half of them is what identical inputs leave on
SATURATED: Final = 0.5  # share of values
TINY: Final = 1e-30  # a gradient that has come so far down underflows next

_MASKING: Final = frozenset(
    {"aten.masked_fill.Scalar", "aten.masked_fill.Tensor"}
    | {f"aten.where.{overload}" for overload in ("self", "ScalarOther", "ScalarSelf")}
)  # write -inf on purpose, before a softmax
HALF = "float16's smallest normal number is 6.1e-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that a series shows."""

    level: Level
    code: str
    message: str
    below: str = ""  # what explains it
    measured: float | None = None
    limit: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Passage:
    """A series along its weighted operations."""

    series: Series

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The weighted operations, or all where there are none."""
        weighted = tuple(layer for layer in self.series.layers if layer.weighted)
        return weighted or self.series.layers

    @cached_property
    def rms(self) -> list[float | None]:
        """Of the outputs, median of the seeds."""
        return [layer.forward.rms_median for layer in self.layers]

    @cached_property
    def gradients(self) -> list[float | None]:
        """That arrive at the outputs, median of the seeds."""
        return [layer.backward.grad_rms_median if layer.backward else None for layer in self.layers]

    @cached_property
    def input_share(self) -> float | None:
        """At the last layer."""
        return self.layers[-1].forward.input_share

    @cached_property
    def without_gradient(self) -> list[int]:
        """Places whose gradient is exactly 0."""
        return [place for place, gradient in enumerate(self.gradients) if gradient == 0.0]

    @cached_property
    def underflows(self) -> bool:
        """Whether the gradient has become so small that what comes before it is 0."""
        after = self.without_gradient[-1] + 1 if self.without_gradient else len(self.layers)
        behind = self.gradients[after] if after < len(self.layers) else None
        return behind is not None and behind < TINY

    @cached_property
    def biased(self) -> bool:
        """Whether the network has biases other than 0."""
        named = (g for g in self.series.gradients if g.name.rpartition(".")[2].startswith("bias"))
        return any(bias.rms for bias in named)

    def at(self, place: int) -> str:
        """A layer by its number and name."""
        return f"layer {place + 1} ({self.layers[place].name})"


def overflow(passage: Passage) -> Remark | None:
    """NaN or infinity that reaches a weighted operation or the end: a mask's own does not."""
    last = passage.series.layers[-1:]
    if not any(layer.forward.nonfinite for layer in (*passage.layers, *last)):
        return None
    layers = passage.series.layers
    first = next(x for x in layers if x.forward.nonfinite and x.op not in _MASKING)
    count = first.forward.nonfinite
    return Remark(
        level="problem",
        code="nonfinite",
        message=f"Values overflow: {first.name} gives NaN or infinity.",
        below=f"{counted(count, 'value', 'values')} there; all statistics leave them out.",
        measured=float(count),
        limit=0.0,
        source="float16 ends at 65,504, bfloat16 and float32 at 3.4e38",
    )


def _silence(passage: Passage) -> Remark | None:
    silent = next((i for i, rms in enumerate(passage.rms) if rms == 0.0), None)
    if silent is None:
        return None
    return Remark(
        level="problem",
        code="zero_signal",
        message=f"No signal passes {passage.at(silent)}: its output is exactly 0.",
        measured=0.0,
        limit=0.0,
        source="every value of it, over all inputs and seeds",
    )


def _no_gradient(passage: Passage) -> Remark | None:
    cut = passage.without_gradient
    if not cut or passage.underflows:
        return None
    return Remark(
        level="problem",
        code="zero_gradient",
        message=f"No gradient reaches {_numbered(passage)}: {_blocker(passage, cut[-1] + 1)}.",
        measured=0.0,
        limit=0.0,
        source="exactly 0, not small",
    )


def _numbered(passage: Passage) -> str:
    """The layers whose gradient is exactly 0."""
    cut = passage.without_gradient
    return f"layers {cut[0] + 1} to {cut[-1] + 1}" if len(cut) > 1 else passage.at(cut[-1])


def _blocker(passage: Passage, place: int) -> str:
    """What stands between a gradient of exactly 0 and the one behind it."""
    if place >= len(passage.layers):
        return "the outputs do not depend on it"
    module = passage.layers[place].module
    own = [g for g in passage.series.gradients if g.name.rpartition(".")[0] == module]
    if any(g.rms == 0.0 and "weight" in g.name for g in own):
        return f"{passage.at(place)} is all zeros"
    return f"none comes back through {passage.at(place)}"


def _input_lost(passage: Passage) -> Remark | None:
    left = passage.input_share
    if left is None or left >= LOST:
        return None
    why = "it is all bias" if passage.biased else "it is the same for every input"
    shown = "< 0.0001 %" if left < 1e-6 else f"{100 * left:.2g} %"
    return Remark(
        level="problem",
        code="input_lost",
        message="Outputs no longer depend on the input.",
        below=f"{_size(passage)}, but {why}: {shown} of it depends on the input; float16 tells "
        f"apart {100 * LOST:g} %.",
        measured=left,
        limit=LOST,
        source="float16 keeps 11 bits: one part in 2,048",
    )


def _size(passage: Passage) -> str:
    """The last layer's rms, and whether it looks steady over the second half of the depth."""
    sizes = [rms for rms in passage.rms[len(passage.rms) // 2 :] if rms]
    steady = bool(sizes) and max(sizes) <= 2 * min(sizes)
    return f"The size {'looks steady at' if steady else 'is'} {number(passage.rms[-1] or 0.0)}"


def _signal(passage: Passage) -> Remark | None:
    step = factor_per_layer(passage.rms)
    total, last = change(step, len(passage.layers)), passage.rms[-1]
    if step is None or last is None or 1 / SIGNAL <= total <= SIGNAL:
        return None
    if STEADY[0] <= last <= STEADY[1]:
        return None
    falls = total < 1
    return Remark(
        level="problem" if last < SMALLEST_NORMAL or total > SIGNAL**3 else "warning",
        code="vanishing_signal" if falls else "exploding_signal",
        message=f"The signal {'falls' if falls else 'grows'} by {factor(step)} a layer.",
        below=f"It is {number(last)} at {passage.at(len(passage.layers) - 1)}; {HALF}."
        if falls
        else f"It is {number(last)} at {passage.at(len(passage.layers) - 1)}.",
        measured=step,
        limit=1.0,
        source=f"more than {factor(SIGNAL)} over {counted(len(passage.layers), 'layer')}",
    )


def _gradient(passage: Passage) -> Remark | None:
    ahead = factor_per_layer(passage.gradients)
    step = None if ahead is None else 1 / ahead  # from a layer to the one before it
    total = change(step, len(passage.layers))
    if step is None or 1 / GRADIENT <= total <= GRADIENT:
        return None
    falls = total < 1
    word = "falls" if falls else "grows"
    return Remark(
        level="problem" if not 1 / GRADIENT**2 <= total <= GRADIENT**2 else "warning",
        code="vanishing_gradient" if falls else "exploding_gradient",
        message=f"The gradient {word} by {factor(step)} a layer, from the last to the first.",
        below=_left(passage) if falls else "",
        measured=step,
        limit=1.0,
        source=f"more than {factor(GRADIENT)} over {counted(len(passage.layers), 'layer')}",
    )


def _left(passage: Passage) -> str:
    """What is left of the gradient at the first layers."""
    if passage.without_gradient:
        return f"It is exactly 0 in {_numbered(passage)}, below what the dtype can hold."
    first = next((gradient for gradient in passage.gradients if gradient), 0.0)
    return f"{number(first)} is left at layer 1."


def _dead(passage: Passage) -> Remark | None:
    layers = passage.series.layers
    worst = max(layers, key=lambda layer: layer.forward.dead_fraction or 0.0)
    dead = worst.forward.dead_fraction or 0.0
    if dead < DEAD:
        return None
    return Remark(
        level="warning",
        code="dead_units",
        message=f"{share(dead)} of the units of {worst.name} are 0 for every input.",
        measured=dead,
        limit=DEAD,
        source="no gradient reaches a unit that is 0 for the whole batch",
    )


def _saturated(passage: Passage) -> Remark | None:
    layers = passage.series.layers
    worst = max(layers, key=lambda layer: layer.forward.saturated_fraction or 0.0)
    caught = worst.forward.saturated_fraction or 0.0
    if caught < SATURATED:
        return None
    return Remark(
        level="warning",
        code="saturated",
        message=f"{share(caught)} of the values of {worst.name} are saturated.",
        measured=caught,
        limit=SATURATED,
        source="a saturated unit passes hardly any gradient: |tanh| > 0.97 and the like",
    )


CHECKS: Final[tuple[Callable[[Passage], Remark | None], ...]] = (
    _silence,
    _no_gradient,
    _input_lost,
    _signal,
    _gradient,
    _dead,
    _saturated,
)
