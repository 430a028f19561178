"""Reports of invented models for tests of figures and pages: real values, real histograms.

What fits is known from how the values were drawn, so no judgement is needed to build them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter

import numpy as np

from app.core.fans import Fans
from app.core.histograms import profile, tensor_histogram
from app.core.report import (
    SCHEMA,
    Candidate,
    DefaultLaw,
    Finding,
    Overview,
    RecipeLine,
    RunReport,
    Source,
    Step,
    Structure,
    Summary,
    TensorReport,
    TensorRow,
    UnitSpread,
)
from app.core.schemes import laws_at
from app.core.sketch import sketch

HOSTILE = "<img src=x onerror=alert(1)>.weight"
VARIANTS = 16  # draws of each kind, enough to look different
EXPECTED = {"torch_default", "constant"}
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


def packed(index: int) -> bytes:
    """The sketch of the tensor at this place of a model, as the store keeps it."""
    _, scheme, shape = planned(index)
    return _packed(scheme, shape, index % VARIANTS)


@functools.cache
def _packed(scheme: str, shape: tuple[int, ...], variant: int) -> bytes:
    return sketch(values_of(scheme, shape, variant), dtype="float32").to_bytes()


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


ODD = {
    10: "kaiming_normal(fan_in,relu)",
    12: "kaiming_normal(fan_in,relu)",
    20: "normal(0.02)",
    24: "xavier_uniform(gain=1)",
    30: "scaled",
    34: "zeros",
}


def planned(at: int) -> tuple[str, str, tuple[int, ...]]:
    """Name, scheme and shape of the tensor at a place: mostly default, a few exceptions."""
    block, part = divmod(at, 4)
    if part % 2 == 0:
        scheme = ODD.get(at % 400, "torch_default")
        return f"blocks.{block}.{'up' if part else 'down'}.weight", scheme, (96, 96)
    if part == 1:
        return f"blocks.{block}.norm.weight", "ones", (96,)
    return f"blocks.{block}.norm.bias", "zeros", (96,)


def model(tensors: int = 40, *, names: dict[int, str] | None = None) -> RunReport:
    """A report of `tensors` tensors, some of them renamed."""
    known: dict[tuple[str, tuple[int, ...], int], TensorReport] = {}
    reports = []
    for index, (name, scheme, shape) in enumerate(map(planned, range(tensors))):
        key = (scheme, shape, index % VARIANTS)
        if key not in known:
            known[key] = tensor(index, name, scheme, shape)
        shown = (names or {}).get(index, name)
        reports.append(dataclasses.replace(known[key], index=index, name=shown))
    return RunReport(
        schema=SCHEMA,
        source=Source(
            name="sample.safetensors", format="safetensors", bytes=41_600_000, sha256="ab" * 32
        ),
        summary=_summary(reports),
        findings=_findings(reports),
        tensors=tuple(reports),
    )


def _summary(reports: list[TensorReport]) -> Summary:
    signs = Counter(report.sign for report in reports)
    worst = next(sign for sign in ("problem", "differs", "no_match", "as_expected") if signs[sign])
    return Summary(
        tensors=len(reports),
        parameters=sum(report.count for report in reports),
        buffers=0,
        parameter_tensors=len(reports),
        buffer_tensors=0,
        dtypes={"float32": len(reports)},
        headline="Consistent with PyTorch default weights, but 1 layer blocks the network."
        if worst == "problem"
        else "Mostly PyTorch default.",
        status=worst,
        signs=dict(signs),
        main_scheme="torch_default",
        alpha=1e-5,
        recipe=_recipe(reports),
    )


def _recipe(reports: list[TensorReport]) -> tuple[RecipeLine, ...]:
    weights = [report for report in reports if len(report.shape) > 1]
    fit = tuple(report.index for report in weights if "torch_default" in report.schemes)
    return (
        RecipeLine(
            layer="linear layers",
            scheme="torch_default",
            name="PyTorch default",
            text=f"PyTorch default on {len(fit)} of {len(weights)} linear layers",
            tensors=fit,
            breaks=tuple(report.index for report in weights if report.index not in fit),
            p_value=0.4,
            log_likelihood=None,
        ),
    )


def _findings(reports: list[TensorReport]) -> tuple[Finding, ...]:
    texts = {
        "problem": (
            "problem",
            "all zeros: no signal passes and no gradient reaches what is before.",
        ),
        "differs": ("warning", "match another scheme than the rest of the model."),
        "no_match": ("warning", "fit no scheme: ×3.00 the default spread."),
    }
    found = []
    for sign, (level, message) in texts.items():
        chosen = [report for report in reports if report.sign == sign]
        if chosen:
            found.append(
                Finding(
                    level=level,
                    code=sign,
                    tensors=tuple(report.name for report in chosen),
                    indices=tuple(report.index for report in chosen),
                    message=message,
                    measured=None,
                    limit=None,
                    source="sample",
                )
            )
    return tuple(found)


def overview(report: RunReport) -> Overview:
    """The same report as the layers page takes it."""
    return Overview(
        schema=report.schema,
        source=report.source,
        summary=report.summary,
        findings=report.findings,
        rows=tuple(row(item) for item in report.tensors),
    )
