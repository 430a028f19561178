"""The charts over depth of a propagation report: size, gradient, input share and units."""

from __future__ import annotations

import math
from typing import Literal

from app.charts.propagation import Level, SignalLine, SignalPlot, Values, depth, points
from app.charts.propagation_frame import DepthFrame, Span
from app.charts.propagation_layout import log_range, strips
from app.charts.propagation_lines import (
    Around,
    Reading,
    Words,
    drawn_series,
    line,
    lost,
    plot,
    read,
    zeros,
)
from app.core.meanfield.bands import median_rms, network_band
from app.core.propagation import PropagationReport, Series, Theory

ZONE: Span = (0.5, 2.0)  # sizes that depth has changed by no more than a factor of two
FLOAT16_NORMAL = 2.0**-14  # the smallest normal number of float16, 6.1e-5
# Below this share the spread over inputs is the rounding of the dtype, not the network's.
ROUNDING = {"float64": 1e-15, "float32": 1e-7, "float16": 1e-3, "bfloat16": 1e-2}
HEADROOM = 1.08
FAR = 100.0  # factor from theory's median beyond which its band may leave the axis
LEAST_PERCENT = 10.0


def plots(report: PropagationReport) -> tuple[SignalPlot, ...]:
    """Every chart over depth that this report has values for."""
    if depth(report) == 0:
        return ()
    made = [_forward(report), _backward(report), _share(report)]
    made += [_units(report, "dead"), _units(report, "saturated")]
    return tuple(one for one in made if one is not None)


def plot_of(report: PropagationReport, key: str) -> SignalPlot | None:
    """The chart of this key, None where the report has no values for it."""
    return next((one for one in plots(report) if one.key == key), None)


def _forward(report: PropagationReport) -> SignalPlot | None:
    reading = Reading(
        value=lambda layer: layer.forward.rms_median,
        band=lambda layer: layer.forward.rms_band,
        theory=lambda layer: _median(layer.theory),
        nonfinite=lambda layer: layer.forward.nonfinite,
        expected=lambda layer: _networks(layer.theory),
    )
    words = Words(
        key="forward",
        title="Forward: size of the signal",
        note="RMS, log scale",
        y_title="RMS",
        caption=(
            "Outputs of the operations with a weight, before what follows them. Shaded zone: 0.5 "
            "to 2."
        ),
    )
    return _logarithmic(report, reading, words, levels=(_float16(),))


def _median(theory: Theory | None) -> float | None:
    """What single networks of this width centre on; the mean where their spread is not known."""
    if theory is None or theory.rms is None:
        return None
    return theory.rms if theory.sd_log is None else median_rms(theory.rms, theory.sd_log)


def _networks(theory: Theory | None) -> tuple[float, float] | None:
    """Where 95 % of single networks of this width lie."""
    if theory is None or theory.rms is None or theory.sd_log is None:
        return None
    band = network_band(theory.rms, theory.sd_log)
    return band.low, band.high


def _backward(report: PropagationReport) -> SignalPlot | None:
    reading = Reading(
        value=lambda layer: layer.backward.grad_rms_median if layer.backward else None,
        band=lambda layer: layer.backward.grad_rms_band if layer.backward else None,
        theory=lambda layer: layer.theory.grad_rms if layer.theory else None,
        nonfinite=lambda layer: layer.backward.nonfinite if layer.backward else 0,
    )
    words = Words(
        key="backward",
        title="Backward: size of the gradient",
        note="RMS, log scale",
        y_title="RMS of the gradient",
        caption=(
            "Read it from right to left: an N(0, 1) gradient enters at the network's output. "
            "Below the dotted line float16 loses digits, then everything."
        ),
    )
    return _logarithmic(report, reading, words, levels=(_float16(),))


def _share(report: PropagationReport) -> SignalPlot | None:
    reading = Reading(
        value=lambda layer: layer.forward.input_share,
        band=lambda layer: layer.forward.input_share_band,
        theory=lambda layer: layer.theory.input_share if layer.theory else None,
        nonfinite=lambda _layer: 0,
    )
    rounding = ROUNDING.get(report.dtype, ROUNDING["float32"])
    words = Words(
        key="share",
        title="How much still depends on the input",
        note="log scale",
        y_title="input share",
        caption=(
            "Spread across different inputs ÷ total size. Near 0, every input gives the same "
            f"output. Below the dotted line it is the rounding of {report.dtype}."
        ),
    )
    level = Level(value=rounding, text=f"{report.dtype} rounding")
    least = _least_share(report)
    # Room for the words below the line where the shares come down to it.
    low = rounding / 8 if least < 30 * rounding else 0.1
    return _logarithmic(report, reading, words, levels=(level,), keep=(low, 1.0))


def _least_share(report: PropagationReport) -> float:
    shares = (layer.forward.input_share for one in report.series for layer in points(one))
    return min((share for share in shares if share), default=1.0)


def _float16() -> Level:
    return Level(value=FLOAT16_NORMAL, text="float16 smallest normal")


def _units(report: PropagationReport, key: Literal["dead", "saturated"]) -> SignalPlot | None:
    dead = key == "dead"
    words = Words(
        key=key,
        title=f"Dead units (zero for all {report.batch} inputs)" if dead else "Saturated values",
        note="" if dead else "|tanh| > 0.97 and the like",
        y_title="% of units" if dead else "% of values",
        caption=(
            "Such a unit passes no gradient. Once all inputs have collapsed to one, about half "
            "of the units are off for every input."
            if dead
            else "Where an activation saturates, its slope is almost 0 and so is its gradient."
        )
        + " Taken from the activations that follow each layer; of several, the largest.",
    )
    lines = [line(one, _percents(one.series, key)) for one in drawn_series(report)]
    if all(value is None for one in lines for value in one.y):
        return None
    top = max(value for one in lines for value in one.y if value is not None)
    span = (0.0, min(max(top * HEADROOM, LEAST_PERCENT), 100.0))
    frame = DepthFrame(depth=depth(report), y_range=span, log=False, y_title=words.y_title)
    return plot(report, words, lines, frame, Around(floor=0.0))


def _percents(series: Series, key: Literal["dead", "saturated"]) -> Values:
    """The largest share among the operations from one layer to the next, percent."""
    weighted = any(layer.weighted for layer in series.layers)
    found: list[float | None] = [None] * len(points(series))
    at = -1
    for layer in series.layers:
        at += layer.weighted or not weighted
        forward = layer.forward
        share = forward.dead_fraction if key == "dead" else forward.saturated_fraction
        if share is not None:
            place = max(at, 0)
            found[place] = max(found[place] or 0.0, 100 * share)
    return tuple(found)


def _shown(one: SignalLine) -> Values:
    """The edges of theory's band that the axis makes room for: no further than FAR from it."""
    lows = zip(one.theory, one.expected_low, strict=False)
    highs = zip(one.theory, one.expected_high, strict=False)
    near = [max(low, middle / FAR) for middle, low in lows if middle and low is not None]
    near += [min(high, middle * FAR) for middle, high in highs if middle and high is not None]
    return tuple(near)


def _logarithmic(
    report: PropagationReport,
    reading: Reading,
    words: Words,
    *,
    levels: tuple[Level, ...],
    keep: Span = ZONE,
) -> SignalPlot | None:
    lines = read(report, reading)
    missing = lost(report, reading, lines)
    if not missing and all(value is None for one in lines for value in one.y):
        return None
    rows = strips(zeros(lines), zero=True) + strips(missing, zero=False)
    below = sum(row.zero for row in rows)
    values = [
        value
        for one in lines
        for value in (*one.y, *one.low, *one.high, *one.theory, *_shown(one))
        if value is not None
    ]
    span, floor = log_range(values, keep=keep, below=below, above=len(rows) - below)
    frame = DepthFrame(
        depth=depth(report),
        y_range=span,
        log=True,
        y_title=words.y_title,
        names_left=words.key == "backward",
    )
    zone = ZONE if keep == ZONE else None
    seen = tuple(level for level in levels if floor < math.log10(level.value))
    around = Around(floor=floor, zone=zone, levels=seen, strips=rows)
    return plot(report, words, lines, frame, around)
