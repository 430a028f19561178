"""What theory expects of a network under a plan: at once where that is quick, and kept."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeAlias

from app.architecture.branches import values_of
from app.architecture.planning import Planned, planned
from app.core.graph import Graph, Node
from app.core.meanfield.drawn import NONE, drawn_moments
from app.core.meanfield.opening import PLACES
from app.core.meanfield.predict import NORMAL, UNIFORM01, Prediction, Stop, predict
from app.core.meanfield.signals.axes import picture
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.operators import FAMILY
from app.core.plans import Plan, fields_of
from app.core.propagation import InputLaw, Mode, Series

MOST_KEPT: Final = 64  # predictions in memory; one of 5,000 operations takes about 2 MB

AT_ONCE: Final = 2.0  # seconds of `effort` that a page waits for
NODE_SECONDS: Final = 3.5e-4  # of any operation, forward and back; this and what follows: measured
CONVOLUTION_SECONDS: Final = 2e-3  # of one more, whatever its places
STEP_SECONDS: Final = 4e-3  # of a step of a recurrent layer
PICTURE_SECONDS: Final = 1.2e-7  # of two places of a picture
# of two places of one operation; of a picture where the family works on pictures alone
PAIR_SECONDS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("convolution", "pooling", "resampling"), PICTURE_SECONDS),
    **dict.fromkeys(("activation", "arithmetic"), PICTURE_SECONDS / 2),
    **dict.fromkeys(("linear", "norm", "attention", "product", "softmax"), PICTURE_SECONDS / 4),
}
STOPS: Final = "theory stops at "  # begins the note of a series where theory ended

Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a network is given, as in a measurement's order."""

    input: InputLaw = "normal"
    batch: int = 64
    mode: Mode = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A network under a plan, and what theory says of it."""

    planned: Planned
    prediction: Prediction


def expected(
    graph: Graph,
    plan: Plan,
    *,
    own: Mapping[str, WeightMoments] = NONE,
    setting: Setting = Setting(),
) -> Expected:
    """What theory expects of every operation of a network under a plan.

    Args:
        graph: The network as it was built.
        plan: Of `core.plans`; one with the base "checkpoint" needs `own`.
        own: Moments of the values that a file holds, by parameter name.
        setting: What the network is given.

    Raises:
        Invalid: If the plan names what there is not.
    """
    found = planned(graph, plan)
    if setting.input == "file":
        stop = Stop(node="", reason="the inputs of a file obey no law")
        return Expected(planned=found, prediction=Prediction(nodes={}, stops=(stop,)))
    try:
        weights = drawn_moments(found.recipe, own)
    except NoRule as why:
        stop = Stop(node="", reason=str(why))
        return Expected(planned=found, prediction=Prediction(nodes={}, stops=(stop,)))
    prediction = predict(
        found.graph,
        weights=weights,
        inputs=NORMAL if setting.input == "normal" else UNIFORM01,
        batch=_batch(graph, setting),
        training=setting.mode == "train",
    )
    return Expected(planned=found, prediction=prediction)


def effort(graph: Graph) -> float:
    """About how many seconds of one core theory takes for a network, from its shapes alone.

    Returns:
        What each operation takes, and the pairs of its places; right within a factor of three on
        the machine that it was measured on.
    """
    places: dict[str, int] = {}
    seconds = 0.0
    for node in graph.nodes:
        here = _places(node, places)
        if here > PLACES:  # where theory stops
            break
        seconds += NODE_SECONDS + _seconds(node, here)
        places |= dict.fromkeys(filter(None, node.results), here)
    return seconds


def _seconds(node: Node, places: int) -> float:
    """Of one operation, beside what any takes."""
    family = FAMILY.get(node.op, "")
    if family == "recurrent":
        return STEP_SECONDS * places * _layers(node)
    pair = PICTURE_SECONDS if _by_channels(node) else PAIR_SECONDS.get(family, 0.0)
    return pair * places**2 + CONVOLUTION_SECONDS * (family == "convolution")


def _layers(node: Node) -> int:
    """Layers of a recurrent operation, each direction counted."""
    many = node.arguments.get("num_layers", 1)
    return (many if isinstance(many, int) else 1) * (
        2 if node.arguments.get("bidirectional") else 1
    )


def is_quick(graph: Graph) -> bool:
    """Whether a page may wait for theory; else a measurement calculates and keeps it."""
    return effort(graph) <= AT_ONCE


def kept_in(series: Series) -> Prediction:
    """The theory that a measurement has kept beside its numbers; nothing of its gradients."""
    nodes = {layer.name: layer.theory for layer in series.layers if layer.theory is not None}
    said = [note.removeprefix(STOPS) for note in series.notes if note.startswith(STOPS)]
    parted = [one.rpartition(": ") for one in said]
    stops = tuple(Stop(node=node, reason=reason) for node, _, reason in parted)
    return Prediction(nodes=nodes, stops=stops)


class Expectations:
    """The predictions of the last plans, so that a page may ask for one again."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Keep at most `most` of them."""
        self._most = most
        self._kept: OrderedDict[Key, Expected] = OrderedDict()
        self._lock = Lock()

    def of(
        self,
        graph: Graph,
        plan: Plan,
        *,
        key: Key,
        own: Mapping[str, WeightMoments] = NONE,
        setting: Setting = Setting(),
    ) -> Expected:
        """As `expected`, calculated once.

        Args:
            graph: The network as it was built.
            plan: Of `core.plans`.
            key: What tells this network and these moments from all others, such as the ids of
                their files and when they were understood.
            own: Moments of the values that a file holds.
            setting: What the network is given.
        """
        whole = (*key, tuple(fields_of(plan).items()), setting)
        with self._lock:
            known = self._kept.get(whole)
            if known is not None:
                self._kept.move_to_end(whole)
                return known
        found = expected(graph, plan, own=own, setting=setting)
        with self._lock:
            self._kept[whole] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def _batch(graph: Graph, setting: Setting) -> int:
    """Inputs that a measurement runs together: it divides its batch in two."""
    return graph.batch if graph.fixed_batch else max(1, math.ceil(setting.batch / 2))


def _places(node: Node, places: Mapping[str, int]) -> int:
    """Positions of a node's output that theory tells apart."""
    family, shape = FAMILY.get(node.op), node.shapes[0] if node.shapes else ()
    if family in ("convolution", "pooling") or _by_channels(node):
        return _kept(shape[2:])
    if family in ("linear", "embedding", "norm", "recurrent"):
        return _kept(shape[1:-1])
    if family == "attention":
        return _kept(shape[-2:-1])
    return max((places[name] for name in values_of(node) if name in places), default=1)


def _by_channels(node: Node) -> bool:
    """Whether it is a norm whose channels stand before their places."""
    parts = ("batch", "group", "inst")
    return FAMILY.get(node.op) == "norm" and any(part in node.op for part in parts)


def _kept(sizes: tuple[int, ...]) -> int:
    """Places of axes of these sizes; of long ones theory keeps a sample."""
    return math.prod(factor.size for factor in picture(sizes)) if sizes else 1
