"""What is said where no listed scheme is certain: scaled draws, moved draws, too few values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.core.attribution import Attribution
from app.core.freescale import Fit
from app.core.report import Candidate, DefaultLaw
from app.core.wording import counted, factor, listed, number

NEAR = 0.25  # |ln(spread / scheme's)| up to which a scheme is called close


def few_lines(verdict: Attribution, n: int) -> list[str]:
    """What a handful of values still says.

    Args:
        verdict: Of a tensor with too few values to tell laws apart.
        n: How many.
    """
    tested = [c for c in verdict.candidates if c.law != "constant"]
    fitting = [c for c in verdict.candidates if c.rejected_by is None]
    values = counted(n, "value")
    if not fitting:
        laws = counted(len(tested), "listed law")
        return [f"{values}, which none of {laws} could have drawn.", *_default_refuted(verdict)]
    names = listed([c.names[0] for c in fitting])
    lines = [f"{values}; at this size these fit alike: {names}."]
    excluded = sum(c.rejected_by is not None for c in tested)
    if excluded:
        word = "is" if excluded == 1 else "are"
        lines.append(f"Of {counted(len(tested), 'law')} tested, {excluded} {word} excluded.")
    return lines + _default_refuted(verdict)


def _default_refuted(verdict: Attribution) -> list[str]:
    """Why it is not the default; values outside its bound are told elsewhere."""
    default = (c for c in verdict.candidates if "torch_default" in c.ids)
    told = (c for c in default if c.reason and c.rejected_by not in {None, "support"})
    return [f"Not PyTorch's default: {line.reason}." for line in told]


def also_lines(fitting: Sequence[Candidate], n: int | None = None) -> list[str]:
    """The other laws that fit, those first that these values cannot tell from the best.

    Args:
        fitting: Survivors, the best first.
        n: How many values; None leaves the number out.
    """
    best, others = fitting[0], fitting[1:]
    alike = [c.names[0] for c in others if c.ids[0] in best.inseparable_from]
    apart = [c.names[0] for c in others if c.ids[0] not in best.inseparable_from]
    lines = []
    if alike:
        size = f"{counted(n, 'value')} are" if n else "The values are"
        lines.append(f"{size} too few to tell it from {listed(alike)}.")
    if apart:
        lines.append(f"Also consistent with {listed(apart)}.")
    return lines


def fit_lines(verdict: Attribution, default: DefaultLaw | None) -> list[str]:
    """How far the values are from a listed scheme, where none fits.

    Args:
        verdict: Of the tensor.
        default: Of its layer.
    """
    fit, moved = verdict.fit, verdict.moved_from
    if moved is not None:
        name, edge = moved.names[0], number(moved.bound or 0.0)
        return [
            f"Close to {name}: same shape, but values lie past its edge at ±{edge}. "
            f"Consistent with {name} followed by some training."
        ]
    if verdict.status == "not_at_init":
        return _default_refuted(verdict) + ([] if fit is None else [_not_believed(fit)])
    if fit is None or verdict.status != "unlisted_scale":
        return []
    if fit.law == "uniform":
        return _scaled_uniform(fit, default)
    said = [_near_miss(verdict, fit)]
    if not fit.telling:
        said.append("At this size a trained tensor can look so too.")
    return said


def _shape(fit: Fit) -> str:
    return "normal" if fit.law == "normal" else "normal cut at ±2σ"


def _not_believed(fit: Fit) -> str:
    return (
        f"The values could pass for a {_shape(fit)} of std {number(fit.std)}, a scale of no listed "
        "scheme; at this size trained values often look so."
    )


def _scaled_uniform(fit: Fit, default: DefaultLaw | None) -> list[str]:
    edges = f"Flat with sharp edges at ±{number(fit.bound or 0.0)}"
    if default is None or default.law != "uniform" or not default.bound:
        return [f"{edges}: a uniform draw at an unlisted scale."]
    times = factor((fit.bound or 0.0) / default.bound).removeprefix("×")
    lines = [f"{edges}: consistent with the PyTorch default multiplied by {times}."]
    low, high = fit.low / default.bound, fit.high / default.bound
    if factor(low) != factor(high):
        lines.append(f"The factor lies between {low:.4f} and {high:.4f}.")
    return lines


def _near_miss(verdict: Attribution, fit: Fit) -> str:
    """The nearest listed scheme of the same family, if its spread is within a quarter."""
    same = [c for c in verdict.candidates if c.law == fit.law and c.std_ratio]
    nearest = min(same, key=lambda c: abs(math.log(c.std_ratio or 1.0)), default=None)
    if nearest is None or nearest.std_ratio is None or abs(math.log(nearest.std_ratio)) > NEAR:
        std = number(fit.std)
        return f"The shape is {_shape(fit)} with std {std}, which no listed scheme has here."
    wider = 100 * (nearest.std_ratio - 1)
    word = "wider" if wider > 0 else "narrower"
    return (
        f"Close to {nearest.names[0]}: same shape, spread {abs(wider):.2g} % {word}. Consistent "
        f"with {nearest.names[0]} followed by some training, or with a scale that is not listed."
    )
