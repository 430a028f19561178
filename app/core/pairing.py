"""The tensors of two checkpoints, joined by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.checkpoint import StoredTensor

WRAPPERS: Final = ("module.", "_orig_mod.", "model.", "module.model.", "_orig_mod.module.")
SHARED: Final = 0.6  # of the names that must have a beginning for it to come into question
MOST_PREFIXES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which tensor of one file is which of the other, by index."""

    pairs: tuple[tuple[int, int], ...]  # same name and shape, in the order of the first file
    differing: tuple[tuple[int, int], ...]  # same name, another shape
    missing: tuple[int, ...]  # of the first file, not in the second
    added: tuple[int, ...]  # of the second file, not in the first
    prefixes: tuple[str, str] = ("", "")  # taken off the names of each
    by_order: bool = False  # names differ; same last names and shapes in the same order
    left_out: int = 0  # of both, the optimizer's and other tensors beside the model


def paired(before: Sequence[StoredTensor], after: Sequence[StoredTensor]) -> Pairing:
    """How two checkpoints fit each other.

    Names are matched with or without a prefix that those of one file share ("module."). Where
    that leaves some alone, but both files have the same last names and shapes in the same order,
    the order decides.
    """
    old, new = _own(before), _own(after)
    left_out = len(before) + len(after) - len(old) - len(new)
    prefixes = _best(old, new)
    matches = _matches(old, new, prefixes)
    if len(matches) < max(len(old), len(new)) and _in_order(old, new, matches):
        every = tuple((a.index, b.index) for a, b in zip(old, new, strict=True))
        return Pairing(
            pairs=every, differing=(), missing=(), added=(), by_order=True, left_out=left_out
        )
    taken = [{pair[0].index for pair in matches}, {pair[1].index for pair in matches}]
    return Pairing(
        pairs=tuple((a.index, b.index) for a, b in matches if a.shape == b.shape),
        differing=tuple((a.index, b.index) for a, b in matches if a.shape != b.shape),
        missing=tuple(one.index for one in old if one.index not in taken[0]),
        added=tuple(one.index for one in new if one.index not in taken[1]),
        prefixes=prefixes if matches else ("", ""),
        left_out=left_out,
    )


def _own(tensors: Sequence[StoredTensor]) -> list[StoredTensor]:
    """The model's own tensors, where the file tells them from others."""
    return [one for one in tensors if one.group == ""] or list(tensors)


def _matches(
    old: Sequence[StoredTensor], new: Sequence[StoredTensor], prefixes: tuple[str, str]
) -> list[tuple[StoredTensor, StoredTensor]]:
    named: dict[str, StoredTensor] = {}
    for one in new:
        named.setdefault(one.name.removeprefix(prefixes[1]), one)
    found = ((one, named.pop(one.name.removeprefix(prefixes[0]), None)) for one in old)
    return [(a, b) for a, b in found if b is not None]


def _best(old: Sequence[StoredTensor], new: Sequence[StoredTensor]) -> tuple[str, str]:
    """The prefixes under which most names agree; none where that is as good."""
    plain = len(_matches(old, new, ("", "")))
    if plain == min(len(old), len(new)):
        return ("", "")
    sides = (_prefixes(old), _prefixes(new))
    choices = [(a, b) for a in sides[0] for b in sides[1]]
    return max(choices, key=lambda choice: len(_matches(old, new, choice)))


def _prefixes(tensors: Sequence[StoredTensor]) -> list[str]:
    counts: Counter[str] = Counter()
    for tensor in tensors:
        parts = tensor.name.split(".")[:4]
        counts.update(".".join(parts[:length]) + "." for length in range(1, len(parts)))
    shared = [one for one, count in counts.most_common(8) if count >= SHARED * len(tensors)]
    known = [one for one in WRAPPERS if counts[one]]
    return list(dict.fromkeys(("", *known, *shared)))[: MOST_PREFIXES + 1]


def _in_order(
    old: Sequence[StoredTensor],
    new: Sequence[StoredTensor],
    matches: Sequence[tuple[StoredTensor, StoredTensor]],
) -> bool:
    """Whether both hold the same kinds in one order, and no name says otherwise."""
    if not old or [_kind(one) for one in old] != [_kind(one) for one in new]:
        return False
    places = ({one.index: at for at, one in enumerate(side)} for side in (old, new))
    first, second = places
    return all(first[a.index] == second[b.index] for a, b in matches)


def _kind(tensor: StoredTensor) -> tuple[str, tuple[int, ...]]:
    return tensor.name.rpartition(".")[2], tensor.shape
