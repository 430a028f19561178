"""Zeros in weights: where they block the network, where they are meant, where units are dead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.core.kindred import placed_in_model
from app.core.layers import EMBEDDING
from app.core.notices import called, finding, names, verb
from app.core.pooling import roles
from app.core.recipe import Recipe, constant_value, is_weight
from app.core.report import Finding, Level, TensorReport
from app.core.wording import count, counted, share

_ON_PURPOSE = re.compile(
    r"lora_b|zero_?conv|zero_?proj|ada_?ln|adaln|modulation|controlnet|gate", re.IGNORECASE
)
_LAST = re.compile(
    r"^(?:.*\.)?(?:final_layer|final_conv|conv_out|proj_out|to_logits)(?:\.linear)?$|^out\.\d+$"
)
LEAST_ZEROS = 0.01  # share of a weight's values
PRODUCT = "the gradient of a product with 0 is 0"


def zero_weights(recipe: Recipe) -> list[Finding]:
    """Weights that hold only zeros, those that are meant apart."""
    zero = [r for r in recipe.reports if is_weight(r) and constant_value(r) == 0.0]
    if not zero:
        return []
    parts = {p.report.index: p.parts for p in placed_in_model(recipe.reports)}
    ends = _branch_ends(recipe, parts)
    meant = [r for r in zero if _ON_PURPOSE.search(r.name) or r.index in ends]
    heads = [r for r in zero if r not in meant and _is_last(r, parts[r.index])]
    blocking = [r for r in zero if r not in meant and r not in heads]
    return [*_blocking(blocking), *_heads(heads), *_meant(meant)]


def _is_last(report: TensorReport, parts: frozenset[str]) -> bool:
    return "head" in parts or _LAST.search(report.module) is not None


def _branch_ends(recipe: Recipe, parts: dict[int, frozenset[str]]) -> set[int]:
    """Weights that are zero in every block, where other weights are not: a start, no accident."""
    inside = [r for r in recipe.reports if is_weight(r) and "branch" in parts[r.index]]
    role = roles(inside)
    alike: dict[str, list[TensorReport]] = {}
    for report in inside:
        alike.setdefault(role[report.index], []).append(report)
    whole = [rs for rs in alike.values() if all(constant_value(r) == 0 for r in rs)]
    drawn = any(constant_value(r) is None for rs in alike.values() for r in rs)
    return {r.index for rs in whole if len(rs) > 1 for r in rs} if drawn else set()


def _zero(level: Level, code: str, reports: Sequence[TensorReport], message: str) -> Finding:
    return finding((level, code), reports, message, measured=0.0, limit=0.0, source=PRODUCT)


def _blocking(reports: Sequence[TensorReport]) -> list[Finding]:
    if not reports:
        return []
    message = (
        f"{names(reports)} {verb(reports, 'holds', 'hold')} only zeros. No signal passes, and no "
        "gradient reaches the layers before. Fine only at the end of a residual branch or of the "
        f"network; else initialise {verb(reports, 'it', 'them')} again."
    )
    return [_zero("problem", "all_zero_weight", reports, message)]


def _heads(reports: Sequence[TensorReport]) -> list[Finding]:
    if not reports:
        return []
    message = (
        f"{names(reports)} {verb(reports, 'starts', 'start')} at zero, as some last layers do: the "
        "first outputs are equal, and the layers before learn from the second step on."
    )
    return [_zero("info", "zero_head", reports, message)]


def _meant(reports: Sequence[TensorReport]) -> list[Finding]:
    if not reports:
        return []
    message = (
        f"{names(reports)}: all zeros, as LoRA's B, a ControlNet zero convolution, adaLN-zero or "
        "the end of every residual branch may start. They learn from the first step on."
    )
    return [_zero("info", "zero_by_design", reports, message)]


def zero_norms(recipe: Recipe) -> list[Finding]:
    """Norm weights of 0."""
    zero = [r for r in recipe.reports if r.role == "norm_weight" and constant_value(r) == 0.0]
    if not zero:
        return []
    norms = [r for r in recipe.reports if r.role == "norm_weight"]
    if len(zero) == len(norms) > 1:
        usual = "as Gemma's norms, which compute 1 + weight, start; else no signal passes"
    else:
        usual = (
            "usual for the last norm of a residual branch, and for norms that compute 1 + weight; "
            "elsewhere it blocks the signal"
        )
    message = f"{names(zero)} {verb(zero, 'starts', 'start')} at 0 where PyTorch sets 1: {usual}."
    return [finding(("info", "zero_norm_weight"), zero, message, measured=0.0, limit=1.0)]


def is_sparse(report: TensorReport) -> bool:
    """Whether so many values are exactly 0 that they were pruned or masked."""
    structure = report.structure
    return (
        structure is not None
        and structure.kind == "sparse"
        and report.zeros >= LEAST_ZEROS * report.count
    )


def sparse_weights(recipe: Recipe) -> list[Finding]:
    """Weights with exact zeros that no draw leaves."""
    sparse = [r for r in recipe.reports if is_sparse(r) and is_weight(r)]
    if not sparse:
        return []
    zeros, values = sum(r.zeros for r in sparse), sum(r.count for r in sparse)
    level: Level = "info" if recipe.trained else "warning"
    message = (
        f"{counted(zeros, 'value', 'values')} of {names(sparse)} ({share(zeros / values)}) are "
        "exactly 0: pruned, masked, clamped or drawn by sparse_. Pruned weights need their mask "
        "to stay 0 in further training."
    )
    return [finding((level, "sparse_weight"), sparse, message, measured=zeros / values, limit=0.0)]


def dead_units(recipe: Recipe) -> list[Finding]:
    """Output units whose weights are all 0, padding rows aside."""
    found = []
    for report in recipe.weights:
        dead = _dead(report)
        if dead and constant_value(report) is None:
            message = (
                f"{counted(dead, 'output unit', 'output units')} of {count(report.shape[0])} in "
                f"{called(report)} {'has' if dead == 1 else 'have'} only zero weights: they put "
                "out their bias whatever comes in. Pruned, or never reached by a gradient."
            )
            found.append(
                finding(
                    ("info", "dead_units"),
                    [report],
                    message,
                    measured=float(dead),
                    limit=0.0,
                    source="rows of the weight",
                )
            )
    return found


def _dead(report: TensorReport) -> int:
    units = report.units
    if units is None:
        return 0
    dead = sum(s == 0 == m for s, m in zip(units.stds, units.means, strict=True))
    padded = report.kind in EMBEDDING or report.kind == "unknown"
    return 0 if padded and dead == 1 else dead
