"""Reports of invented tensors: real values, real histograms.

What fits is known from how the values were drawn, so no judgement is needed to build them.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from app.core.fans import Fans
from app.core.histograms import profile, tensor_histogram
from app.core.report import (
    Candidate,
    DefaultLaw,
    Step,
    Structure,
    TensorReport,
    TensorRow,
    UnitSpread,
)
from app.core.schemes import laws_at
from app.core.sketch import sketch

VARIANTS = 16  # draws of each kind, enough to look different
NAMES = {
    "torch_default": "PyTorch default",
    "kaiming_normal(fan_in,relu)": "Kaiming normal (fan_in, relu)",
    "xavier_uniform(gain=1)": "Xavier uniform",
    "normal(0.02)": "Normal 0.02",
}


def default_of(fan_in: int) -> DefaultLaw:
    bound = 1 / math.sqrt(fan_in)
    return DefaultLaw(
        law="uniform",
        bound=bound,
        std=bound / math.sqrt(3),
        value=None,
        formula="U(±1/√fan_in)",
        certainty="inferred",
        call="nn.init.kaiming_uniform_(w, a=5**0.5)",
        source="torch.nn.Linear.reset_parameters, torch 2.13",
        steps=(
            Step(symbol="gain", expression="√(2/(1+5)) = √(1/3)", value=math.sqrt(1 / 3)),
            Step(
                symbol="std",
                expression=f"gain/√fan_in = √(1/3)/√{fan_in}",
                value=bound / math.sqrt(3),
            ),
            Step(symbol="bound", expression=f"√3·std = 1/√{fan_in}", value=bound),
        ),
        remark="The √5 is not the slope of your activation.",
    )


def draw(rng: np.random.Generator, scheme: str, shape: tuple[int, ...]) -> np.ndarray:
    fan_in = math.prod(shape[1:]) or 1
    bound = 1 / math.sqrt(fan_in)
    match scheme:
        case "torch_default":
            values = rng.uniform(-bound, bound, shape)
        case "kaiming_normal(fan_in,relu)":
            values = rng.normal(0, math.sqrt(2 / fan_in), shape)
        case "xavier_uniform(gain=1)":
            edge = math.sqrt(6 / (fan_in + shape[0]))
            values = rng.uniform(-edge, edge, shape)
        case "normal(0.02)":
            values = rng.normal(0, 0.02, shape)
        case "scaled":
            values = 3 * rng.uniform(-bound, bound, shape)
        case "zeros":
            values = np.zeros(shape)
        case "ones":
            values = np.ones(shape)
        case _:
            values = rng.normal(0, 1, shape)
    return values.astype(np.float32)


def candidates(scheme: str, shape: tuple[int, ...], std: float) -> tuple[Candidate, ...]:
    if len(shape) < 2:
        return ()
    fans = Fans(fan_in=math.prod(shape[1:]), fan_out=shape[0])
    laws = laws_at(fans=fans, shape=shape, default=default_of(fans.fan_in))
    found = [
        Candidate(
            ids=law.ids,
            names=law.names,
            law=law.distribution.law,
            formula=law.formula,
            bound=law.distribution.bound,
            std=law.distribution.std,
            value=getattr(law.distribution, "value", None),
            std_ratio=std / law.distribution.std if law.distribution.std else None,
            outside=False,
            p_value=0.4 if scheme in law.ids else 1e-310,
            log_likelihood=None,
            rejected_by=None if scheme in law.ids else "scale",
            reason=None if scheme in law.ids else "std is ×1.23 of the law's, limit ×1.01",
        )
        for law in laws
    ]
    found.sort(key=lambda item: (scheme not in item.ids, abs(math.log(item.std_ratio or 1e9))))
    return tuple(found)


@functools.cache
def values_of(scheme: str, shape: tuple[int, ...], variant: int) -> np.ndarray:
    return draw(np.random.default_rng((7, variant)), scheme, shape)


def tensor(index: int, name: str, scheme: str, shape: tuple[int, ...]) -> TensorReport:
    values = values_of(scheme, shape, index % VARIANTS)
    weight = len(shape) > 1
    fan_in = math.prod(shape[1:]) if weight else None
    default = default_of(fan_in) if fan_in else None
    bound = default.bound if default else None
    packed = sketch(values, dtype="float32", limit=bound)
    constant = packed.constant
    outside = packed.below + packed.above if bound else None
    sign = (
        "problem"
        if weight and scheme == "zeros"
        else "as_expected"
        if scheme in {"torch_default", "zeros", "ones"}
        else "no_match"
        if scheme == "scaled"
        else "differs"
    )
    drawn = () if constant is not None else (profile(packed, scale=bound or 1.0, unit="bound"),)
    return TensorReport(
        index=index,
        name=name,
        group="",
        module=name.rpartition(".")[0],
        shape=shape,
        strides=tuple(math.prod(shape[at + 1 :]) for at in range(len(shape))),
        dtype="float32",
        parameter=True,
        alias_of=None,
        kind="Linear" if weight else "LayerNorm",
        kind_certainty="inferred",
        role="weight" if weight else "norm_weight" if name.endswith("weight") else "bias",
        fan_in=fan_in,
        fan_out=shape[0] if weight else None,
        fan_certainty="inferred",
        evidence="name and shape",
        count=values.size,
        nonfinite=0,
        nan=0,
        zeros=int(np.count_nonzero(values == 0)),
        min=packed.minimum,
        max=packed.maximum,
        mean=packed.mean,
        std=packed.std,
        skewness=packed.skewness,
        kurtosis=packed.kurtosis,
        quantiles={"0.01": packed.quantile(0.01), "0.5": packed.quantile(0.5)},
        default=default,
        outside_default_bound=None if outside is None else outside / values.size,
        outside_default_count=outside,
        status="structured"
        if constant is not None
        else "unlisted_scale"
        if scheme == "scaled"
        else "consistent",
        sign=sign,
        sentence=f"Every value is {constant:g}."
        if constant is not None
        else "No scheme fits. Spread is ×3.00 the PyTorch default."
        if scheme == "scaled"
        else f"Fits {NAMES[scheme]}.",
        remarks=("Nothing is outside the bound.",) if scheme == "torch_default" else (),
        schemes=() if scheme == "scaled" else (scheme,),
        candidates=candidates(scheme, shape, packed.std or 0.0) if constant is None else (),
        structure=Structure(kind="constant", value=constant) if constant is not None else None,
        histogram=None if constant is not None else tensor_histogram(packed, bound=bound),
        profiles=drawn,
        units=spread(values) if weight and constant is None else None,
    )


def spread(values: np.ndarray) -> UnitSpread:
    rows = values.reshape(values.shape[0], -1).astype(np.float64)
    return UnitSpread(
        units=rows.shape[0],
        count=rows.shape[1],
        means=tuple(rows.mean(axis=1).tolist()),
        stds=tuple(rows.std(axis=1).tolist()),
    )


def row(report: TensorReport) -> TensorRow:
    constant = report.structure.value if report.structure else None
    scheme = report.schemes[0] if report.schemes else None
    shared = {item.name for item in dataclasses.fields(TensorRow)}
    values = {
        item.name: getattr(report, item.name)
        for item in dataclasses.fields(report)
        if item.name in shared
    }
    default = report.default
    return TensorRow(
        **values,
        scheme=scheme,
        scheme_name=f"all {constant:g}"
        if constant is not None
        else NAMES[scheme]
        if scheme
        else "no scheme fits",
        default_bound=default.bound if default else None,
        default_std=default.std if default else None,
        std_ratio=report.std / default.std if default and constant is None else None,
        constant=constant,
    )
