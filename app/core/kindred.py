"""Tensors sorted into kinds of layers that a recipe draws alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.context import Named, model_context
from app.core.layers import BIAS_ROLES, CONV_TRANSPOSE, EMBEDDING, WEIGHT_ROLES
from app.core.pooling import Pool
from app.core.report import TensorReport

_PACKED = frozenset({"in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A tensor with what its name says of its part in the model."""

    report: TensorReport
    parts: frozenset[str]
    told_head: bool  # whether the model tells the width of an attention head
    in_norm: bool  # whether its layer has a norm's weight


def pools_of(reports: Sequence[TensorReport]) -> tuple[Pool, ...]:
    """The judged tensors of a model by kind of layer, in the order of their first tensor."""
    pools: dict[str, list[TensorReport]] = defaultdict(list)
    for placed in placed_in_model(reports):
        if placed.report.status != "not_judged":
            pools[layer_of(placed)].append(placed.report)
    lone = pools.get("depthwise convolutions", [])
    if len(lone) == 1:  # the first layer of a network on one channel looks depthwise too
        pools["convolutions"] += pools.pop("depthwise convolutions")
    return tuple(Pool(layer=layer, reports=tuple(found)) for layer, found in pools.items())


def placed_in_model(reports: Sequence[TensorReport]) -> list[Placed]:
    """Every tensor with its part, as the names of all of them tell it."""
    named = [Named(path=r.module, leaf=r.name.rpartition(".")[2], shape=r.shape) for r in reports]
    model = model_context(named)
    norms = {(r.group, r.module) for r in reports if r.role == "norm_weight"}
    found = []
    for report, name in zip(reports, named, strict=True):
        told = model.attributes(name)
        parts = told["parts"]
        found.append(
            Placed(
                report=report,
                parts=frozenset(map(str, parts)) if isinstance(parts, tuple) else frozenset(),
                told_head="head_width" in told,
                in_norm=(report.group, report.module) in norms,
            )
        )
    return found


def layer_of(placed: Placed) -> str:
    """The kind of layer, in words."""
    report = placed.report
    if report.role in BIAS_ROLES and len(report.shape) < 2:
        return "norm biases" if placed.in_norm else "biases"
    if report.role == "norm_weight":
        return "norms"
    if placed.parts & {"token", "position"} and report.role in {"parameter", "weight"}:
        return "tokens and positions"
    if report.role not in WEIGHT_ROLES or len(report.shape) < 2:
        return "layer scales" if "scale" in placed.parts else "other parameters"
    if len(report.shape) > 2 and report.kind != "Bilinear" and "head" not in placed.parts:
        return _convolution(report)
    return next(name for holds, name in _MATRICES if holds(placed))


def _convolution(report: TensorReport) -> str:
    if report.kind in CONV_TRANSPOSE:
        return "transposed convolutions"
    depthwise = report.shape[1] == 1 and report.shape[0] > 1
    return "depthwise convolutions" if depthwise else "convolutions"


_MATRICES: tuple[tuple[Callable[[Placed], bool], str], ...] = (
    (lambda p: p.report.role == "weight_ih", "input weights"),
    (lambda p: p.report.role in {"weight_hh", "weight_hr"}, "recurrent weights"),
    (lambda p: p.report.role in _PACKED, "attention projections"),
    (lambda p: p.report.kind in EMBEDDING or p.report.name.endswith(".embedding"), "embeddings"),
    (lambda p: "head" in p.parts, "classifier layers"),
    (lambda p: "residual" in p.parts, "residual projections"),
    (lambda p: "query" in p.parts and p.told_head, "query projections"),
    (lambda _: True, "linear layers"),
)
