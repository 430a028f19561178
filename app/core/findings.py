"""Verdicts a person can act on, each with its measured value, its limit and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from app.core.chains import chain_scales
from app.core.checkpoint import ModuleRecord
from app.core.mismatches import bias_laws, copies, depth_scaling, truncation, wrong_fans
from app.core.notices import called, finding, names, verb
from app.core.pooling import pattern
from app.core.recipe import Recipe, constant_value, is_certified, is_weight
from app.core.report import Finding, Level, TensorReport
from app.core.schemes import BY_ID
from app.core.wording import count, counted, factor, number
from app.core.zeros import dead_units, is_sparse, sparse_weights, zero_norms, zero_weights

LEVELS: tuple[Level, ...] = ("problem", "warning", "info")
TELLING = 1000  # values from which a fresh-looking weight in a trained model is worth a word


def findings_of(recipe: Recipe, modules: Sequence[ModuleRecord] = ()) -> tuple[Finding, ...]:
    """Every finding of a model, worst first.

    Args:
        recipe: Of the model.
        modules: As the file records them.
    """
    unscaled = depth_scaling(recipe)
    found = [
        *_nonfinite(recipe),
        *zero_weights(recipe),
        *_constant_weights(recipe),
        *_differing(recipe, told={index for one in unscaled for index in one.indices}),
        *unscaled,
        *wrong_fans(recipe),
        *copies(recipe),
        *_unlisted(recipe),
        *_trained(recipe),
        *_moved(recipe),
        *_still_fresh(recipe),
        *_never_trained(recipe),
        *sparse_weights(recipe),
        *_changed(recipe),
        *chain_scales(recipe, modules),
        *bias_laws(recipe),
        *zero_norms(recipe),
        *dead_units(recipe),
        *truncation(recipe),
        *_batches_seen(recipe),
    ]
    return tuple(sorted(found, key=lambda one: LEVELS.index(one.level)))


def _nonfinite(recipe: Recipe) -> list[Finding]:
    broken = [r for r in recipe.reports if r.nonfinite and r.role != "optimizer_state"]
    if not broken:
        return []
    total = sum(r.nonfinite for r in broken)
    message = (
        f"{counted(total, 'value is', 'values are')} NaN or infinite, in {names(broken)}. "
        "Every output that depends on them is NaN: go back to a checkpoint from before."
    )
    return [
        finding(
            ("problem", "nonfinite"),
            broken,
            message,
            measured=float(total),
            limit=0.0,
            source="IEEE 754 arithmetic",
        )
    ]


def _constant_weights(recipe: Recipe) -> list[Finding]:
    """Constant weights; a problem where what follows is constant too, so that no unit parts."""
    weights = [r for r in recipe.reports if is_weight(r)]
    following = zip_longest(weights, weights[1:])
    return [
        _constant_weight(report, after)
        for report, after in following
        if report and constant_value(report) not in (None, 0.0) and report.count > 1
    ]


def _constant_weight(report: TensorReport, after: TensorReport | None) -> Finding:
    fact = (
        f"Every value of {called(report)} is {number(constant_value(report) or 0.0)}: all its "
        "units start by computing the same thing"
    )
    if after is not None and constant_value(after) is not None:
        level: Level = "problem"
        why = f"and with {called(after)} constant too they get equal gradients and stay the same"
    else:
        level, why = "warning", "until the gradients of what follows part them"
    return finding(
        (level, "constant_weight"),
        [report],
        f"{fact}, {why}. Draw it at random.",
        measured=constant_value(report),
        source="equal units receive equal gradients from equal weights behind them",
    )


def _differing(recipe: Recipe, *, told: set[int]) -> list[Finding]:
    """Weights that break the recipe and are not told elsewhere, one finding for each scheme."""
    if not recipe.differing or recipe.trained:
        return []
    by_scheme: dict[str, list[TensorReport]] = defaultdict(list)
    for report in (one for one in recipe.differing if one.index not in told):
        by_scheme[report.schemes[0]].append(report)
    return [
        finding(
            (_breaking(recipe, reports), "differs_from_main"),
            reports,
            f"{counted(len(reports), 'weight tensor fits', 'weight tensors fit')} "
            f"{BY_ID[scheme].name} instead of {_own_kind(recipe, reports[0])}: {names(reports)}. "
            f"If that is not meant, initialise {verb(reports, 'it', 'them')} like the rest.",
            measured=float(len(reports)),
            limit=0.0,
        )
        for scheme, reports in by_scheme.items()
    ]


def _breaking(recipe: Recipe, reports: Sequence[TensorReport]) -> Level:
    """A layer that differs from others of its own name is odd; one of a name of its own less so."""
    others = {pattern(r.name) for r in recipe.explained}
    return "warning" if any(pattern(r.name) in others for r in reports) else "info"


def _own_kind(recipe: Recipe, report: TensorReport) -> str:
    """The scheme of the layers that a tensor breaks with."""
    broken = (line.name for line in recipe.lines if report.index in line.breaks)
    return next(broken, recipe.main_name)


def _unlisted(recipe: Recipe) -> list[Finding]:
    reports = recipe.unlisted
    if not reports or recipe.trained:
        return []
    first = reports[0]
    default = first.default
    ratio = first.std / default.std if default and default.std and first.std is not None else None
    at = f" at {factor(ratio)} the PyTorch default's spread" if ratio else ""
    if len(reports) == 1:
        fact = f"{called(first)} has the shape of a fresh draw{at}, a scale of no listed scheme."
    else:
        told = f"; the first{at}" if at else ""
        fact = f"{names(reports)} have the shape of fresh draws at no listed scale{told}."
    message = f"{fact} Check the gain and the fan that were used."
    return [finding(("warning", "unlisted_scale"), reports, message, measured=ratio, limit=1.0)]


def _trained(recipe: Recipe) -> list[Finding]:
    if not recipe.trained or not recipe.changed:
        return []
    message = (
        f"{count(len(recipe.changed))} of {counted(len(recipe.weights), 'weight tensor')} fit no "
        "init scheme, whatever its scale: consistent with weights that have been trained."
    )
    return [
        finding(
            ("info", "trained"),
            recipe.changed,
            message,
            measured=len(recipe.changed) / len(recipe.weights),
            limit=0.5,
        )
    ]


def _moved(recipe: Recipe) -> list[Finding]:
    """Weights of a trained model whose bits alone show that they were moved."""
    if not recipe.trained or not recipe.moved:
        return []
    message = (
        f"{names(recipe.moved)} still {verb(recipe.moved, 'fits', 'fit')} a normal law, but not "
        "the bits of a draw by torch's CPU generator: like the rest, moved by training, by too "
        "little for the values alone to show."
    )
    return [
        finding(
            ("info", "moved_a_little"),
            recipe.moved,
            message,
            measured=float(len(recipe.moved)),
            limit=0.0,
            source="the lattice of torch's CPU draws",
        )
    ]


def _still_fresh(recipe: Recipe) -> list[Finding]:
    if not recipe.trained:
        return []
    moved = {r.index for r in recipe.moved}
    fresh = [
        r
        for r in recipe.weights
        if r.schemes and r.count >= TELLING and constant_value(r) is None and r.index not in moved
    ]
    if not fresh:
        return []
    verb, they, were = ("looks", "it", "was") if len(fresh) == 1 else ("look", "they", "were")
    message = (
        f"{names(fresh)} still {verb} freshly initialised. If you meant to load a checkpoint, "
        f"{they} may not have been loaded; or {they} {were} frozen."
    )
    if all(is_certified(r) for r in fresh):
        message += f" By the bits, no step has moved {'it' if they == 'it' else 'them'} since."
    return [
        finding(("warning", "still_at_init"), fresh, message, measured=float(len(fresh)), limit=0.0)
    ]


def _never_trained(recipe: Recipe) -> list[Finding]:
    """A fresh model beside the state of an optimizer."""
    states = [r for r in recipe.reports if r.role == "optimizer_state"]
    if not states or recipe.trained or recipe.changed or not recipe.explained:
        return []
    message = (
        f"All {counted(len(recipe.explained), 'weight tensor')} still fit their draw, though the "
        "file holds an optimizer's state. No step has changed them: frozen, not passed to the "
        "optimizer, or saved before the first step."
    )
    return [
        finding(
            ("warning", "never_trained"),
            recipe.explained,
            message,
            measured=float(len(recipe.explained)),
            limit=0.0,
        )
    ]


def _changed(recipe: Recipe) -> list[Finding]:
    if recipe.trained:
        return []
    changed = [r for r in recipe.reports if r.status == "not_at_init" and not _is_sparse(r)]
    if not changed:
        return []
    verb = "looks" if len(changed) == 1 else "look"
    message = (
        f"{names(changed)} {verb} like no fresh draw. Trained, pruned or computed: if the model "
        "should be fresh, initialise again."
    )
    return [
        finding(
            ("warning", "not_at_init"), changed, message, measured=float(len(changed)), limit=0.0
        )
    ]


def _is_sparse(report: TensorReport) -> bool:
    return is_sparse(report) and is_weight(report)


def _batches_seen(recipe: Recipe) -> list[Finding]:
    counters = [r for r in recipe.reports if r.role == "num_batches_tracked" and r.max]
    if not counters:
        return []
    most = max(counters, key=lambda r: r.max or 0.0)
    message = (
        f"{called(most)} has counted {count(int(most.max or 0))} batches: data passed through."
    )
    return [
        finding(
            ("info", "batches_seen"),
            counters,
            message,
            measured=most.max,
            limit=0.0,
            source="torch.nn.BatchNorm.num_batches_tracked",
        )
    ]
