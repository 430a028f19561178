"""A measured series beside theory: where it leaves its band, and where the mean tells nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from app.core.meanfield.bands import (
    EXPANDED,
    MISLEADING,
    Band,
    below_mean,
    median_rms,
    misleads,
    seeds_band,
)
from app.core.propagation import CHECKPOINT, Layer, Theory
from app.core.troubles import Passage, Remark
from app.core.wording import counted, factor, number

ALARM: Final = 1e-3  # chance that one series of a network that obeys theory is remarked on
OWN_ERROR: Final = 1.1  # of theory's rms: its worst node of 22 validated networks is 10 % off
STEPS: Final = 4  # layers, at least, of a chain that is said to steepen
STEEPER: Final = 2.0  # the last step of log q beside the first
SOURCE: Final = "a false remark in 1 of 1,000 series, shared among its layers; 10 % for theory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One layer's measured median and the band that theory has for it."""

    place: int
    measured: float
    band: Band

    @property
    def ratio(self) -> float:
        """Measured ÷ theory's median."""
        return self.measured / self.band.median

    @property
    def outside(self) -> bool:
        """Whether neither chance nor theory's own error explains the difference."""
        return not self.band.low / OWN_ERROR <= self.measured <= self.band.high * OWN_ERROR


def departure(passage: Passage, *, seeds: int) -> Remark | None:
    """Where the measured size leaves what theory expects of networks of this width.

    Args:
        passage: With theory beside its layers.
        seeds: Networks behind its medians.
    """
    alike = 1 if passage.series.scheme == CHECKPOINT else seeds  # one network, whatever its inputs
    compared = _compared(passage.layers, seeds=alike)
    away = [one for one in compared if one.outside]
    if not away:
        return None
    first, last = away[0], away[-1]
    rest = [one for one in compared if one.place >= first.place]
    onwards = len(away) > 1 and len(away) == len(rest)
    where = f"From {passage.at(first.place)} on" if onwards else f"At {passage.at(first.place)}"
    shown = last if onwards else first
    others = "" if onwards or len(away) == 1 else f" So it is at {counted(len(away), 'layer')}."
    return Remark(
        level="info",
        code="off_theory",
        message=f"{where}, the signal is {factor(shown.ratio)} what theory expects of this "
        f"network{_by_end(shown, passage, onwards=onwards)}.{others}",
        below=_explained(passage, shown),
        measured=shown.ratio,
        limit=OWN_ERROR,
        source=SOURCE,
    )


def _compared(layers: Sequence[Layer], *, seeds: int) -> list[Compared]:
    """The layers that theory speaks of, with bands that hold all of them but one in 1 / ALARM."""
    told = [
        (place, measured, layer.theory)
        for place, (layer, holds) in enumerate(zip(layers, held(layers), strict=True))
        if holds and (measured := layer.forward.rms_median) and math.isfinite(measured)
        if layer.theory is not None and _predicts(layer.theory)
    ]
    share = 1 - ALARM / max(len(told), 1)
    return [
        Compared(
            place=place,
            measured=measured,
            band=seeds_band(theory.rms or 0.0, theory.sd_log or 0.0, seeds=seeds, share=share),
        )
        for place, measured, theory in told
    ]


def _predicts(theory: Theory) -> bool:
    """Whether theory has a size, and a spread small enough that its expansion holds."""
    return bool(theory.rms) and theory.sd_log is not None and theory.sd_log <= EXPANDED


def _by_end(shown: Compared, passage: Passage, *, onwards: bool) -> str:
    return f" at {passage.at(shown.place)}" if onwards else ""


def _explained(passage: Passage, shown: Compared) -> str:
    told = f"{number(shown.measured)} where theory's median is {number(shown.band.median)}."
    if passage.series.scheme == CHECKPOINT:
        return (
            f"{told} Theory takes the weights for independent draws; after training they are not."
        )
    return told


def misleading_mean(passage: Passage) -> Remark | None:
    """Where the mean over networks says little of one of them, and why."""
    layers = [layer for layer in passage.layers if layer.theory is not None]
    if not layers:
        return None
    spreads = [layer.theory.sd_log or 0.0 for layer in layers if layer.theory]
    unstable = _unstable(layers)
    limit = EXPANDED if unstable else MISLEADING
    told = unstable or _multiplied(layers)
    place = next((at for at, spread in enumerate(spreads) if spread >= limit), None)
    if place is None or not told:
        return None
    at = passage.layers.index(layers[place])
    return Remark(
        level="info",
        code="mean_misleads",
        message=f"From {passage.at(at)} on, the mean over networks says little of one network.",
        below=told,
        measured=max(spreads),
        limit=limit,
        source="at an sd of log rms² of 1.35 the mean of a log-normal is above three of four; "
        "where small differences grow, the spread itself is only known to first order, up to 1",
    )


def held(layers: Sequence[Layer]) -> tuple[bool, ...]:
    """For each layer of a chain, whether theory's band of single networks holds there.

    Where the fall steepens, small differences grow, and the spread is known to first order only:
    from where it is too large, no later one is known, however small it comes out.
    """
    if not _unstable([layer for layer in layers if layer.theory is not None]):
        return (True,) * len(layers)
    spreads = [(layer.theory.sd_log if layer.theory else None) or 0.0 for layer in layers]
    return tuple(spread <= EXPANDED for spread in accumulate(spreads, max))


def _unstable(layers: Sequence[Layer]) -> str:
    """Why no mean describes a network whose fall steepens; "" where it does not.

    Of a chain of equal layers, q' = f(q), a small change of log q at the first layer is multiplied
    on the way to the last by the ratio of the last step of log q to the first.
    """
    q = [layer.theory.rms**2 for layer in layers if layer.theory and layer.theory.rms]
    if len(q) < STEPS or not all(0 < one < math.inf for one in q):
        return ""
    first, last = math.log(q[1] / q[0]), math.log(q[-1] / q[-2])
    if first == 0 or last / first < STEEPER:
        return ""
    return (
        f"q changes by {factor(math.exp(first))} a layer at first and by {factor(math.exp(last))} "
        f"at the end, so differences between networks and inputs grow {factor(last / first)} on "
        "the way, and a few of them carry the mean. Theory's band ends there, and from there on "
        "its line is a first guess."
    )


def _multiplied(layers: Sequence[Layer]) -> str:
    """Where the mean lies among networks whose layers multiply one another's chances."""
    theory = layers[-1].theory
    if theory is None or not theory.rms or not misleads(theory.sd_log or 0.0):
        return ""
    sd_log = theory.sd_log or 0.0
    return (
        "Each layer multiplies the last one's chance: "
        f"{100 * below_mean(sd_log):.0f} % of networks "
        f"end below it; their median is {number(median_rms(theory.rms, sd_log))}, "
        f"the mean {number(theory.rms)}."
    )
