"""The certificate of a judged tensor: its bits held against the laws that could have drawn it.

At most SAMPLE values are looked at, in runs spread over the tensor, so that a long tensor is not
read again. What moved a few rows only may be missed where none of the runs meets them; a step of
training moves nearly all values, and one of them refutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.angles import inverse_errors
from app.core.certificates import LEAST, PROOF_BITS, Certificate, certify, std_of
from app.core.report import Candidate, TensorReport
from app.core.wording import count

Told: TypeAlias = dict[str, str | int | float | None]
Values: TypeAlias = NDArray[np.float32]

SAMPLE: Final = 2**15  # values
RUN: Final = 512  # of them together; a multiple of the 16 that normal_ draws at once
UPCAST: Final = 0x1FFF  # bits of a float32 that no 16-bit type has
_INVERSE: Final = (
    "the values near 0 stand where trunc_normal_ of timm and of torch before 2.13 leaves them"
)
STEP: Final = 0.02  # of the bound: how far beyond it a step may have carried the largest value
SURE: Final = 6.0  # standard errors
WIDEST_CUT: Final = 3.2  # largest |x| in stds above which no law is one cut at 2 or 3 of its own
JUDGED: Final = frozenset({"consistent", "unlisted_scale", "not_at_init", "too_small"})
PROVED: Final = frozenset({"consistent", "unlisted_scale"})  # statuses
LATTICE: Final = frozenset({"uniform", "normal"})  # laws whose draws leave one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laws:
    """What a tensor's values are held against."""

    expected: str = "normal"  # the likeliest law
    uniform: tuple[float, ...] = ()  # bounds, the likeliest first
    any_bound: bool = False  # whether the values are flat enough for a uniform law at another
    stds: tuple[float, ...] = ()
    only: bool = False  # whether any draw of torch's would be of one of them


def may_prove(report: TensorReport, *, low_bits: int) -> bool:
    """Whether a tensor's bits can tell of its draw: a float32 one's, if no 16-bit type's.

    Args:
        report: From `judgement.judge`.
        low_bits: OR of the bit patterns of all values.
    """
    drawn = report.dtype == "float32" and not report.nonfinite and bool(low_bits & UPCAST)
    return drawn and report.status in JUDGED


def certificate_of(values: NDArray[Any], report: TensorReport) -> Told | None:
    """What the bits of a tensor prove of its draw.

    Args:
        values: The tensor.
        report: From `judgement.judge`, for which `may_prove`.

    Returns:
        A Certificate's facts; None where no law is left that can be proved, where it may be one
        that leaves no lattice, or where the values are too few.
    """
    laws = _laws(report)
    if laws is None:
        return None
    founds = []
    for found in _held(values, laws):
        if found.verdict == "bit_exact_draw":
            return _told(found, report)
        founds.append(found)
    if not laws.only or any(found.verdict != "refuted" for found in founds):
        return None
    return _told(next((f for f in founds if f.law == laws.expected), founds[0]), report)


def _held(values: NDArray[Any], laws: _Laws) -> Iterator[Certificate]:
    sample = sampled(values)
    for bound in laws.uniform:
        yield certify(sample, law="uniform", bound=bound)
    if laws.any_bound:
        yield certify(sample, law="uniform")
    yield _normal(values, sample, laws.stds)


def _normal(values: NDArray[Any], sample: Values, stds: Sequence[float]) -> Certificate:
    """The certificate of a normal law, which a matrix may keep the other way round."""
    found = certify(sample, law="normal")
    if found.verdict == "refuted" and values.ndim == 2:
        turned = sampled(values.T)
        other = certify(turned, law="normal")
        if other.verdict == "bit_exact_draw":
            sample = turned
            found = replace(other, reason=f"read column by column, {other.reason}")
    if found.verdict == "refuted":
        return _by_inverse(sample, stds) or found
    exact = found.verdict == "bit_exact_draw"
    return replace(found, std=std_of(sample, stds) if exact else None)


def _by_inverse(sample: Values, stds: Sequence[float]) -> Certificate | None:
    """A normal law's certificate where the inverse error function made the values; else None."""
    for std in stds:
        found = inverse_errors(sample, std=std)
        if not found.complete:
            continue
        exact = found.bits >= PROOF_BITS
        return Certificate(
            law="normal",
            verdict="bit_exact_draw" if exact else "not_applicable",
            reason=_INVERSE if exact else "too few values to tell a draw from chance",
            std=std if exact else None,
            share=1.0 if exact else None,
            tested=sample.size if exact else 0,
            bits=found.bits if exact else 0.0,
        )
    return None


def sampled(values: NDArray[Any]) -> Values:
    """Runs of a tensor's values, spread over it; all of a short one.

    They begin at multiples of 16, and the last 16 of a long tensor are not among them: so pairs
    that `normal_` drew together stay together.
    """
    size = values.size
    if size <= SAMPLE:
        return np.ascontiguousarray(values).reshape(-1)
    flat = values.reshape(-1) if values.flags.c_contiguous else values.flat
    last = (size - 16 - RUN) // 16
    starts = np.linspace(0, last, SAMPLE // RUN).astype(np.int64) * 16
    return np.concatenate([flat[start : start + RUN] for start in starts.tolist()])


def _laws(report: TensorReport) -> _Laws | None:
    """Those that the tests leave; where they leave none, those of the tensor's class."""
    surviving = [one for one in report.candidates if one.rejected_by is None]
    if surviving and not any(one.law in LATTICE for one in surviving):
        return None
    flat = may_be_flat(report)
    expected = next((one.law for one in surviving if one.law in LATTICE), None)
    default = report.default
    if expected is None and default is not None and default.law in LATTICE:
        expected = default.law
    return _Laws(
        expected=expected or ("uniform" if flat else "normal"),
        uniform=_bounds(report, flat=flat),
        any_bound=flat,
        stds=_stds(report),
        only=report.count >= LEAST and _only(report, surviving),
    )


def _bounds(report: TensorReport, *, flat: bool) -> tuple[float, ...]:
    """Bounds of the surviving laws, of the default, then of those that the values come close to."""
    largest = max(abs(report.min or 0.0), abs(report.max or 0.0))
    uniform = [one for one in report.candidates if one.law == "uniform" and one.bound]
    found = [one.bound for one in uniform if one.rejected_by is None]
    default = report.default
    if not found and default is not None and default.law == "uniform":
        found.append(default.bound)
    if flat:
        found += [one.bound for one in uniform if one.bound and largest / one.bound - 1 < STEP]
    return tuple(dict.fromkeys(bound for bound in found if bound))


def _stds(report: TensorReport) -> tuple[float, ...]:
    """Stds of normal laws, the likeliest first, that the values' own does not rule out."""
    margin = SURE / math.sqrt(2 * report.count)
    near = (
        one.std
        for one in report.candidates
        if one.law == "normal" and abs((report.std or 0.0) - one.std) < margin * one.std
    )
    return tuple(dict.fromkeys(near))


def _only(report: TensorReport, surviving: Sequence[Candidate]) -> bool:
    """Whether any untouched draw of torch's with these values is of a law that leaves a lattice."""
    if _may_be_cut(report):
        return False
    if surviving:
        return all(one.law in LATTICE for one in surviving)
    if report.status == "unlisted_scale":
        largest = max(abs(report.min or 0.0), abs(report.max or 0.0))
        return may_be_flat(report) or largest > WIDEST_CUT * (report.std or 0.0)
    default = report.default
    return default is not None and default.law in LATTICE and not _may_be_shifted(report)


def may_be_flat(report: TensorReport) -> bool:
    """Whether the largest |value| is no more stds than a uniform law's about 0 may reach.

    The bound is √3 stds, and the std of n draws is known to 0.45/√n.
    """
    largest = max(abs(report.min or 0.0), abs(report.max or 0.0))
    reach = math.sqrt(3) * (1 + SURE * 0.45 / math.sqrt(report.count))
    return report.count >= LEAST and largest < reach * (report.std or 0.0)


def _may_be_cut(report: TensorReport) -> bool:
    """Whether the values may be of a normal law cut at ±2 of its own stds, at any scale.

    It ends at 2.274 of the stds that are left, known to 0.585/√n; its kurtosis is 2.37, and that
    of a uniform law 1.8. Where no listed law survives, it needs more to rule it out.
    """
    likelier = 2.05 if report.schemes else 2.05 - 3 / math.sqrt(report.count)
    largest = max(abs(report.min or 0.0), abs(report.max or 0.0))
    reach = 2.274 * (1 + 4 * 0.585 / math.sqrt(report.count))
    return largest < reach * (report.std or 0.0) and (report.kurtosis or 0.0) > likelier


def _may_be_shifted(report: TensorReport) -> bool:
    """Whether the values may be drawn about another middle than 0, as U(a, b) or N(m, s)."""
    n, std = report.count, report.std or 0.0
    if abs(report.mean or 0.0) < SURE * std / math.sqrt(n):
        return False
    tail, lean = report.kurtosis or 0.0, report.skewness or 0.0
    flat, normal = (
        abs(tail - 1.8) < SURE * math.sqrt(2 / n),
        abs(tail - 3) < SURE * math.sqrt(24 / n),
    )
    return abs(lean) < SURE * math.sqrt(6 / n) and (flat or normal)


def _told(found: Certificate, report: TensorReport) -> Told:
    size, structure = report.count, report.structure
    exact = found.verdict == "bit_exact_draw"
    if exact and structure is not None and structure.kind in {"sparse", "tied"}:
        why = f"{structure.detail}; the others stand where an untouched draw leaves them"
        found = replace(found, verdict="refuted", reason=why, bits=0.0)
    elif exact and found.tested < size:
        looked = f"{count(found.tested)} of its {count(size)} values were looked at"
        found = replace(
            found, reason=f"{looked}, and each stands where an untouched float32 draw leaves it"
        )
    return {**asdict(found), "values": size}


def sentence_of(report: TensorReport) -> str:
    """A tensor's sentence, with what its certificate adds to a law that fits."""
    told = report.certificate or {}
    if report.status not in PROVED:
        return report.sentence
    said, fits = report.sentence.removesuffix("."), bool(report.schemes)
    if told.get("verdict") == "bit_exact_draw":
        return f"{said}; its bits are those of an untouched float32 draw."
    if told.get("verdict") == "refuted" and fits:
        return f"{said}; but its bits are no CPU draw's: moved a little, or drawn elsewhere."
    return report.sentence
