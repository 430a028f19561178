"""A network in a few words: what its pages call it by."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby
from typing import Final, TypeAlias

from app.core.graph import Graph, Parameter
from app.core.layers import LINEAR, NORM
from app.core.wording import counted

RUNS: Final = 4  # of layers of one class that are told one by one
_ATTENTION: Final = "MultiheadAttention"
_Module: TypeAlias = tuple[str, tuple[tuple[int, ...], ...]]  # class and parameter shapes


def in_words(graph: Graph) -> str:
    """The layers of a network: "1 + 38 + 1 Linear layers", "20 Conv2d, 1 Linear".

    Layers of one class are counted in runs of one shape. Normalisations are left out, and an
    attention's own linear layer is part of it.

    Args:
        graph: Of any origin.
    """
    modules = _modules(graph)
    kinds = Counter(kind for kind, _ in modules if kind not in NORM)
    if not kinds:
        return counted(len(graph.nodes), "operation")
    if len(kinds) == 1:
        kind, total = next(iter(kinds.items()))
        runs = [len(list(group)) for _, group in groupby(one for one in modules if one[0] == kind)]
        told = 1 < len(runs) <= RUNS and max(runs) > 1
        number = " + ".join(map(str, runs)) if told else f"{total:,}"
        return f"{number} {kind} layer{'' if total == 1 else 's'}"
    several = [f"{total:,} {kind}" for kind, total in kinds.most_common(RUNS)]
    return ", ".join(several) + (" and others" if len(kinds) > RUNS else "")


def parameter_count(graph: Graph) -> int:
    """Values in the learned parameters."""
    return sum(math.prod(p.shape) for p in graph.parameters if p.learned)


def _modules(graph: Graph) -> list[_Module]:
    """Each module that has learned parameters, in order."""
    learned = [one for one in graph.parameters if one.learned]
    attentions = {one.facts.module for one in learned if one.facts.kind == _ATTENTION}
    shapes: dict[str, list[tuple[int, ...]]] = {}
    kinds: dict[str, str] = {}
    for one in learned:
        path = _path(one, attentions)
        shapes.setdefault(path, []).append(one.shape)
        kind = "Linear" if one.facts.kind in LINEAR else one.facts.kind
        kinds.setdefault(path, _ATTENTION if path in attentions else kind)
    return [(kinds[path], tuple(shapes[path])) for path in shapes]


def _path(one: Parameter, attentions: set[str]) -> str:
    """The module that a parameter is counted to: an attention's projection is the attention's."""
    outer = one.facts.module.rpartition(".")[0]
    return outer if one.facts.kind in LINEAR and outer in attentions else one.facts.module
