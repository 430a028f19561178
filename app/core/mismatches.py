"""Where a draw does not suit its layer: depth, fans, biases, truncation, copies, activation."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence

from app.core.catalogue import BY_ID
from app.core.kindred import layer_of, placed_in_model
from app.core.layers import CONV_TRANSPOSE
from app.core.notices import finding, names, verb
from app.core.pooling import pattern
from app.core.recipe import Recipe, constant_value, is_weight
from app.core.report import Finding, Level, RecipeLine, TensorReport
from app.core.wording import count, counted, factor, number

GPT2_STD = 0.02
_TIED = frozenset({"embeddings", "classifier layers"})
_TIMM_NAMES = re.compile(r"(?:^|\.)(?:pos_embed|patch_embed|relative_position_bias_table)(?:\.|$)")
_ENCODER = re.compile(r"(?:^|\.)layers\.#\.(?:self_attn|multihead_attn|linear#)\.")


def depth_scaling(recipe: Recipe) -> list[Finding]:
    """GPT-2's residual projections at the std of all other weights."""
    lines = [
        line
        for line in recipe.lines
        if line.layer == "residual projections" and line.scheme == "normal(0.02)"
    ]
    reports = [r for r in _of(recipe, lines) if ".c_proj." in r.name]
    depth = max((int(n) + 1 for r in reports for n in re.findall(r"\.(\d+)\.", r.name)), default=0)
    if depth < 2:
        return _forgotten(recipe)
    meant = GPT2_STD / math.sqrt(2 * depth)
    message = (
        f"{counted(len(reports), 'residual projection')} (c_proj) {verb(reports, 'has', 'have')} "
        f"std {number(GPT2_STD)}, where GPT-2 draws 0.02/√(2·{depth}) = {number(meant)}: the "
        f"residual stream grows with depth. Divide them by √{2 * depth} before training."
    )
    level: Level = "warning" if any("wte" in r.name for r in recipe.reports) else "info"
    return [
        finding(
            (level, "depth_scaling_missing"),
            reports,
            message,
            measured=reports[0].std,
            limit=meant,
            source="Radford et al., GPT-2 (2019), section 2.3",
        )
    ]


def _forgotten(recipe: Recipe) -> list[Finding]:
    """Residual projections that miss the depth scaling of their like."""
    lines = [
        line
        for line in recipe.lines
        if line.layer == "residual projections" and line.scheme.startswith("depth_scaled(0.02")
    ]
    missed = {index for line in lines for index in line.breaks}
    reports = [r for r in recipe.reports if r.index in missed and "normal(0.02)" in r.schemes]
    scaled = _of(recipe, lines)
    if not reports:
        return []
    meant = next((c.std for c in scaled[0].candidates if c.ids[0] == lines[0].scheme), None)
    message = (
        f"{names(reports)} {verb(reports, 'has', 'have')} std {number(GPT2_STD)}, where the other "
        f"{counted(len(scaled), 'residual projection')} {verb(scaled, 'fits', 'fit')} "
        f"{lines[0].name}{f': {number(meant)}' if meant else ''}. If that is not meant, scale "
        f"{verb(reports, 'it', 'them')} like the rest."
    )
    return [
        finding(
            ("warning", "depth_scaling_missing"),
            reports,
            message,
            measured=reports[0].std,
            limit=meant,
            source="Radford et al., GPT-2 (2019), section 2.3",
        )
    ]


def wrong_fans(recipe: Recipe) -> list[Finding]:
    """Kaiming's fans on transposed and on depthwise convolutions, which torch counts otherwise."""
    kinds = {p.report.index: layer_of(p) for p in placed_in_model(recipe.reports)}
    found = []
    for line in recipe.lines:
        scheme = BY_ID[line.scheme]
        if scheme.id == "torch_default" or scheme.fan not in {"fan_in", "fan_out"}:
            continue
        reports = _of(recipe, [line])
        turned = [r for r in reports if r.kind in CONV_TRANSPOSE and r.fan_in != r.fan_out]
        grouped = [r for r in reports if kinds[r.index] == "depthwise convolutions"]
        if turned:
            found.append(_turned(recipe, line, turned))
        if grouped and scheme.fan == "fan_out":
            found.append(_grouped(recipe, line, grouped))
    return found


def _level(recipe: Recipe) -> Level:
    """A norm behind the layer undoes a wrong scale."""
    return "info" if any(r.role == "norm_weight" for r in recipe.reports) else "warning"


def _turned(recipe: Recipe, line: RecipeLine, reports: Sequence[TensorReport]) -> Finding:
    first = max(reports, key=lambda r: abs(math.log((r.fan_in or 1) / (r.fan_out or 1))))
    fan, other = BY_ID[line.scheme].fan, "fan_out"
    times = math.sqrt((first.fan_out or 1) / (first.fan_in or 1))
    if fan == "fan_out":
        other, times = "fan_in", 1 / times
    message = (
        f"{names(reports)} {verb(reports, 'fits', 'fit')} {line.name}. A transposed convolution "
        f"stores (in, out), so torch's {fan} counts the other side: the scale is up to "
        f"{factor(times)} of what was meant. Pass mode='{other}'."
    )
    return finding(
        (_level(recipe), "transposed_fan"),
        reports,
        message,
        measured=times,
        limit=1.0,
        source="torch.nn.init._calculate_fan_in_and_fan_out, torch 2.13",
    )


def _grouped(recipe: Recipe, line: RecipeLine, reports: Sequence[TensorReport]) -> Finding:
    most = max(r.shape[0] for r in reports)
    message = (
        f"{names(reports)} {verb(reports, 'fits', 'fit')} {line.name}. torch's fan_out ignores "
        f"groups: with {count(most)} groups the weights are √{count(most)} = "
        f"{number(math.sqrt(most))} times smaller than the rule means. Use mode='fan_in', or "
        "divide fan_out by groups."
    )
    return finding(
        (_level(recipe), "grouped_fan"),
        reports,
        message,
        measured=math.sqrt(most),
        limit=1.0,
        source="torch.nn.init._calculate_fan_in_and_fan_out, torch 2.13",
    )


def bias_laws(recipe: Recipe) -> list[Finding]:
    """Some biases at zero, others drawn."""
    if recipe.trained:
        return []
    kinds = placed_in_model(recipe.reports)
    biases = [p.report for p in kinds if layer_of(p) == "biases" and p.report.count > 1]
    zero = [r for r in biases if constant_value(r) == 0.0 and "torch_default" not in r.schemes]
    drawn = [r for r in biases if constant_value(r) is None and r.status == "consistent"]
    if not zero or not drawn:
        return []
    fewer, rest = sorted((zero, drawn), key=len)
    what = "at 0" if fewer is zero else "drawn at random"
    message = (
        f"{names(fewer)} {verb(fewer, 'starts', 'start')} {what}, the other "
        f"{counted(len(rest), 'bias', 'biases')} {'at 0' if rest is zero else 'drawn at random'}. "
        "Usual where an initialiser handles some layer classes only: check that none was missed."
    )
    return [
        finding(
            ("info", "bias_laws_differ"),
            fewer,
            message,
            measured=float(len(fewer)),
            limit=0.0,
        )
    ]


def truncation(recipe: Recipe) -> list[Finding]:
    """trunc_normal_ with its default cut, where names are those of models that use it."""
    lines = [line for line in recipe.lines if line.scheme == "normal(0.02)"]
    reports = [r for r in _of(recipe, lines) if is_weight(r)]
    if not reports or not any(_TIMM_NAMES.search(r.name) for r in recipe.reports):
        return []
    message = (
        f"{counted(len(reports), 'weight')} of Normal 0.02 may come from trunc_normal_(std=0.02): "
        "its default cut, ±2, is in weight units, here ±100σ, and cuts nothing. For a cut at ±2σ "
        "pass a=-0.04, b=0.04."
    )
    return [
        finding(
            ("info", "truncation_without_effect"),
            reports,
            message,
            measured=100.0,
            limit=2.0,
            source="torch.nn.init.trunc_normal_, torch 2.13",
        )
    ]


def copies(recipe: Recipe) -> list[Finding]:
    """Drawn weights that hold the same values bit by bit."""
    alike: dict[str, list[TensorReport]] = defaultdict(list)
    for report in recipe.reports:
        drawn = is_weight(report) and constant_value(report) is None and report.alias_of is None
        if report.digest is not None and drawn and report.structure is None:
            alike[report.digest].append(report)
    groups = [reports for reports in alike.values() if len(reports) > 1]
    kinds = {p.report.index: layer_of(p) for p in placed_in_model(recipe.reports)}
    stacked = [g for g in groups if all(_ENCODER.search(pattern(r.name)) for r in g)]
    tied = [g for g in groups if all(kinds[r.index] in _TIED for r in g)]
    other = [g for g in groups if g not in stacked and g not in tied]
    return [
        *_copied_layers(stacked),
        *(_tied(group) for group in tied),
        *(_copied(group) for group in other),
    ]


def _copied_layers(groups: Sequence[Sequence[TensorReport]]) -> list[Finding]:
    if not groups:
        return []
    reports = [r for group in groups for r in group]
    layers = max(len(group) for group in groups)
    message = (
        f"{count(layers)} layers start with the same values, as nn.TransformerEncoder's and "
        "nn.TransformerDecoder's do: they copy one layer. They part in training; draw them again "
        "if they should start apart."
    )
    return [
        finding(
            ("info", "copied_layers"),
            reports,
            message,
            measured=float(layers),
            limit=1.0,
            source="torch.nn.modules.transformer._get_clones",
        )
    ]


def _tied(reports: Sequence[TensorReport]) -> Finding:
    message = (
        f"{names(reports)} hold the same values bit by bit, as tied embeddings do. The file keeps "
        "each on its own: tie them again after loading, or they part in training."
    )
    return finding(
        ("info", "tied_weights"),
        reports,
        message,
        measured=float(len(reports)),
        limit=1.0,
        source="a digest of the values",
    )


def _copied(reports: Sequence[TensorReport]) -> Finding:
    message = (
        f"{names(reports)} hold the same values bit by bit. Tied or copied: if they should differ, "
        "one of them was not loaded or drawn."
    )
    return finding(
        ("warning", "duplicated_weights"),
        reports,
        message,
        measured=float(len(reports)),
        limit=1.0,
        source="a digest of the values",
    )


def _of(recipe: Recipe, lines: Sequence[RecipeLine]) -> list[TensorReport]:
    wanted = {index for line in lines for index in line.tensors}
    return [r for r in recipe.reports if r.index in wanted]
