"""Reports of invented models for tests of figures and pages."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter

from sample_tensors import VARIANTS, row, tensor, values_of

from app.core.report import (
    SCHEMA,
    Finding,
    Overview,
    RecipeLine,
    RunReport,
    Source,
    Summary,
    TensorReport,
)
from app.core.sketch import sketch

HOSTILE = "<img src=x onerror=alert(1)>.weight"


def packed(index: int) -> bytes:
    """The sketch of the tensor at this place of a model, as the store keeps it."""
    _, scheme, shape = planned(index)
    return _packed(scheme, shape, index % VARIANTS)


@functools.cache
def _packed(scheme: str, shape: tuple[int, ...], variant: int) -> bytes:
    return sketch(values_of(scheme, shape, variant), dtype="float32").to_bytes()


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
