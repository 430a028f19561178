"""What is said of one tensor: its headline and the lines below, with numbers from the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.attribution import Attribution
from app.core.checkpoint import StoredTensor
from app.core.layers import STATE_ROLES, ParameterFacts
from app.core.precision import effective_dtype
from app.core.report import Candidate, DefaultLaw, PartReport, Status, Structure
from app.core.schemes import BY_ID
from app.core.statistics import Sketch
from app.core.unlisted import also_lines, few_lines, fit_lines
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
    padding: int = 0  # zeros of padding rows, left out of the tests
    padding_rows: tuple[int, ...] = ()  # which rows, where that is known
    parts: tuple[PartReport, ...] = ()  # of a packed tensor
    told: str | None = None  # what its structure says, in place of the sentence about its law

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
    if case.structure is not None and _is_eye(case):
        word = "eye_" if len(case.tensor.shape) == 2 else "dirac_"
        return f"Looks like torch.nn.init.{word}: {case.structure.detail}."
    if case.told is not None:
        return case.told
    if case.status == "too_small":
        return "Too few values to tell."
    if case.best is not None:
        return fits(case.best)
    return _unfitting(case, case.verdict)


def fits(line: Candidate) -> str:
    """That a tensor is consistent with a law, in one line."""
    return f"Fits {line.names[0]}: {_law_in_words(line)}."


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
        case "positive_uniform":
            return f"uniform between 0 and {number(line.bound or 0.0)}"
        case "normal":
            return f"normal with std {number(line.std)}"
        case "truncated_normal":
            return f"normal cut at ±{number(line.bound or 0.0)}, std {number(line.std)}"
        case "orthogonal":
            said, _, gain = (line.reason or f"std {number(line.std)}").partition("; ")
            return f"{gain}, {said}" if "lsuv" in line.ids and gain else said
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
        lines += [*_about_bound(case), *_about_choice(case)]
        lines += fit_lines(case.verdict, case.default)
        lines += _about_sign(case.best)
    lines += _about_class(case)
    return tuple(lines)


def _about_values(case: Case) -> list[str]:
    sketch, lines = case.sketch, []
    if sketch.nonfinite:
        said = f"{counted(sketch.nonfinite, 'value is', 'values are')} NaN or infinite"
        lines.append(f"{said}: left out of the statistics.")
    if case.padding:
        lines.append(_about_padding(case))
    narrow = effective_dtype(sketch)
    drawn = sketch.constant is None and sketch.finite > 1 and not _is_eye(case)
    if narrow != sketch.dtype and drawn:
        lines.append(f"Every value is a {narrow} number, stored as {sketch.dtype}.")
    return lines


def _about_padding(case: Case) -> str:
    rows = case.padding_rows
    if len(rows) < 2:
        which = f"Row {rows[0]}" if rows else "One row"
        zeros = counted(case.padding, "zero")
        return f"{which} is all zeros, as padding_idx has: {zeros} left out of the tests."
    names = listed([str(row) for row in rows], most=5)
    return f"{count(len(rows))} rows ({names}) are all zeros, and left out of the tests."


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


def _about_sign(best: Candidate | None) -> list[str]:
    """That no value is negative, where a call without bounds brings that about."""
    if best is None or best.law != "positive_uniform":
        return []
    call = BY_ID[best.ids[0]].call
    top = number(best.bound or 0.0)
    return [f"Every value is positive: {call} draws from U[0, {top}) unless bounds are given."]


def _about_choice(case: Case) -> list[str]:
    """What else fits, and whether the data could tell."""
    verdict, best = case.verdict, case.best
    if verdict is None or _is_eye(case) or (best is not None and best.law == "constant"):
        return []
    if best is None:
        few = case.status == "too_small" and case.sketch.constant is None
        return few_lines(verdict, case.sketch.finite) if few else []
    fitting = [line for line in verdict.candidates if line.rejected_by is None]
    if case.status == "too_small":
        return few_lines(verdict, case.sketch.finite)
    return choice_lines(fitting, case.sketch.finite)


def choice_lines(fitting: Sequence[Candidate], n: int | None = None) -> list[str]:
    """What else could have drawn a tensor, and whether its values can tell.

    Args:
        fitting: The laws that could have, the one that is named first.
        n: How many values, where that is to be said.
    """
    best, lines = fitting[0], []
    others = _other_names(best)
    if others:
        why = f", {best.reason.removeprefix('one law here ')}" if best.reason else ""
        lines.append(f"Same rule here as {listed(others)}{why}. The values cannot tell them apart.")
    lines += also_lines(fitting, n)
    if best.law == "orthogonal" and best.reason:
        lines.append(f"{best.reason[0].upper()}{best.reason[1:]}.")
    return lines


def _other_names(best: Candidate) -> list[str]:
    """The other names of the best law; a = √5 is how PyTorch's default is written, no other."""
    own = {best.names[0]}
    if "torch_default" in best.ids:
        own.add(BY_ID["kaiming_uniform(fan_in,a=√5)"].name)
    return [name for name in best.names if name not in own]


def _about_class(case: Case) -> list[str]:
    possible = case.facts.attributes.get("possible")
    if case.verdict is None or case.default is not None or not isinstance(possible, tuple):
        return []
    kinds = " or ".join(str(kind) for kind in possible)
    return [f"Names and shape fit {kinds}, whose defaults differ: each of them is tested."]
