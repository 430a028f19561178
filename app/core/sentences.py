"""What is said of one tensor: its headline and the lines below, with numbers from the file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.core.attribution import Attribution
from app.core.checkpoint import StoredTensor
from app.core.freescale import Fit
from app.core.layers import STATE_ROLES, ParameterFacts
from app.core.report import Candidate, DefaultLaw, Status, Structure
from app.core.schemes import BY_ID
from app.core.statistics import Sketch
from app.core.structure import effective_dtype
from app.core.wording import count, counted, factor, listed, number, share

ROLE_SENTENCES = {
    "running_mean": "Running mean of a normalisation: gathered from data, not drawn.",
    "running_var": "Running variance of a normalisation: gathered from data, not drawn.",
    "num_batches_tracked": "Counts the batches a normalisation has seen.",
    "optimizer_state": "State of an optimizer, not a weight: no scheme applies.",
    "magnitude": "Norms of the weight beside it, set from it by weight norm: no draw.",
    "buffer": "A buffer, not a weight: no scheme applies.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One tensor with everything found about it."""

    tensor: StoredTensor
    facts: ParameterFacts
    sketch: Sketch
    default: DefaultLaw | None
    status: Status
    verdict: Attribution | None  # None where the tensor is not judged
    structure: Structure | None
    outside: int | None  # values outside the default's bound
    padding: int = 0  # zeros of a padding row, left out of the tests

    @property
    def best(self) -> Candidate | None:
        """The likeliest surviving candidate."""
        lines = self.verdict.candidates if self.verdict else ()
        return next((line for line in lines if line.rejected_by is None), None)


def sentence(case: Case) -> str:
    """The tensor's own headline."""
    if case.verdict is None:
        return _not_judged(case)
    if case.structure is not None and case.structure.kind == "constant":
        return _constant(case)
    if _is_eye(case):
        word = "eye_" if len(case.tensor.shape) == 2 else "dirac_"
        return f"Looks like torch.nn.init.{word}: zeros and ones; their places were not compared."
    if case.status == "too_small":
        return "Too few values to tell."
    if case.best is not None:
        return f"Fits {case.best.names[0]}: {_law_in_words(case.best)}."
    return _unfitting(case, case.verdict)


def _unfitting(case: Case, verdict: Attribution) -> str:
    if case.structure is not None:
        return f"No scheme fits: {case.structure.detail}."
    if verdict.moved_from is not None:
        return f"No scheme fits, though {verdict.moved_from.names[0]} is close."
    if case.status == "unlisted_scale":
        return f"No scheme fits. {_spread(case)}"
    return "No scheme fits: these values do not look like a fresh draw."


def _is_eye(case: Case) -> bool:
    return case.structure is not None and case.structure.kind in {"identity", "dirac"}


def _not_judged(case: Case) -> str:
    tensor = case.tensor
    if math.prod(tensor.shape) == 0:
        return "Holds no values."
    if tensor.alias_of is not None:
        return f"Shares its values with tensor {tensor.alias_of}, and is judged there."
    if tensor.note is not None:
        return f"Not judged: {tensor.note}."
    if case.facts.role in STATE_ROLES:
        return ROLE_SENTENCES[case.facts.role]
    if tensor.parameter is False:
        return ROLE_SENTENCES["buffer"]
    if case.sketch.finite == 0:
        return "No value is finite: there is nothing to compare."
    return f"Not judged: {tensor.dtype} values are no draw of a scheme."


def _constant(case: Case) -> str:
    value = case.sketch.constant or 0.0
    alike = f"All {count(case.sketch.count)} values are {number(value)}"
    if case.status == "consistent":
        return f"{alike}, the PyTorch default."
    return f"{alike}."


def _law_in_words(line: Candidate) -> str:
    match line.law:
        case "uniform":
            return f"uniform on ±{number(line.bound or 0.0)}"
        case "normal":
            return f"normal with std {number(line.std)}"
        case "truncated_normal":
            return f"normal cut at ±{number(line.bound or 0.0)}, std {number(line.std)}"
        case "orthogonal":
            return f"std {number(line.std)}; scale alone is compared"
        case _:
            return f"every value {number(line.value or 0.0)}"


def _spread(case: Case) -> str:
    default, std = case.default, case.sketch.std
    if default is not None and default.std > 0 and std is not None:
        return f"Spread is {factor(std / default.std)} the PyTorch default."
    return f"The spread is {number(std or 0.0)}."


def remarks(case: Case) -> tuple[str, ...]:
    """The lines below the headline, each a fact with its number."""
    lines = [*_about_values(case)]
    if case.verdict is not None and case.sketch.finite:
        lines += [*_about_bound(case), *_about_choice(case), *_about_fit(case)]
    lines += _about_class(case)
    return tuple(lines)


def _about_values(case: Case) -> list[str]:
    sketch, lines = case.sketch, []
    if sketch.nonfinite:
        said = f"{counted(sketch.nonfinite, 'value is', 'values are')} NaN or infinite"
        lines.append(f"{said}: left out of the statistics.")
    if case.padding:
        zeros = counted(case.padding, "zero", "zeros")
        lines.append(f"One row of {zeros}, as padding_idx has, is left out of the tests.")
    narrow = effective_dtype(sketch)
    drawn = sketch.constant is None and sketch.finite > 1 and not _is_eye(case)
    if narrow != sketch.dtype and drawn:
        lines.append(f"Every value is a {narrow} number, stored as {sketch.dtype}.")
    return lines


def _about_bound(case: Case) -> list[str]:
    """Whether the values stay within the default's bound, and how close they come to it."""
    default = case.default
    drawn = case.sketch.constant is None and not _is_eye(case)
    if default is None or default.bound is None or default.law == "constant" or not drawn:
        return []
    if case.outside:
        part = case.outside / case.sketch.finite
        said = counted(case.outside, "value lies", "values lie")
        return [f"{said} outside the default's ±{number(default.bound)} ({share(part)})."]
    largest = max(abs(case.sketch.minimum or 0.0), abs(case.sketch.maximum or 0.0))
    reach = largest / default.bound
    if reach > 1:
        rounded = f"the largest |x| is the bound as {effective_dtype(case.sketch)} rounds it"
        return [f"Nothing is outside the default's bound; {rounded}."]
    return [
        f"Nothing is outside the default's bound ±{number(default.bound)}, and the largest |x| "
        f"reaches {share(reach)} of it."
    ]


def _about_choice(case: Case) -> list[str]:
    """What else fits, and whether the data could tell."""
    verdict, best = case.verdict, case.best
    if verdict is None or best is None or best.law == "constant" or _is_eye(case):
        return []
    fitting = [line for line in verdict.candidates if line.rejected_by is None]
    if case.status == "too_small":
        names = listed([line.names[0] for line in fitting], most=3)
        return [f"{counted(case.sketch.finite, 'value')}; at this size these fit alike: {names}."]
    lines = []
    others = _other_names(best)
    if others:
        why = f", {best.reason.removeprefix('one law here ')}" if best.reason else ""
        lines.append(f"Same rule here as {listed(others)}{why}. The values cannot tell them apart.")
    if len(fitting) > 1:
        lines.append(f"Also consistent with {listed([f.names[0] for f in fitting[1:]])}.")
    if best.law == "orthogonal" and best.reason:
        lines.append(f"{best.reason[0].upper()}{best.reason[1:]}.")
    return lines


def _other_names(best: Candidate) -> list[str]:
    """The other names of the best law; a = √5 is how PyTorch's default is written, no other."""
    own = {best.names[0]}
    if "torch_default" in best.ids:
        own.add(BY_ID["kaiming_uniform(fan_in,a=√5)"].name)
    return [name for name in best.names if name not in own]


def _about_fit(case: Case) -> list[str]:
    if case.verdict is None:
        return []
    fit, moved = case.verdict.fit, case.verdict.moved_from
    if moved is not None:
        name = moved.names[0]
        return [
            f"Close to {name}: same shape, but values lie past its edge at "
            f"±{number(moved.bound or 0.0)}. Consistent with {name} followed by some training."
        ]
    if case.status == "not_at_init":
        default = (c for c in case.verdict.candidates if "torch_default" in c.ids)
        lines = (c for c in default if c.reason and c.rejected_by != "support")
        return [f"Not PyTorch's default: {line.reason}." for line in lines]
    if fit is None or case.status != "unlisted_scale":
        return []
    if fit.law == "uniform" and fit.bound is not None:
        return [_scaled_uniform(case, fit.bound)]
    return [_near_miss(case, fit)]


def _scaled_uniform(case: Case, bound: float) -> str:
    edges = f"Flat with sharp edges at ±{number(bound)}"
    default = case.default
    if default is None or default.law != "uniform" or not default.bound:
        return f"{edges}: a uniform draw at an unlisted scale."
    times = factor(bound / default.bound).removeprefix("×")
    return f"{edges}: consistent with the PyTorch default multiplied by {times}."


def _near_miss(case: Case, fit: Fit) -> str:
    """The nearest listed scheme of the same family, if its spread is within a quarter."""
    lines = case.verdict.candidates if case.verdict else ()
    same = [c for c in lines if c.law == fit.law and c.std_ratio]
    nearest = min(same, key=lambda c: abs(math.log(c.std_ratio or 1.0)), default=None)
    shape = "normal" if fit.law == "normal" else "normal cut at ±2σ"
    if nearest is None or nearest.std_ratio is None or abs(math.log(nearest.std_ratio)) > 0.25:
        return f"The shape is {shape} with std {number(fit.std)}, which no listed scheme has here."
    wider = 100 * (nearest.std_ratio - 1)
    word = "wider" if wider > 0 else "narrower"
    return (
        f"Close to {nearest.names[0]}: same shape, spread {abs(wider):.2g} % {word}. Consistent "
        f"with {nearest.names[0]} followed by some training, or with a scale that is not listed."
    )


def _about_class(case: Case) -> list[str]:
    possible = case.facts.attributes.get("possible")
    if case.verdict is None or case.default is not None or not isinstance(possible, tuple):
        return []
    kinds = " or ".join(str(kind) for kind in possible)
    return [f"Names and shape fit {kinds}, whose defaults differ: no default is compared."]
