"""Propagation reports of small networks carried through in numpy: real numbers, quickly made.

What `probe` measures on torch, here on a plain perceptron, so that pages and figures have
something true to draw without torch.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from app.core.propagation import (
    CHECKPOINT,
    SCHEMA,
    Architecture,
    Backward,
    Forward,
    Layer,
    PropagationReport,
    Series,
    Theory,
    Verdict,
)
from app.core.schemes import BY_ID

MIXED = (
    "torch_default",
    "kaiming_normal(fan_in,relu)",
    "xavier_uniform(gain=1)",
    "lecun_normal",
)
HOSTILE = "<img src=x onerror=alert(1)>"
EDGES = np.linspace(-4, 4, 129)


def _weights(rng, scheme: str, width: int):
    if scheme == "zeros":
        return np.zeros((width, width), np.float32), np.zeros(width, np.float32)
    bias = np.zeros(width)
    if scheme == "torch_default":
        bound = 1 / math.sqrt(width)
        weight = rng.uniform(-bound, bound, (width, width))
        bias = rng.uniform(-bound, bound, width)
    elif scheme.startswith("normal("):
        weight = rng.normal(0, float(scheme[7:-1]), (width, width))
    else:
        gain = math.sqrt(2) if "relu" in scheme else 1.0
        weight = rng.normal(0, gain / math.sqrt(width), (width, width))
    return weight.astype(np.float32), bias.astype(np.float32)


def _rms(values) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _carried(scheme: str, *, depth: int, activation: str, seed: int, dead: int | None, width: int):
    """Pre-activations, activations and gradients of both, layer by layer."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(24, width)).astype(np.float32)
    weights, outputs = [], []
    for layer in range(1, depth + 1):
        drawn = "kaiming_normal(fan_in,relu)" if scheme == CHECKPOINT else scheme
        weight, bias = _weights(rng, "zeros" if layer == dead else drawn, width)
        weights.append(weight)
        before = signal @ weight.T + bias
        signal = np.maximum(before, 0) if activation == "ReLU" else np.tanh(before)
        outputs.append((before, signal))
    gradients = []
    arriving = rng.normal(size=signal.shape).astype(np.float32)
    for weight, (before, after) in zip(reversed(weights), reversed(outputs), strict=True):
        slope = (before > 0) if activation == "ReLU" else 1 - after**2
        inner = (arriving * slope).astype(np.float32)
        gradients.append((inner, arriving))
        arriving = inner @ weight
    return outputs, gradients[::-1]


def _forward(values: list, *, acts: str) -> Forward:
    finite = [part[np.isfinite(part)] for part in values]
    rms = [_rms(part) if part.size else None for part in finite]
    known = [one for one in rms if one is not None]
    shares = [
        min(float(_rms(part - part.mean(0)) / _rms(part)), 1.0) if _rms(part) else 0.0
        for part in values
        if np.isfinite(part).all()
    ]
    pooled = np.concatenate([part.ravel() for part in finite])
    inner, _ = np.histogram(pooled, EDGES)
    counts = (int((pooled < -4).sum()), *inner.tolist(), int((pooled > 4).sum()))
    return Forward(
        mean=float(pooled.mean()) if pooled.size else None,
        std=float(pooled.std()) if pooled.size else None,
        rms=_rms(pooled) if pooled.size else None,
        rms_median=float(np.median(known)) if known else None,
        rms_band=(min(known), max(known)) if known else None,
        input_share=float(np.median(shares)) if shares else None,
        input_share_band=(min(shares), max(shares)) if shares else None,
        zero_fraction=float((pooled == 0).mean()) if pooled.size else 0.0,
        dead_fraction=float(np.mean([(part == 0).all(0).mean() for part in values]))
        if acts == "ReLU"
        else None,
        saturated_fraction=float((np.abs(pooled) > 0.97).mean()) if acts == "Tanh" else None,
        nonfinite=sum(
            int(part.size - kept.size) for part, kept in zip(values, finite, strict=True)
        ),
        histogram=counts,
    )


def _backward(values: list) -> Backward:
    rms = [_rms(part[np.isfinite(part)]) for part in values]
    return Backward(
        grad_rms=_rms(np.asarray(rms)),
        grad_rms_median=float(np.median(rms)),
        grad_rms_band=(min(rms), max(rms)),
        nonfinite=0,
    )


def _verdict(layers: tuple[Layer, ...]) -> Verdict:
    points = [layer for layer in layers if layer.weighted]
    first, last = points[0], points[-1]
    gradient = first.backward.grad_rms_median if first.backward else 1.0
    if last.forward.rms_median is None or last.forward.nonfinite:
        return Verdict(level="problem", code="overflow", message="The signal overflows.")
    if gradient == 0:
        return Verdict(
            level="problem", code="no_gradient", message="No gradient reaches the first layers."
        )
    if (last.forward.input_share or 0) < 1e-3:
        return Verdict(
            level="problem",
            code="input_lost",
            message="Outputs no longer depend on the input.",
            measured=last.forward.input_share,
            limit=1e-3,
            lines=(f"The size looks steady at {last.forward.rms_median:.2g}, but it is all bias.",),
        )
    ratio = last.forward.rms_median / (first.forward.rms_median or 1)
    if ratio < 0.05:
        return Verdict(level="problem", code="vanishing", message="Signal and gradients vanish.")
    return Verdict(level="info", code="steady", message="Holds its scale.")


def series(
    scheme: str,
    *,
    depth: int,
    activation: str = "ReLU",
    seeds: int = 3,
    dead: int | None = None,
    width: int = 32,
    name: str = "",
) -> Series:
    """One scheme carried through `depth` layers of `width` units."""
    with np.errstate(over="ignore", invalid="ignore"):
        runs = [
            _carried(scheme, depth=depth, activation=activation, seed=seed, dead=dead, width=width)
            for seed in range(seeds)
        ]
        layers = []
        for at in range(depth):
            for which, (kind, op) in enumerate(
                (
                    ("Linear", "aten.linear.default"),
                    (activation, f"aten.{activation.lower()}.default"),
                )
            ):
                layers.append(
                    Layer(
                        name=f"{2 * at + which}",
                        op=op,
                        kind=kind,
                        module=f"{2 * at + which}",
                        shape=(24, width),
                        weighted=which == 0,
                        forward=_forward(
                            [outputs[at][which] for outputs, _ in runs],
                            acts=activation if which else "",
                        ),
                        backward=_backward([gradients[at][which] for _, gradients in runs]),
                    )
                )
    known = BY_ID.get(scheme)
    shown = name or ("Your weights" if scheme == CHECKPOINT else known.name if known else scheme)
    return Series(scheme=scheme, name=shown, layers=tuple(layers), verdict=_verdict(tuple(layers)))


@functools.cache
def report(
    depth: int = 40,
    *,
    schemes: tuple[str, ...] = MIXED,
    activation: str = "ReLU",
    dead: int | None = None,
    width: int = 32,
) -> PropagationReport:
    """A report; with `dead`, own weights whose layer of that place is all zeros come first."""
    found = [series(scheme, depth=depth, activation=activation, width=width) for scheme in schemes]
    if dead is not None:
        own = series(
            CHECKPOINT, depth=depth, activation=activation, seeds=1, dead=dead, width=width
        )
        found.insert(0, own)
    return PropagationReport(
        schema=SCHEMA,
        architecture=Architecture(
            id="a" * 32,
            name="mlp.yaml",
            origin="spec",
            parameters=depth * width * (width + 1),
            operations=2 * depth,
            layers=depth,
            inputs=((width,),),
        ),
        input={"law": "normal", "shape": str(width), "file": None},
        seeds=3,
        batch=24,
        device="cpu",
        series=tuple(found),
        seconds=0.42,
        peak_bytes=12_000_000,
    )


def with_layers(found: PropagationReport, place: int, **changes: object) -> PropagationReport:
    """The report with each layer of one series changed alike."""
    one = found.series[place]
    layers = tuple(dataclasses.replace(layer, **changes) for layer in one.layers)
    changed = dataclasses.replace(one, layers=layers)
    every = (*found.series[:place], changed, *found.series[place + 1 :])
    return dataclasses.replace(found, series=every)


def theory(**facts: float | None) -> Theory:
    """A prediction of some numbers."""
    none = dict.fromkeys(("mean", "std", "rms", "grad_rms", "input_share", "sd_log"))
    return Theory(**{**none, **facts})
