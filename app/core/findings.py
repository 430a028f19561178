"""Verdicts a person can act on, each with its measured value, its limit and what to do."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from app.core.recipe import Recipe, constant_value, is_weight
from app.core.report import Finding, Level, TensorReport
from app.core.schemes import BY_ID
from app.core.wording import count, counted, factor, listed, number

LEVELS: tuple[Level, ...] = ("problem", "warning", "info")
TELLING = 1000  # values from which a fresh-looking weight in a trained model is worth a word
_ZERO_ON_PURPOSE = re.compile(
    r"lora_b|zero_?conv|zero_?proj|ada_?ln|adaln|modulation|controlnet|gate", re.IGNORECASE
)
ATTRIBUTION = "each scheme tested at the model's level"


def findings_of(recipe: Recipe) -> tuple[Finding, ...]:
    """Every finding of a model, worst first."""
    found = [
        *_nonfinite(recipe),
        *_zero_weights(recipe),
        *_constant_weights(recipe),
        *_differing(recipe),
        *_unlisted(recipe),
        *_trained(recipe),
        *_still_fresh(recipe),
        *_changed(recipe),
        *_zero_norms(recipe),
        *_batches_seen(recipe),
    ]
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


def _finding(
    kind: tuple[Level, str],
    reports: Sequence[TensorReport],
    message: str,
    *,
    measured: float | None = None,
    limit: float | None = None,
    source: str = ATTRIBUTION,
) -> Finding:
    return Finding(
        level=kind[0],
        code=kind[1],
        tensors=tuple(r.name for r in reports),
        indices=tuple(r.index for r in reports),
        message=message,
        measured=measured,
        limit=limit,
        source=source,
    )


def _names(reports: Sequence[TensorReport]) -> str:
    return listed([r.name for r in reports])


def _nonfinite(recipe: Recipe) -> list[Finding]:
    broken = [r for r in recipe.reports if r.nonfinite and r.role != "optimizer_state"]
    if not broken:
        return []
    total = sum(r.nonfinite for r in broken)
    message = (
        f"{counted(total, 'value is', 'values are')} NaN or infinite, in {_names(broken)}. "
        "Every output that depends on them is NaN: go back to a checkpoint from before."
    )
    return [
        _finding(
            ("problem", "nonfinite"),
            broken,
            message,
            measured=float(total),
            limit=0.0,
            source="IEEE 754 arithmetic",
        )
    ]


def _zero_weights(recipe: Recipe) -> list[Finding]:
    zero = [r for r in recipe.reports if is_weight(r) and constant_value(r) == 0.0]
    meant = [r for r in zero if _ZERO_ON_PURPOSE.search(r.name)]
    blocking = [r for r in zero if r not in meant]
    found = []
    if blocking:
        verb = "is" if len(blocking) == 1 else "are"
        message = (
            f"{_names(blocking)} {verb} all zeros. No signal passes, and no gradient reaches the "
            "layers before. Fine only at the end of a residual branch; else initialise it again."
        )
        found.append(_zero_finding("problem", "all_zero_weight", blocking, message))
    if meant:
        message = (
            f"{_names(meant)}: all zeros, as LoRA's B, a ControlNet zero convolution or adaLN-zero "
            "start. They learn from the first step on."
        )
        found.append(_zero_finding("info", "zero_by_design", meant, message))
    return found


def _zero_finding(
    level: Level, code: str, reports: Sequence[TensorReport], message: str
) -> Finding:
    source = "the gradient of a product with 0 is 0"
    return _finding((level, code), reports, message, measured=0.0, limit=0.0, source=source)


def _constant_weights(recipe: Recipe) -> list[Finding]:
    alike = [r for r in recipe.reports if is_weight(r) and constant_value(r) not in (None, 0.0)]
    return [
        _finding(
            ("problem", "constant_weight"),
            [report],
            f"Every value of {report.name} is {number(constant_value(report) or 0.0)}. All its "
            "units compute the same thing and stay the same: draw it at random.",
            measured=constant_value(report),
            source="equal units receive equal gradients",
        )
        for report in alike
        if report.count > 1
    ]


def _differing(recipe: Recipe) -> list[Finding]:
    """Weights of another scheme, one finding for each scheme."""
    if not recipe.differing or recipe.trained:
        return []
    by_scheme: dict[str, list[TensorReport]] = defaultdict(list)
    for report in recipe.differing:
        by_scheme[report.schemes[0]].append(report)
    return [
        _finding(
            ("warning", "differs_from_main"),
            reports,
            f"{counted(len(reports), 'weight tensor fits', 'weight tensors fit')} "
            f"{BY_ID[scheme].name} instead of {recipe.main_name}: {_names(reports)}. If that is "
            "not meant, initialise them like the rest.",
            measured=float(len(reports)),
            limit=0.0,
        )
        for scheme, reports in by_scheme.items()
    ]


def _unlisted(recipe: Recipe) -> list[Finding]:
    reports = recipe.unlisted
    if not reports or recipe.trained:
        return []
    first = reports[0]
    default = first.default
    ratio = first.std / default.std if default and default.std and first.std is not None else None
    spread = f" {first.name} has {factor(ratio)} the PyTorch default's spread." if ratio else ""
    verb = "has" if len(reports) == 1 else "have"
    message = (
        f"{_names(reports)} {verb} the shape of a fresh draw, at a scale of no listed scheme."
        f"{spread} Check the gain and the fan that were used."
    )
    return [_finding(("warning", "unlisted_scale"), reports, message, measured=ratio, limit=1.0)]


def _trained(recipe: Recipe) -> list[Finding]:
    if not recipe.trained:
        return []
    message = (
        f"{count(len(recipe.changed))} of {counted(len(recipe.weights), 'weight tensor')} fit no "
        "init scheme, whatever its scale: consistent with weights that have been trained."
    )
    return [
        _finding(
            ("info", "trained"),
            recipe.changed,
            message,
            measured=len(recipe.changed) / len(recipe.weights),
            limit=0.5,
        )
    ]


def _still_fresh(recipe: Recipe) -> list[Finding]:
    if not recipe.trained:
        return []
    fresh = [
        r for r in recipe.weights if r.schemes and r.count >= TELLING and constant_value(r) is None
    ]
    if not fresh:
        return []
    verb, they, were = ("looks", "it", "was") if len(fresh) == 1 else ("look", "they", "were")
    message = (
        f"{_names(fresh)} still {verb} freshly initialised. If you meant to load a checkpoint, "
        f"{they} may not have been loaded; or {they} {were} frozen."
    )
    return [
        _finding(
            ("warning", "still_at_init"), fresh, message, measured=float(len(fresh)), limit=0.0
        )
    ]


def _changed(recipe: Recipe) -> list[Finding]:
    if recipe.trained:
        return []
    changed = [r for r in recipe.reports if r.status == "not_at_init"]
    if not changed:
        return []
    verb = "looks" if len(changed) == 1 else "look"
    message = (
        f"{_names(changed)} {verb} like no fresh draw. Trained, pruned or computed: if the model "
        "should be fresh, initialise again."
    )
    return [
        _finding(
            ("warning", "not_at_init"), changed, message, measured=float(len(changed)), limit=0.0
        )
    ]


def _zero_norms(recipe: Recipe) -> list[Finding]:
    zero = [r for r in recipe.reports if r.role == "norm_weight" and constant_value(r) == 0.0]
    if not zero:
        return []
    verb = "is" if len(zero) == 1 else "are"
    message = (
        f"{_names(zero)} {verb} 0 where PyTorch sets 1: usual for the last norm of a residual "
        "branch, and for norms that compute 1 + weight; elsewhere it blocks the signal."
    )
    return [_finding(("info", "zero_norm_weight"), zero, message, measured=0.0, limit=1.0)]


def _batches_seen(recipe: Recipe) -> list[Finding]:
    counters = [r for r in recipe.reports if r.role == "num_batches_tracked" and r.max]
    if not counters:
        return []
    most = max(counters, key=lambda r: r.max or 0.0)
    message = f"{most.name} has counted {count(int(most.max or 0))} batches: data passed through."
    return [
        _finding(
            ("info", "batches_seen"),
            counters,
            message,
            measured=most.max,
            limit=0.0,
            source="torch.nn.BatchNorm.num_batches_tracked",
        )
    ]
