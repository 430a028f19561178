"""Bit-level proof that a float32 tensor is an untouched draw of torch's CPU generator.

`uniform_(-b, b)` puts every value on one of 2**24 places: with k the low 24 bits of an output,
`w = RN32(b·(k - 2**23)·2**-23)`, exactly (the products are exact in float64). A value is tested by
evaluating that again for the nearest place. Where float32 numbers lie `s` apart and places
`b·2**-23`, a random number stands on one with odds of `s / (b·2**-23)`; the product of these over
all values is the chance of a false proof, and a proof needs at most 2**-40.

`normal_` of 16 values and more is Box and Muller's, in blocks of 16: values j and j + 8 of a block
are `r·cos θ` and `r·sin θ` with `θ = 2π·k·2**-24` and `r² = -2σ²·ln(k'·2**-24)`. So the angle of
such a pair, in turns times 2**24, is a whole number up to rounding, whatever σ is; with σ known so
is `exp(-r²/2σ²)·2**24`. Only pairs count whose rounding stays far below half a unit: small angles,
and small or large k'. A random pair keeps within e of a whole number with odds of 2e.

Source:
    torch 2.13, ATen/core/TransformationHelper.h (uniform_real) and
    ATen/native/cpu/DistributionTemplates.h (NormalFill16).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.compiled import prepare
from app.core.lattice_kernels import count_places, first_bound

Values: TypeAlias = NDArray[np.float32]
Reals: TypeAlias = NDArray[np.float64]
Verdict: TypeAlias = Literal["bit_exact_draw", "refuted", "not_applicable"]

PROOF_BITS: Final = 40.0  # -log2 of the chance of a false proof
ALL_EVEN: Final = 48  # clear values on even places only: odds of 2**-48 for a torch draw
SMALLEST: Final = 24  # values that a bound is sought with
MOST_BOUNDS: Final = 2**22
MOST_PAIRS: Final = 2**20  # of a normal tensor that are looked at
BLOCK, HALF = 16, 8  # values of normal_ that are drawn together
# Upper end → largest distance from a whole number. 2**24 draws each of torch's AVX2 and its scalar
# kernel stayed below 0.078, 0.161, 0.276 (angles) and 0.026, 0.098, 0.185, 0.076 (k').
ANGLES: Final = ((0.125, 0.12), (0.25, 0.22), (0.5, 0.36))  # radians
RADII: Final = ((2.0**14, 0.04), (2.0**16, 0.13), (2.0**17, 0.24))  # k'
FLAT: Final = (2.0**24 * (1 - 2.0**-6), 0.11)  # k' above this

_REASONS: Final = {
    "dtype": "only float32 draws leave the generator's 24 bits in the values",
    "law": "only uniform and normal draws leave a lattice",
    "few": "too few values to tell a draw from chance",
    "constant": "the values are all the same",
    "coarse": "all places are even: 23-bit draws as of JAX or TensorFlow",
    "unknown": "no bound was given, and of none that fits are these all draws",
    "proof": "every value stands where an untouched draw of torch's CPU generator leaves it",
    "moved": "values stand where torch's CPU generator puts none: moved since, or drawn elsewhere",
    "scale": "the angles are those of a draw, the radii are not at this std",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the bits of a tensor say."""

    law: str
    verdict: Verdict
    reason: str
    bound: float | None = None  # of the uniform law whose lattice was tested, a float32 number
    std: float | None = None  # of the normal law whose radii were tested
    share: float | None = None  # of the tested values or pairs, on the lattice
    tested: int = 0  # values, or pairs
    bits: float = 0.0  # -log2 of the chance that a tensor that is no draw passes


def certify(
    values: NDArray[Any], *, law: str, bound: float | None = None, std: float | None = None
) -> Certificate:
    """Whether a tensor is an untouched draw of torch's CPU generator.

    Args:
        values: The whole tensor in the order of its memory, or its first values; for a normal law
            it must begin where the tensor does.
        law: "uniform" or "normal"; any other is not applicable.
        bound: Of the uniform law, in weight units; None to look for one.
        std: Of the normal law, in weight units; None to test the angles alone.

    Returns:
        "refuted" says that it is no such draw, whether it was moved or never was one.
    """
    if values.dtype != np.float32 or _is_upcast(values):
        return _not_applicable(law, "dtype")
    flat = np.ascontiguousarray(values).reshape(-1)
    if law == "uniform":
        return _certify_uniform(flat, bound)
    return _certify_normal(flat, std) if law == "normal" else _not_applicable(law, "law")


def lattice_bound(values: Values, *, bounds: Sequence[float] = ()) -> float | None:
    """The bound b for which every value is a draw of `uniform_(-b, b)`, a float32 number.

    Args:
        values: A whole tensor.
        bounds: Candidates; their float32 neighbours are tried too, as torch may round the other
            way. Then all numbers just above the largest |value|.

    Returns:
        None if there is none, or if the values are too few to tell.
    """
    prepare()
    largest = float(np.abs(values).max(initial=0.0))
    if not 0 < largest < math.inf:
        return None
    small = _smallest(values)
    for given in bounds:
        if largest <= given * (1 + 2.0**-22):
            found = first_bound(small, _below(given, 2), 5)
            if found and _proves(values, found):
                return float(found)
    # The largest of n draws is below b(1 - c/n) with odds of e**-c.
    reach = min(int(25.0 / values.size * 2**24), MOST_BOUNDS)
    found = first_bound(small, largest, reach) if values.size >= 64 else 0.0
    return float(found) if found and _proves(values, found, chances=reach) else None


def normal_draw(values: Values) -> bool:
    """Whether the angles of a tensor's pairs are those of `normal_`, at any std and mean 0."""
    return certify(values, law="normal").verdict == "bit_exact_draw"


def _certify_uniform(values: Values, bound: float | None) -> Certificate:
    prepare()
    if values.size and float(values.min()) == float(values.max()):
        return _not_applicable("uniform", "constant")
    found = lattice_bound(values, bounds=() if bound is None else (bound,))
    if bound is None and found is None:
        return _not_applicable("uniform", "few" if values.size < 64 else "unknown")
    tested = float(np.float32(bound if found is None else found))
    on, bits, clear, even = count_places(values, tested)
    verdict, reason = _uniform_verdict(values, on, bits)
    if verdict == "bit_exact_draw" and clear >= ALL_EVEN and even == clear:
        verdict, reason = "not_applicable", "coarse"
    return Certificate(
        law="uniform",
        verdict=verdict,
        reason=_REASONS[reason],
        bound=tested,
        share=on / values.size,
        tested=values.size,
        bits=bits if on == values.size else 0.0,
    )


def _uniform_verdict(values: Values, on: int, bits: float) -> tuple[Verdict, str]:
    if on < values.size:
        return "refuted", "moved"
    return ("bit_exact_draw", "proof") if bits >= PROOF_BITS else ("not_applicable", "few")


def _certify_normal(values: Values, std: float | None) -> Certificate:
    if values.size < BLOCK:
        return _not_applicable("normal", "few")
    first, second = _pairs(values)
    inside, odds = _angles(first, second)
    angles_fit = bool(inside.all())
    reason = "moved"
    if std is not None and angles_fit:
        radii, radius_odds = _radii(first, second, float(np.float32(std)))
        inside, odds = np.concatenate([inside, radii]), np.concatenate([odds, radius_odds])
        reason = "scale"
    potential = -float(np.log2(odds).sum())
    enough, fits = potential >= PROOF_BITS, bool(inside.all())
    verdict: Verdict = "bit_exact_draw" if fits else "refuted"
    return Certificate(
        law="normal",
        verdict=verdict if enough else "not_applicable",
        reason=_REASONS[("proof" if fits else reason) if enough else "few"],
        std=std,
        share=float(inside.mean()) if inside.size else None,
        tested=inside.size,
        bits=potential if fits else 0.0,
    )


def _pairs(values: Values) -> tuple[Reals, Reals]:
    """Values j and j + 8 of the blocks that keep what was drawn: the last 16 are drawn again."""
    kept = values.size if values.size % BLOCK == 0 else values.size - BLOCK
    blocks = values[: min(kept // BLOCK * BLOCK, 2 * MOST_PAIRS)].reshape(-1, BLOCK)
    doubles = blocks.astype(np.float64)
    return doubles[:, :HALF].ravel(), doubles[:, HALF:].ravel()


def _angles(first: Reals, second: Reals) -> tuple[NDArray[np.bool_], Reals]:
    """For each telling pair whether its angle is a draw's, and a random pair's odds of that."""
    angle = np.arctan2(second, first)
    telling = (angle >= 0) & (angle < ANGLES[-1][0]) & ((first != 0) | (second != 0))
    angle = angle[telling]
    limits = np.select([angle < end for end, _ in ANGLES], [limit for _, limit in ANGLES], 0.5)
    places = angle / (2 * math.pi) * 2**24
    return np.abs(places - np.rint(places)) <= limits, 2 * limits


def _radii(first: Reals, second: Reals, std: float) -> tuple[NDArray[np.bool_], Reals]:
    places = np.exp((first**2 + second**2) / (-2 * std**2)) * 2**24
    telling = (places < RADII[-1][0]) | (places > FLAT[0])
    places = places[telling]
    limits = np.select(
        [places < end for end, _ in RADII], [limit for _, limit in RADII], default=FLAT[1]
    )
    return np.abs(places - np.rint(places)) <= limits, 2 * limits


def _smallest(values: Values) -> Values:
    sizes = np.abs(values)
    keep = values[sizes > 0]
    if keep.size > SMALLEST:
        keep = keep[np.argpartition(np.abs(keep), SMALLEST)[:SMALLEST]]
    return np.ascontiguousarray(keep)


def _proves(values: Values, bound: float, *, chances: int = 5) -> bool:
    on, bits, _, _ = count_places(values, bound)
    return on == values.size and bits >= PROOF_BITS + math.log2(chances)


def _below(value: float, steps: int) -> float:
    number = np.float32(value)
    for _ in range(steps):
        number = np.nextafter(number, np.float32(0))
    return float(number)


def _is_upcast(values: NDArray[Any]) -> bool:
    """Whether all values are those of a 16-bit type; sixteen values that tell are enough."""
    bits = int(np.bitwise_or.reduce(values.reshape(-1)[:4096].view(np.uint32), initial=0))
    return bits & 0x1FFF == 0


def _not_applicable(law: str, reason: str) -> Certificate:
    return Certificate(law=law, verdict="not_applicable", reason=_REASONS[reason])
