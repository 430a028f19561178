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

# Of fewer values, half of the moved tensors still fit some listed law: benchmarks/attribution.py.
TELLING_VALUES = 1000


def is_weight(report: TensorReport) -> bool:
    """Whether a tensor is a judged weight of several axes, which a recipe is about."""
    return report.role in WEIGHT_ROLES and len(report.shape) > 1 and report.status != "not_judged"


def constant_value(report: TensorReport) -> float | None:
    """The one value of a constant tensor."""
    structure = report.structure
    return structure.value if structure is not None and structure.kind == "constant" else None


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
        """Weights consistent with the main scheme."""
        return tuple(r for r in self.weights if self.main in r.schemes)

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
        return report.index in self.by_index or self.main in report.schemes

    @cached_property
    def changed(self) -> tuple[TensorReport, ...]:
        """Weights whose shape is no longer that of any draw."""
        return tuple(r for r in self.weights if r.status == "not_at_init")

    @cached_property
    def unlisted(self) -> tuple[TensorReport, ...]:
        """Tensors with the shape of a draw at a scale of no listed scheme, weights first."""
        found = [r for r in self.reports if r.status == "unlisted_scale"]
        return tuple(sorted(found, key=lambda r: not is_weight(r)))

    @property
    def trained(self) -> bool:
        """Whether at least half of the weights that can tell look like no fresh draw."""
        telling = [r for r in self.weights if r.count >= TELLING_VALUES] or list(self.weights)
        changed = sum(r.status == "not_at_init" for r in telling)
        return changed > 0 and 2 * changed >= len(telling)

    def sign(self, report: TensorReport) -> Sign:
        """How one tensor relates to the recipe, problems aside."""
        if report.status in {"not_judged", "too_small"}:
            return "not_judged"
        if not report.schemes and constant_value(report) is None:
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
