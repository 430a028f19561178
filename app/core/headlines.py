"""The model's verdict in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.recipe import Recipe
from app.core.report import Finding
from app.core.wording import count, counted, listed

BLOCKING = ("all_zero_weight", "constant_weight")


def headline(recipe: Recipe, findings: Sequence[Finding]) -> str:
    """What a person reads first; the worst comes first, numbers beside every claim."""
    nonfinite = next((f for f in findings if f.code == "nonfinite"), None)
    if nonfinite is not None:
        values = counted(int(nonfinite.measured or 0), "value is", "values are")
        return f"{values} NaN or infinite, in {counted(len(nonfinite.tensors), 'tensor')}."
    blocking = sum(len(f.tensors) for f in findings if f.code in BLOCKING and f.level == "problem")
    if blocking:
        verb = "layer blocks" if blocking == 1 else "layers block"
        return f"{_lead(recipe)}, but {count(blocking)} {verb} the network."
    return _of_weights(recipe)


def _lead(recipe: Recipe) -> str:
    if recipe.trained:
        return "These weights look trained"
    if recipe.main is None:
        return "No listed scheme fits the weights"
    return f"Weights consistent with {_main(recipe)}"


def _main(recipe: Recipe) -> str:
    if recipe.main == "torch_default":
        return "a fresh PyTorch default"
    return f"{recipe.main_name} ({recipe.family})" if recipe.family else recipe.main_name


def _of_weights(recipe: Recipe) -> str:
    weights, fitting = len(recipe.weights), len(recipe.fitting)
    if weights == 0:
        return _no_weights(recipe)
    if recipe.trained:
        return _trained(recipe, weights)
    if fitting == weights:
        return f"{_all_of(weights)} consistent with {_main(recipe)}."
    explained = len(recipe.explained)
    if explained == weights:
        return f"{_all_of(weights)} consistent with {_whole(recipe)}."
    most = max(fitting, explained)
    if 2 * most > weights:
        rest = weights - most
        name = recipe.main_name if fitting == most else _mostly(recipe)
        return (
            f"Mostly {name}: {count(most)} of {count(weights)} weight tensors. "
            f"{count(rest)} {'differs' if rest == 1 else 'differ'}."
        )
    if recipe.main is None:
        return f"No listed scheme fits any of {counted(weights, 'weight tensor')}."
    return (
        f"Mixed: {recipe.main_name} fits {count(fitting)} of {count(weights)} weight tensors, "
        f"{count(len(recipe.differing))} fit other schemes, "
        f"{count(weights - fitting - len(recipe.differing))} none."
    )


def _trained(recipe: Recipe, weights: int) -> str:
    changed, moved = len(recipe.changed), len(recipe.moved)
    of = counted(weights, "weight tensor")
    if not changed:
        return f"These weights look trained: the bits of {count(moved)} of {of} are no draw's."
    said = f"These weights look trained: {count(changed)} of {of} no longer fit any init scheme"
    return f"{said}, {count(moved)} more have moved a little." if moved else f"{said}."


def _all_of(weights: int) -> str:
    if weights == 1:
        return "The one weight tensor is"
    return f"All {count(weights)} weight tensors are"


def _whole(recipe: Recipe) -> str:
    """The recipe of several schemes by its library's name, or by its largest schemes."""
    if recipe.family is not None:
        return recipe.family
    return f"one recipe: {_schemes(recipe)}"


def _mostly(recipe: Recipe) -> str:
    return recipe.family or f"one recipe ({_schemes(recipe)})"


def _schemes(recipe: Recipe) -> str:
    """The names of the schemes on weights, the largest line's first."""
    weights = {report.index for report in recipe.weights}
    names = (line.name for line in recipe.lines if weights & set(line.tensors))
    return listed(list(dict.fromkeys(names)))


def _no_weights(recipe: Recipe) -> str:
    if any(r.status == "too_small" for r in recipe.reports):
        return "Too few values to tell: no weight tensor is large enough to part the schemes."
    told = [
        r
        for r in recipe.reports
        if r.status not in {"not_judged", "too_small"} and r.role == "parameter"
    ]
    if len(told) == 1:
        return f"No tensor is named as a layer's weight. {told[0].sentence}"
    if told:
        fitting = sum(bool(r.schemes) for r in told)
        return (
            "No tensor is named as a layer's weight. A listed scheme fits "
            f"{count(fitting)} of {counted(len(told), 'tensor')}."
        )
    return "No weight tensors here: nothing to compare with an init scheme."
