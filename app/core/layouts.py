"""Where tensors stand in a stream if a model was built and initialised the usual way.

Constructors draw every layer's default, in the order of the file. Scripts that choose their own
law draw the matrices again afterwards, in the same order. So a tensor that still looks like its
default follows the defaults before it, and one that does not follows all defaults and the other
tensors drawn again. What cannot be known is tried both ways: whether copies of a layer were drawn,
and whether parameters of no known layer were.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.generator import TOGETHER, Drawn, outputs_taken
from app.core.targets import CLEAR, WIDE, Sought, Target, targets_of

FEWEST_BITS: Final = 44.0  # of digits: 10**7 seeds and ENOUGH
TENSORS: Final = 2  # of each sort that are tried
FORMS: Final = 2  # uniform laws of a small tensor that are tried
MOST: Final = 12  # places and forms in all
FARTHEST: Final = 2**27  # outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """A place where a tensor should stand."""

    target: Target
    offset: int


def supposed_places(sought: Sequence[Sought], pending: Sequence[int]) -> list[Supposed]:
    """Places to try seeds at, the likeliest first.

    Args:
        sought: All tensors in the order of the file, constants too.
        pending: Which of them have no seed yet.
    """
    found: dict[tuple[int, int, bytes], Supposed] = {}
    for copies, unknown in itertools.product((True, False), repeat=2):
        for one in _places(sought, pending, copies=copies, unknown=unknown):
            form = one.target.digits.tobytes()
            found.setdefault((one.target.tensor, one.offset, form), one)
    return [one for one in found.values() if 0 < one.offset < FARTHEST][:MOST]


def _places(
    sought: Sequence[Sought], pending: Sequence[int], *, copies: bool, unknown: bool
) -> Iterator[Supposed]:
    starts, end = [], 0
    for tensor in sought:
        starts.append(end)
        end += _built(tensor, copies=copies, unknown=unknown)
    kept, again = 0, 0
    for at, tensor in enumerate(sought):
        redrawn = tensor.matrix and not (tensor.as_default or tensor.constant)
        targets = _targets(at, tensor) if at in pending else []
        if targets and redrawn and again < TENSORS:
            again += 1
            yield from (Supposed(target=target, offset=end) for target in targets)
        elif targets and tensor.as_default and kept < TENSORS:
            kept += 1
            yield from (Supposed(target=target, offset=starts[at]) for target in targets)
        if redrawn:
            end += outputs_taken(tensor.values.size, targets[0].drawn if targets else "uniform")


def _built(tensor: Sought, *, copies: bool, unknown: bool) -> int:
    """Outputs that a constructor takes for a tensor."""
    size = tensor.values.size
    if tensor.copied and not copies:
        return 0
    if tensor.default is not None:
        return outputs_taken(size, tensor.default)
    drawn: Drawn = "normal" if size >= TOGETHER else "small_normal"
    return outputs_taken(size, drawn) if unknown and not tensor.constant else 0


def _targets(at: int, tensor: Sought) -> list[Target]:
    """The likeliest forms that tell enough: one of a large tensor, some of a small one."""
    telling = [one for one in targets_of(at, tensor, moved=WIDE) if one.bits >= FEWEST_BITS]
    uniform = [one for one in telling if one.drawn == "uniform"]
    normal = [one for one in telling if one.drawn == "normal"]
    forms = 1 if tensor.values.size >= CLEAR else FORMS
    return [*uniform[:forms], *normal]
