"""The law behind values whose units are known: a line fitted, then the numbers torch was given.

At the right place of a stream a tensor's values are a line in the units drawn there. For values
that have nothing to do with the stream, m of them follow a line through 0 with a squared
correlation above R² with odds of at most `(1 - R²)**((m - 1) / 2)`, and any line with `(m - 2) / 2`
in the exponent: so many bits of evidence does a fit give, less those of the places that were tried.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.generator import Drawn
from app.core.targets import Sought

Values: TypeAlias = NDArray[np.float32]
Reals: TypeAlias = NDArray[np.float64]

EXACT_FIT: Final = 2.0**-50  # 1 - R² of rounded values cannot be told from 0
SETTLING: Final = 4  # times that a line is fitted again without what lies far from it
FAR: Final = 4.0  # median distances from the line
NEIGHBOURS: Final = 4  # float32 numbers on each side of a fitted parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Values against the units drawn for them."""

    location: float  # value at unit 0
    scale: float  # value units per unit
    bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A draw's two parameters: ends of a uniform law, or mean and std."""

    first: float
    second: float

    def values(self, unit: Reals, drawn: Drawn) -> Values:
        """What torch makes of units under this law."""
        if drawn == "uniform":
            span = float(np.float32(self.second) - np.float32(self.first))
            return np.asarray((unit + 1.0) * (span / 2) + self.first, np.float32)
        return np.asarray(unit * self.second + self.first, np.float32)

    def std(self, drawn: Drawn) -> float:
        """In weight units."""
        return (self.second - self.first) / math.sqrt(12) if drawn == "uniform" else self.second


def law_of(sought: Sought, part: slice, unit: Reals, line: Line, drawn: Drawn) -> Law:
    """The law that gives most of a part bit for bit, else the line's own.

    Args:
        sought: The tensor.
        part: Of its values.
        unit: What was drawn for them.
        line: Fitted to them.
        drawn: How.
    """
    values = sought.values[part]
    settled = _settled(values, unit, line)
    best, most = _fallback(settled, drawn), 0
    for law in _laws(sought, values, unit, settled, drawn):
        equal = int(np.count_nonzero(law.values(unit, drawn) == values))
        if equal > most:
            best, most = law, equal
        if equal == values.size:
            break
    return best


def fitted_line(values: Values, unit: Reals) -> Line | None:
    """The better of a line through 0 and any line, through the values that are not 0."""
    kept = values != 0
    w, x = values[kept].astype(np.float64), unit[kept]
    if w.size < 2 or not np.isfinite(w).all():
        return None
    through = _fit(w, x, free=1)
    if w.size < 4:
        return through
    mean_w, mean_x = float(w.mean()), float(x.mean())
    anywhere = _fit(w - mean_w, x - mean_x, free=2)
    if anywhere.bits - 1.0 <= through.bits:
        return through
    location = mean_w - anywhere.scale * mean_x
    return Line(location=location, scale=anywhere.scale, bits=anywhere.bits - 1.0)


def _fit(w: Reals, x: Reals, *, free: int) -> Line:
    across, own, other = float(w @ x), float(x @ x), float(w @ w)
    if across <= 0 or own == 0 or other == 0:
        return Line(location=0.0, scale=1.0, bits=0.0)
    scale = across / own
    rest = float(np.square(w - scale * x).sum()) / other
    bits = -0.5 * (w.size - free) * math.log2(min(1.0, max(rest, EXACT_FIT)))
    return Line(location=0.0, scale=scale, bits=bits)


def _settled(values: Values, unit: Reals, line: Line) -> Line:
    """The line through the values that agree best: some may have moved far."""
    for _ in range(SETTLING):
        away = np.abs(values - line.location - line.scale * unit)
        kept = (away <= FAR * float(np.median(away))) & (values != 0)
        again = fitted_line(values[kept], unit[kept])
        if again is None:
            break
        line = again
    return line


def _fallback(line: Line, drawn: Drawn) -> Law:
    if drawn == "uniform":
        return Law(first=line.location - line.scale, second=line.location + line.scale)
    return Law(first=line.location, second=line.scale)


def _laws(sought: Sought, values: Values, unit: Reals, line: Line, drawn: Drawn) -> Iterator[Law]:
    """Laws near a line, the likely ones first: known, symmetric, then any."""
    centred = abs(line.location) < 1e-3 * line.scale
    if drawn == "uniform":
        known = [bound for bound in sought.bounds if abs(bound / line.scale - 1) < 0.05]
        for bound in itertools.chain(*(_near(bound) for bound in (*known, line.scale))):
            yield Law(first=-bound, second=bound)
        ends = _near(line.location - line.scale), _near(line.location + line.scale)
        yield from (Law(first=low, second=high) for low, high in itertools.product(*ends))
        return
    means = [0.0] if centred else _near(line.location)
    known = [std for std in sought.stds if abs(std / line.scale - 1) < 0.05]
    if drawn == "small_normal":
        scales = [*known, line.scale, *_between(values, unit)]
    else:
        scales = list(itertools.chain(*(_near(std) for std in (*known, line.scale))))
    yield from (Law(first=mean, second=std) for mean, std in itertools.product(means, scales))


def _near(value: float) -> list[float]:
    """A value as float32 and its neighbours, nearest first; 0 where it is close to it."""
    found = [np.float32(value)]
    up = down = np.float32(value)
    for _ in range(NEIGHBOURS):
        up = np.nextafter(up, np.float32(math.inf))
        down = np.nextafter(down, np.float32(-math.inf))
        found += [up, down]
    return [0.0, *(float(one) for one in found)] if abs(value) < 1e-6 else [float(o) for o in found]


def _between(values: Values, unit: Reals) -> Sequence[float]:
    """A std, of more than float32's digits, that all values allow; none if they allow none."""
    told = (unit != 0) & (values != 0)
    exact, drawn = np.abs(values[told]), np.abs(unit[told])
    half = np.spacing(exact).astype(np.float64) / 2
    least = float(((exact - half) / drawn).max(initial=0.0))
    most = float(((exact + half) / drawn).min(initial=math.inf))
    return [(least + most) / 2] if least <= most < math.inf else []
