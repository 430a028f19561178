"""Single values at exactly ±2, where an inverse that overflowed was clamped to the cut.

Earlier torch and timm draw trunc_normal_ as erfinv of a uniform draw, which is exactly ±1 once in
2²³ values; its inverse is infinite and is clamped to the cut, 100 σ out at std 0.02.

Source:
    timm.layers.weight_init._trunc_normal_, timm 1.0; torch.nn.init.trunc_normal_ of earlier torch.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import gammainc

from app.core.cells import Cells
from app.core.moments import Moments
from app.core.statistics import Sketch

RATE = 2.0**-23  # of ±1 among the values of uniform_(-1, 1)
CHANCE = 1e-6  # of as many at that rate, below which they are no accident
APART = 0.5  # share of the cut within which all other values must lie


def without_clamped(sketch: Sketch, end: float) -> Sketch | None:
    """The sketch without the values at exactly ±end.

    Args:
        sketch: All finite.
        end: Where the draw is clamped, above 0.

    Returns:
        None where there are none, or more than that accident brings about, or others near them.
    """
    ends = {value for value in (sketch.minimum, sketch.maximum) if value in (-end, end)}
    if not ends or sketch.nonfinite:
        return None
    cells = sketch.cells
    far = np.maximum(np.abs(cells.low), np.abs(cells.high)) > APART * end
    number = int(cells.counts[far].sum())
    down, up = far & (cells.low < 0), far & (cells.low > 0)
    alone = {*cells.low[down].tolist(), *cells.high[up].tolist()}
    if alone != ends or number == sketch.count:
        return None
    if float(gammainc(number, sketch.count * RATE)) < CHANCE:
        return None
    kept = Cells(low=cells.low[~far], high=cells.high[~far], counts=cells.counts[~far])
    above = int(cells.counts[up].sum())
    return replace(
        sketch,
        count=sketch.count - number,
        minimum=float(kept.low[0]),
        maximum=float(kept.high[-1]),
        moments=_less(sketch.moments, {end: above, -end: number - above}),
        cells=kept,
    )


def _less(moments: Moments, removed: dict[float, int]) -> Moments:
    """Central sums without some values: the raw power sums are subtracted."""
    unit, n = moments.exponent, moments.count
    mean = math.ldexp(moments.mean, -unit)
    raw = [
        n * mean,
        moments.m2 + n * mean**2,
        moments.m3 + 3 * mean * moments.m2 + n * mean**3,
        moments.m4 + 4 * mean * moments.m3 + 6 * mean**2 * moments.m2 + n * mean**4,
    ]
    for value, times in removed.items():
        x = math.ldexp(value, -unit)
        raw = [total - times * x**power for power, total in enumerate(raw, start=1)]
    kept = n - sum(removed.values())
    first, second, third, fourth = raw
    new = first / kept
    return replace(
        moments,
        count=kept,
        mean=math.ldexp(new, unit),
        mean_low=0.0,
        m2=second - kept * new**2,
        m3=third - 3 * new * second + 2 * kept * new**3,
        m4=fourth - 4 * new * third + 6 * new**2 * second - 3 * kept * new**4,
    )
