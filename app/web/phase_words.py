"""The phase view in words: what becomes of layers like this one, and of a network's layers."""

from __future__ import annotations

import math

import numpy as np

from app.core.meanfield.plane.phase import FixedPoint
from app.core.report import Sign
from app.web import filters
from app.web.contexts import Fact
from app.web.phase_choices import OWN
from app.web.phase_subjects import PhaseSubject
from app.web.propagation_words import factor, short
from app.web.wording import scheme_name

ALIKE = math.log(100)  # depth scales until 1 % of a difference is left
FAR = 1000.0  # layers; beyond any network


def layers_text(depth: float) -> str:
    """A depth scale: "5.2 layers", "more than 1,000 layers", "no depth"."""
    if math.isinf(depth) or depth > FAR:
        return "more than 1,000 layers"
    return "less than a layer" if depth < 1 else f"{filters.number(depth, 2)} layers"


def alike_within(depth: float) -> str:
    """In how many layers two inputs become alike: "within 24 layers"."""
    if math.isinf(depth) or ALIKE * depth > FAR:
        return "only beyond 1,000 layers"
    return f"within {filters.plural(max(1, math.ceil(ALIKE * depth)), 'layer')}"


def headline(subject: PhaseSubject) -> tuple[Sign, str]:
    """What becomes of a deep network of such layers, and how serious it is."""
    found = subject.found
    if math.isinf(found.q):
        return "problem", "The signal explodes: no size of it stays."
    if found.q == 0:
        if found.phase == "critical":
            return "as_expected", "On the edge of chaos: q falls, but by no factor a layer."
        return "problem", f"The signal fades to 0: q falls by {factor(found.chi)} a layer."
    if found.phase == "critical":
        return "as_expected", "On the edge of chaos: neither signal nor gradient fades or explodes."
    if found.phase == "ordered":
        return "no_match", (
            f"Ordered: two inputs become alike {alike_within(found.correlation_depth)}, and the "
            f"gradient falls by {factor(math.sqrt(found.chi))} a layer."
        )
    return "no_match", (
        f"Chaotic: two inputs part to a correlation of {filters.number(found.correlation, 2)}, and "
        f"the gradient grows by {factor(math.sqrt(found.chi))} a layer."
    )


def facts(subject: PhaseSubject) -> tuple[Fact, ...]:
    """The numbers of the chosen layer."""
    found = subject.found
    settles = 0 < found.q < math.inf
    return (
        Fact(name="q*, where the size settles", value=_settles(found)),
        Fact(name="χ₁, the gradient's q a layer", value=filters.number(found.chi, 4)),
        Fact(name="depth scale of the size", value=layers_text(found.signal_depth)),
        Fact(
            name="depth scale of likeness",
            value=layers_text(found.correlation_depth) if settles else filters.NONE,
        ),
        Fact(
            name="c*, correlation at the end",
            value=filters.number(found.correlation, 3) if settles else filters.NONE,
        ),
        Fact(name="edge of chaos at this σ_b", value=_edge(subject)),
    )


def _settles(found: FixedPoint) -> str:
    if math.isinf(found.q):
        return "nowhere: it explodes"
    return "0: it fades" if found.q == 0 else short(found.q)


def _edge(subject: PhaseSubject) -> str:
    if subject.critical is None:
        return "none"
    where = f"σ_w = {filters.number(subject.critical, 4)}"
    return f"{where}, q\u00a0→\u00a00" if subject.edge_fades else where


def about_activation(subject: PhaseSubject) -> str:
    """What is particular about the diagram of this activation; "" of a usual one."""
    activation = subject.activation
    if activation.homogeneous is not None:
        low, high = activation.homogeneous
        edge = math.sqrt(2 / (low**2 + high**2))
        return (
            f"{activation.name} has no scale of its own, so there is no chaotic phase: q settles "
            f"only left of σ_w = {filters.number(edge, 4)}, and its edge of chaos is the one "
            f"point σ_w = {filters.number(edge, 4)}, σ_b = 0, where every q stays."
        )
    if subject.critical is None and subject.fading is not None:
        return (
            f"Without biases {activation.name} has no edge of chaos: from q = 1 the signal fades "
            f"to 0 up to σ_w = {filters.number(subject.fading, 4)} and explodes beyond it."
        )
    if subject.critical is None:
        return (
            f"At this σ_b {activation.name} has no edge of chaos: before χ₁ reaches 1, q leaves "
            "for another size."
        )
    return ""


def layers_sentence(subject: PhaseSubject) -> str:
    """Where a network's layers lie; "" without any."""
    total = len(subject.placed)
    if not total:
        return ""
    settled = subject.settled
    gone = np.isinf(settled.q)
    counts = (
        ("ordered", settled.ordered & ~gone, _ordered(subject)),
        ("chaotic", settled.chaotic & ~gone, "two inputs part and the gradient grows"),
        ("exploding", gone, "the signal grows without end"),
        ("critical", ~settled.ordered & ~settled.chaotic & ~gone, "what enters comes through"),
    )
    told = [
        (int(cells.sum()), f"in the {name} phase" if name != "critical" else "on the edge", effect)
        for name, cells, effect in counts
        if cells.any()
    ]
    told.sort(key=lambda one: -one[0])
    count, where, effect = told[0]
    first = (
        f"{'All' if count == total else f'{count:,} of'} {filters.plural(total, 'layer')} "
        f"{'lie' if total > 1 else 'lies'} {where}: {effect}"
    )
    rest = ", ".join(f"{number:,} {where}" for number, where, _ in told[1:])
    between = ", were there nothing between them" if subject.interrupted else ""
    return f"{first}{between}; {rest}." if rest else f"{first}{between}."


def _ordered(subject: PhaseSubject) -> str:
    settled = subject.settled
    alive = settled.ordered & np.isfinite(settled.q)
    if not alive.any():
        return ""
    if not (settled.q[alive] > 0).any():
        return "the signal fades to 0"
    depth = float(np.median(settled.correlation_depth[alive]))
    return f"two inputs become alike {alike_within(depth)}"


def notes(subject: PhaseSubject, *, beyond: int) -> tuple[str, ...]:
    """What the diagram does not know of this network."""
    network, found = subject.network, []
    if about := about_activation(subject):
        found.append(about)
    if network is None:
        return tuple(found)
    if not network.placed:
        found.append(_nothing_placed(network.drawable))
    if network.placed and not subject.choices.act and network.activation is None:
        found.append(f"The file does not tell its activations: {subject.name} is assumed.")
    if network.norms:
        many = filters.plural(network.norms, "normalisation")
        found.append(
            f"{many} reset the size of the signal: read the layers one by one, not on end."
        )
    if network.sums:
        many = filters.plural(network.sums, "sum")
        found.append(f"{many} of two signals: a residual path forgets slower than its branches.")
    if beyond:
        found.append(f"{filters.plural(beyond, 'layer')} beyond the picture at its rim.")
    return tuple(found)


def _nothing_placed(drawable: bool) -> str:
    if drawable:
        return "The network has no linear or convolutional layer to place."
    return "Nothing is known of this file's layers yet: measure its propagation first."


def drawn_by(scheme: str) -> str:
    """What the layers that are shown come from: "your weights", "Kaiming normal (fan_in)"."""
    return "your weights" if scheme == OWN else scheme_name(scheme)


def likeness(subject: PhaseSubject) -> str:
    """What becomes of the correlation of two inputs, in a sentence."""
    found = subject.found
    if math.isinf(found.q) or found.q == 0:
        gone = "explodes" if found.q else "fades"
        return f"The signal {gone}; this is the map that it tends to on the way."
    return f"Two inputs come to a correlation of {filters.number(found.correlation, 3)}."
