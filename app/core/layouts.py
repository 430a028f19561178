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
from app.core.targets import CLEAR, EXACT, LENIENT, WHOLE, Sought, Target, targets_of

FEWEST_BITS: Final = 44.0  # of digits: 10**7 seeds and ENOUGH
TENSORS: Final = 2  # that kept their default and are tried
REDRAWN: Final = 3  # that were drawn again and are tried
FORMS: Final = 2  # uniform laws of a small tensor that are tried
MOST: Final = 16  # places and forms in all
FARTHEST: Final = 2**27  # outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """A place where a tensor should stand."""

    target: Target
    offset: int

    @property
    def lenient(self) -> bool:
        """Whether a training step is allowed for."""
        return bool(self.target.tolerances.min() > EXACT * WHOLE)


def supposed_places(
    sought: Sequence[Sought], pending: Sequence[int], *, most: int = MOST
) -> list[Supposed]:
    """Places to try seeds at, the likeliest first.

    Args:
        sought: All tensors in the order of the file, constants too.
        pending: Which of them have no seed yet.
        most: Places and forms in all: each costs a pass over the seeds.
    """
    found: dict[tuple[int, int, bytes], Supposed] = {}
    for copies, unknown in itertools.product((False, True), (True, False)):
        for one in _places(sought, pending, copies=copies, unknown=unknown):
            form = one.target.digits.tobytes()
            found.setdefault((one.target.tensor, one.offset, form), one)
    near = [one for one in found.values() if 0 < one.offset < FARTHEST]
    return sorted(near, key=lambda one: not one.lenient)[:most]


def _places(
    sought: Sequence[Sought], pending: Sequence[int], *, copies: bool, unknown: bool
) -> Iterator[Supposed]:
    starts, end = [], 0
    for tensor in sought:
        starts.append(end)
        end += _built(tensor, copies=copies, unknown=unknown)
    telling = {at: found for at in pending if (found := _targets(at, sought[at]))}
    redrawn = [at for at, tensor in enumerate(sought) if _is_redrawn(tensor)]
    chosen = _first_and_largest([at for at in redrawn if at in telling], sought)
    laws = {at: telling[at][0].drawn if at in telling else "uniform" for at in redrawn}
    for law in (None, *(laws[at] for at in chosen[1:])):
        again = end
        for at in redrawn:
            if at in chosen:
                yield from (Supposed(target=target, offset=again) for target in telling[at])
            again += _again(sought[at].values.size, law or laws[at])
    for at in [at for at in telling if sought[at].as_default][:TENSORS]:
        yield from (Supposed(target=target, offset=starts[at]) for target in telling[at])


def _is_redrawn(tensor: Sought) -> bool:
    return tensor.matrix and not (tensor.as_default or tensor.constant)


def _first_and_largest(places: Sequence[int], sought: Sequence[Sought]) -> list[int]:
    """The likeliest to stand where supposed, then the likeliest to have moved little since.

    One of them may have been drawn elsewhere or later, so there are several.
    """
    clear = [at for at in places if sought[at].values.size >= CLEAR] or places
    by_size = sorted(places, key=lambda at: -sought[at].values.size)
    return list(dict.fromkeys([*clear[:1], *by_size]))[:REDRAWN]


def _again(size: int, law: Drawn) -> int:
    """Outputs that a tensor takes when it is drawn again by a law."""
    if law == "uniform":
        return size
    return outputs_taken(size, "normal" if size >= TOGETHER else "small_normal")


def _built(tensor: Sought, *, copies: bool, unknown: bool) -> int:
    """Outputs that a constructor takes for a tensor."""
    size = tensor.values.size
    if tensor.copied and not copies:
        return 0
    if tensor.default is not None:
        return outputs_taken(size, tensor.default)
    drawn: Drawn = "normal" if size >= TOGETHER else "small_normal"
    filled = tensor.filled or tensor.constant
    return outputs_taken(size, drawn) if unknown and not filled else 0


def _targets(at: int, tensor: Sought) -> list[Target]:
    """The likeliest forms that tell enough: one of a large tensor, some of a small one."""
    telling = [one for one in targets_of(at, tensor, moved=LENIENT) if one.bits >= FEWEST_BITS]
    uniform = [one for one in telling if one.drawn == "uniform"]
    normal = [one for one in telling if one.drawn == "normal"]
    forms = 1 if tensor.values.size >= CLEAR else FORMS
    return [*uniform[:forms], *normal]
