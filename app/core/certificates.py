"""Bit-level proof that a float32 tensor is an untouched float32 draw, as of torch's CPU generator.

`uniform_(-b, b)` puts every value on one of 2**24 places: with k the low 24 bits of an output,
`w = RN32(b·(k - 2**23)·2**-23)`, exactly (the products are exact in float64). A value is tested by
evaluating that again for the nearest place. Where float32 numbers lie `s` apart and places
`b·2**-23`, a random number stands on one with odds of `s / (b·2**-23)`; the product of these over
all values is the chance of a false proof, and a proof needs at most 2**-40. Float32 uniforms of 24
bits by another library stand on the same places where it scales them in one step (numpy's `random`
with dtype float32, as `(2u - 1)·b`); which generator it was, only a seed tells.

`normal_` of 16 values and more leaves pairs of values at known angles: see `app.core.angles`.
Fewer than 16 are drawn in float64 and leave no trace of their own.

Source:
    torch 2.13, ATen/core/TransformationHelper.h (uniform_real).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.angles import Agreement, angles, pairs_of, radii
from app.core.compiled import prepare
from app.core.lattice_kernels import count_places, first_bound

Values: TypeAlias = NDArray[np.float32]
Verdict: TypeAlias = Literal["bit_exact_draw", "refuted", "not_applicable"]

PROOF_BITS: Final = 40.0  # -log2 of the chance of a false proof
ALL_EVEN: Final = 48  # clear values on even places only: odds of 2**-48 for a torch draw
SMALLEST: Final = 24  # values that a bound is sought with
GLANCE: Final = 1024  # values that are counted where the smallest stand on no lattice
FEWEST: Final = 64  # values that an unknown bound is sought for, to prove it
LEAST: Final = 30  # values of which no bound at all is sought, to refute
MOST_BOUNDS: Final = 2**22
MISSED: Final = 16.0  # -ln of the odds that the largest |value| stands below all bounds tried
MOST_PAIRS: Final = 2**16  # of a normal tensor that are looked at
SCALE_BITS: Final = 20.0  # -log2 of the chance that radii fit an std by chance

_REASONS: Final = {
    "dtype": "only float32 draws leave the generator's 24 bits in the values",
    "law": "only uniform and normal draws leave a lattice",
    "few": "too few values to tell a draw from chance",
    "constant": "the values are all the same",
    "coarse": "all places are even: 23-bit draws as of JAX or TensorFlow",
    "unknown": "no bound was given, and of none that fits are these all draws",
    "nowhere": "at no bound do all values stand where a draw puts them, so they moved since or "
    "were drawn otherwise",
    "proof": "every value stands where an untouched float32 draw leaves it",
    "off": "values stand where it puts none, so they moved since or were drawn otherwise",
    "turned": "pairs stand where it puts none, so they moved since or were drawn otherwise",
    "scale": "the angles are those of a draw, the radii are not at this std",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the bits of a tensor say."""

    law: str
    verdict: Verdict
    reason: str
    bound: float | None = None  # of the uniform law whose lattice was tested, a float32 number
    std: float | None = None  # of the normal law, where enough radii tell it
    share: float | None = None  # of the tested values that stand where draws do
    tested: int = 0  # values looked at
    bits: float = 0.0  # -log2 of the chance that a tensor that is no draw passes


def certify(
    values: NDArray[Any], *, law: str, bound: float | None = None, std: float | None = None
) -> Certificate:
    """Whether a tensor is an untouched draw of torch's CPU generator.

    Args:
        values: The whole tensor in the order in which it was drawn, or any of its values; for a
            normal law whole blocks of 16.
        law: "uniform" or "normal"; any other is not applicable.
        bound: Of the uniform law, in weight units; None to look for one.
        std: Of the normal law, in weight units; None to test the angles alone.

    Returns:
        "refuted" says that it is no such draw, whether it was moved or never was one; without a
        bound, that it is none at any bound.
    """
    if values.dtype != np.float32 or _is_upcast(values):
        return _not_applicable(law, "dtype")
    flat = np.ascontiguousarray(values).reshape(-1)
    if law == "uniform":
        return _certify_uniform(flat, bound)
    return _certify_normal(flat, std) if law == "normal" else _not_applicable(law, "law")


def lattice_bound(
    values: Values, *, bounds: Sequence[float] = (), most: int = MOST_BOUNDS
) -> float | None:
    """The bound b for which every value is a draw of `uniform_(-b, b)`, a float32 number.

    Args:
        values: A whole tensor.
        bounds: Candidates; their float32 neighbours are tried too, as torch may round the other
            way. Then all numbers just above the largest |value|.
        most: Of those numbers that are tried.

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
            found = _neighbour(small, given)
            if found and _proves(values, found):
                return found
    # The largest of n draws is below b(1 - c/n) with odds of e**-c.
    reach = min(int(25.0 / values.size * 2**24), most)
    found = first_bound(small, largest, reach) if values.size >= FEWEST else 0.0
    return float(found) if found and _proves(values, found, chances=reach) else None


def normal_draw(values: Values) -> bool:
    """Whether the angles of a tensor's pairs are those of `normal_`, at any std and mean 0."""
    return certify(values, law="normal").verdict == "bit_exact_draw"


def std_of(values: Values, stds: Sequence[float]) -> float | None:
    """The first of some stds at which the radii of a tensor's pairs are those of draws.

    Args:
        values: Certified as a draw of a normal law.
        stds: In weight units.

    Returns:
        None where none is, or where the values are too few to tell.
    """
    first, second = pairs_of(values, most=MOST_PAIRS)
    for std in stds:
        found = radii(first, second, std=float(np.float32(std)))
        if found.complete and found.bits >= SCALE_BITS + math.log2(len(stds)):
            return std
    return None


def _certify_uniform(values: Values, bound: float | None) -> Certificate:
    prepare()
    if values.size and float(values.min()) == float(values.max()):
        return _not_applicable("uniform", "constant")
    if bound is None:
        return _at_any_bound(values)
    found = _neighbour(_smallest(values), bound)
    if found is None:
        values = values[:GLANCE]
    tested = found or float(np.float32(bound))
    on, bits, clear, even = count_places(values, tested)
    verdict, reason = _uniform_verdict(bits, fits=found is not None and on == values.size)
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


def _at_any_bound(values: Values) -> Certificate:
    """What is said of values that were drawn at no known bound, if they were."""
    if values.size < LEAST:
        return _not_applicable("uniform", "few")
    fitting = _fitting_bounds(values)
    for bound in fitting.tolist():
        found = _certify_uniform(values, bound)
        if _proves(values, bound, chances=MOST_BOUNDS):
            return found
    if fitting.size:
        return _not_applicable("uniform", "few" if values.size < FEWEST else "unknown")
    return Certificate(
        law="uniform",
        verdict="refuted",
        reason=_REASONS["nowhere"],
        tested=min(values.size, SMALLEST),
    )


def _fitting_bounds(values: Values) -> NDArray[np.float64]:
    """The bounds on whose lattices the smallest values stand, of all that are likely.

    The smallest value is place k for few k; k leaves a bound its float32 number and neighbours.
    """
    small = _smallest(values).astype(np.float64)
    small = small[np.argsort(np.abs(small))]
    largest = float(np.abs(values).max())
    widest = largest * (1 + MISSED / values.size)
    steps = abs(float(small[0])) * 2.0**23
    places = np.arange(max(1, math.floor(steps / widest)), math.ceil(steps / largest) + 1)
    middle = (steps / places).astype(np.float32)
    near = [middle.view(np.int32) + apart for apart in (-1, 0, 1)]
    bounds = np.concatenate(near).view(np.float32).astype(np.float64)
    bounds = bounds[(bounds >= largest) & (bounds <= widest)]
    for value in small.tolist():
        drawn = bounds * np.rint(value / bounds * 2.0**23) * 2.0**-23
        bounds = bounds[drawn.astype(np.float32) == value]
    return np.unique(bounds)


def _uniform_verdict(bits: float, *, fits: bool) -> tuple[Verdict, str]:
    if not fits:
        return "refuted", "off"
    return ("bit_exact_draw", "proof") if bits >= PROOF_BITS else ("not_applicable", "few")


def _certify_normal(values: Values, std: float | None) -> Certificate:
    first, second = pairs_of(values, most=MOST_PAIRS)
    if first.size == 0:
        return _not_applicable("normal", "few")
    if values.min() == values.max():
        return _not_applicable("normal", "constant")
    found = angles(first, second)
    scale = radii(first, second, std=float(np.float32(std))) if std else Agreement()
    verdict, reason = _normal_verdict(found, scale)
    exact = verdict == "bit_exact_draw"
    return Certificate(
        law="normal",
        verdict=verdict,
        reason=_REASONS[reason],
        std=std if reason == "scale" or scale.bits >= SCALE_BITS else None,
        share=found.inside / found.tested,
        tested=2 * found.tested,
        bits=found.bits if exact else 0.0,
    )


def _normal_verdict(found: Agreement, scale: Agreement) -> tuple[Verdict, str]:
    if not found.complete:
        return "refuted", "turned"
    if not scale.complete:
        return "refuted", "scale"
    return ("bit_exact_draw", "proof") if found.bits >= PROOF_BITS else ("not_applicable", "few")


def _neighbour(small: Values, given: float) -> float | None:
    """The float32 number next to a given bound on whose lattice the smallest values stand."""
    return float(first_bound(small, _below(given, 2), 5)) or None


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
