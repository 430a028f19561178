"""The model's recipe: the schemes its weights agree on, and how each tensor relates to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from app.core.kindred import pools_of
from app.core.layers import BIAS_ROLES, WEIGHT_ROLES
from app.core.pooling import family_of, lines_of, recipe_text
from app.core.report import RecipeLine, Sign, TensorReport
from app.core.schemes import BY_ID, ORDER

LEAST_SHARE = 0.2  # of the weights that a main scheme must fit
LEAST_OTHERS = 3  # biases and norms that must have left their laws to show training

# Of fewer values, half of the moved tensors still fit some listed law: benchmarks/attribution.py.
TELLING_VALUES = 1000

# Share of pairs on the lattice below which the angles themselves are no draw's: of moved normals
# 0.53 ± 0.08 of the pairs are there by chance, of a draw at another std at least 0.77.
BY_CHANCE = 0.7


def is_weight(report: TensorReport) -> bool:
    """Whether a tensor is a judged weight of several axes, which a recipe is about."""
    return report.role in WEIGHT_ROLES and len(report.shape) > 1 and report.status != "not_judged"


def constant_value(report: TensorReport) -> float | None:
    """The one value of a constant tensor."""
    structure = report.structure
    return structure.value if structure is not None and structure.kind == "constant" else None


def is_certified(report: TensorReport) -> bool:
    """Whether the bits prove an untouched draw of torch's CPU generator."""
    return (report.certificate or {}).get("verdict") == "bit_exact_draw"


def is_off_lattice(report: TensorReport) -> bool:
    """Whether a tensor fits a normal law, and its bits are no draw of torch's CPU generator.

    Either it was moved by less than its values can show, or it was drawn elsewhere. Of uniform
    laws the support tells a move already; earlier releases drew trunc_normal_ another way.
    """
    told = report.certificate or {}
    share = told.get("share")
    laws = {c.law for c in report.candidates if c.rejected_by is None}
    return (
        told.get("verdict") == "refuted"
        and isinstance(share, float)
        and share < BY_CHANCE
        and laws == {"normal"}
        and not any(i.startswith("trunc_normal") for i in report.schemes)
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All reports of a model, sorted by what they say of its initialisation."""

    reports: tuple[TensorReport, ...]
    main: str | None  # scheme id
    lines: tuple[RecipeLine, ...] = ()

    @property
    def main_name(self) -> str:
        """The main scheme as a person reads it."""
        return BY_ID[self.main].name if self.main is not None else "no scheme"

    @cached_property
    def weights(self) -> tuple[TensorReport, ...]:
        """Weights with enough values to tell."""
        return tuple(r for r in self.reports if is_weight(r) and r.status != "too_small")

    @cached_property
    def fitting(self) -> tuple[TensorReport, ...]:
        """Weights consistent with the main scheme, those that break with their kind aside."""
        alike = (r for r in self.weights if self.main in r.schemes)
        return tuple(r for r in alike if r.index not in self._breaking)

    @cached_property
    def differing(self) -> tuple[TensorReport, ...]:
        """Weights consistent with schemes that break the recipe, constants aside."""
        return tuple(
            r
            for r in self.weights
            if r.schemes and not self._explains(r) and constant_value(r) is None
        )

    @cached_property
    def explained(self) -> tuple[TensorReport, ...]:
        """Weights that the recipe explains, whatever their own line's scheme."""
        return tuple(r for r in self.weights if self._explains(r))

    @cached_property
    def by_index(self) -> dict[int, RecipeLine]:
        """The line that explains a tensor, by the tensor's index."""
        return {index: line for line in self.lines for index in line.tensors}

    @property
    def text(self) -> str:
        """The recipe in one sentence."""
        return recipe_text(self.lines)

    @property
    def family(self) -> str | None:
        """The library whose own init these lines are."""
        return None if self.trained else family_of(self.lines)

    def _explains(self, report: TensorReport) -> bool:
        if report.index in self.by_index:
            return True
        return self.main in report.schemes and report.index not in self._breaking

    @cached_property
    def _breaking(self) -> frozenset[int]:
        """Tensors that break with their own kind of layer, whatever the rest of the model is."""
        return frozenset(index for line in self.lines for index in line.breaks)

    @cached_property
    def changed(self) -> tuple[TensorReport, ...]:
        """Weights whose shape is no longer that of any draw."""
        return tuple(r for r in self.weights if r.status == "not_at_init")

    @cached_property
    def unlisted(self) -> tuple[TensorReport, ...]:
        """Tensors with the shape of a draw at a scale of no listed scheme, weights first."""
        found = [r for r in self.reports if r.status == "unlisted_scale"]
        return tuple(sorted(found, key=lambda r: not is_weight(r)))

    @cached_property
    def trained(self) -> bool:
        """Whether at least half of the weights that can tell are no longer as they were drawn."""
        return self._changed_alone or self._most([*self.changed, *self.moved])

    @cached_property
    def moved(self) -> tuple[TensorReport, ...]:
        """Weights that fit a normal law still, though their bits tell that they were moved.

        The bits alone may also be those of a draw made elsewhere. They tell a move in a model that
        shows training by the shape of a weight or by its biases and norms, and where besides a
        tensor is a proven CPU draw, or the values of most weights are too little moved to tell.
        """
        if not self.changed and not self._others_changed:
            return ()
        proven = any(is_certified(r) for r in self.reports)
        if not proven and (self._changed_alone or not self._others_changed):
            return ()
        return tuple(r for r in self.weights if is_off_lattice(r))

    @cached_property
    def _changed_alone(self) -> bool:
        """Whether the shapes of the weights show training, their bits left aside."""
        return bool(self.changed) and self._most(self.changed)

    def _most(self, reports: Sequence[TensorReport]) -> bool:
        telling = [r for r in self.weights if r.count >= TELLING_VALUES] or list(self.weights)
        wanted = {r.index for r in reports}
        return bool(wanted) and 2 * sum(r.index in wanted for r in telling) >= len(telling)

    @cached_property
    def _others_changed(self) -> bool:
        """Whether most biases and norms are neither as PyTorch sets them nor of any one scheme."""
        others = [
            r
            for r in self.reports
            if not is_weight(r) and r.status not in {"not_judged", "too_small"}
        ]
        left = [
            set(r.schemes)
            for r in others
            if constant_value(r) is None and "torch_default" not in r.schemes
        ]
        most = len(left) >= LEAST_OTHERS and 2 * len(left) >= len(others)
        return most and not set.intersection(*left)

    def sign(self, report: TensorReport) -> Sign:
        """How one tensor relates to the recipe, problems aside."""
        if report.status in {"not_judged", "too_small"}:
            return "not_judged"
        if not report.schemes and report.status != "structured":
            return "no_match"
        return "as_expected" if self._expected(report) else "differs"

    def _expected(self, report: TensorReport) -> bool:
        if is_weight(report) or report.index in self.by_index:
            return self._explains(report)
        if report.role in BIAS_ROLES:
            return bool({"torch_default", "zeros"} & set(report.schemes))
        if report.default is not None:
            return "torch_default" in report.schemes
        return bool(report.schemes)


def recipe_of(reports: Sequence[TensorReport]) -> Recipe:
    """The recipe with the scheme that most weights are consistent with; ties go to the default.

    A scheme needs a fifth of the weights: a single small tensor fits some scheme by chance.
    """
    votes: Counter[str] = Counter()
    first: Counter[str] = Counter()
    weights = [r for r in reports if is_weight(r) and r.status != "too_small"]
    for report in weights:
        if report.status == "consistent" and constant_value(report) is None:
            votes.update(set(report.schemes))
            first[report.schemes[0]] += 1
    main = min(
        votes, key=lambda i: (-votes[i], i != "torch_default", -first[i], ORDER[i]), default=None
    )
    if main is not None and votes[main] < LEAST_SHARE * len(weights):
        main = None
    return Recipe(reports=tuple(reports), main=main, lines=lines_of(pools_of(reports)))
