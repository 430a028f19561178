"""A graph in one line: what was understood."""

from __future__ import annotations

import math
from collections import Counter

from app.core.graph import Graph
from app.core.operators import WEIGHT_ARGUMENT
from app.core.wording import counted, listed

_RENAMED = {"NonDynamicallyQuantizableLinear": "Linear"}
_JOINTS = frozenset({"Residual", "Parallel"})
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


def in_words(graph: Graph) -> str:
    """What was understood: `40 Linear, 39 ReLU; 10.5 million parameters; input of 512`.

    Args:
        graph: Of any origin.
    """
    modules = {(node.module, node.kind): None for node in graph.nodes if node.kind}
    kinds = Counter(_RENAMED.get(kind, kind) for _, kind in modules if kind not in _JOINTS)
    layers = listed([f"{count:,} {kind}" for kind, count in kinds.most_common()], most=6)
    return "; ".join([layers, f"{_rounded(parameter_count(graph))} parameters", _inputs(graph)])


def parameter_count(graph: Graph) -> int:
    """Values in the learned parameters."""
    return sum(math.prod(p.shape) for p in graph.parameters if p.learned)


def weighted_count(graph: Graph) -> int:
    """Operations that carry a weight: the depth that charts count."""
    return sum(1 for node in graph.nodes if node.op in WEIGHT_ARGUMENT)


def _rounded(values: int) -> str:
    for size, word in _SCALES:
        if values >= size:
            return f"{math.floor(values * 10 / size) / 10:g} {word}"
    return f"{values:,}"


def _inputs(graph: Graph) -> str:
    told = []
    for given in graph.inputs:
        sizes = " × ".join(str(size) for size in given.shape[1:]) or "1"
        told.append(f"{sizes} token ids below {given.high:,}" if given.high else sizes)
    return f"{counted(len(told), 'input').removeprefix('1 ')} of {' and '.join(told)}"
