"""A checkpoint's tensors and a graph's parameters, joined by names and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from app.core.checkpoint import StoredTensor
from app.core.graph import Graph, Join, Parameter

_WRAPPERS = ("", "module.", "_orig_mod.", "model.", "module.model.", "_orig_mod.module.")
_PASSED_OVER = ("num_batches_tracked",)  # a counter, which no operation reads
_MOST_LISTED = 1000


def join(graph: Graph, tensors: Sequence[StoredTensor]) -> Join:
    """How a checkpoint fits a network.

    Tensors are matched by name, with or without a prefix that the checkpoint's names share. Where
    names differ, but the tensors of the model stand in the order of the graph's parameters with
    the same last names and shapes, they are matched in that order.

    Args:
        graph: The network.
        tensors: The checkpoint's, of which the model's own are used.
    """
    own = [t for t in tensors if t.group == "" and not t.name.endswith(_PASSED_OVER)]
    own = own or [t for t in tensors if not t.name.endswith(_PASSED_OVER)]
    by_name = {tensor.name: tensor for tensor in own}
    prefix, cut = _best(graph.parameters, by_name)
    pairs = {p.name: by_name.get(_stored_name(p.name, prefix, cut)) for p in graph.parameters}
    if not all(pairs.values()) and _same_order(graph.parameters, own):
        ordered = zip(graph.parameters, own, strict=True)
        return Join(matched={p.name: t.index for p, t in ordered}, by_order=True)
    return _joined(graph.parameters, own, pairs, prefix)


def with_stored(graph: Graph, tensors: Sequence[StoredTensor]) -> Graph:
    """The graph with its parameters' places among the tensors of its own file."""
    matched = join(graph, tensors).matched
    parameters = [replace(p, stored=matched.get(p.name)) for p in graph.parameters]
    return replace(graph, parameters=tuple(parameters))


def _joined(
    parameters: Sequence[Parameter],
    tensors: Sequence[StoredTensor],
    pairs: dict[str, StoredTensor | None],
    prefix: str,
) -> Join:
    matched: dict[str, int] = {}
    differ: list[str] = []
    missing: list[str] = []
    for parameter in parameters:
        tensor = pairs[parameter.name]
        if tensor is None:
            missing.append(parameter.name)
        elif tensor.shape != parameter.shape:
            differ.append(_difference(parameter, tensor))
        else:
            matched[parameter.name] = tensor.index
    named = {tensor.name for tensor in pairs.values() if tensor is not None}
    unused = [tensor.name for tensor in tensors if tensor.name not in named]
    return Join(
        matched=matched,
        missing=tuple(missing),
        unused=tuple(unused),
        differ=tuple(differ[:_MOST_LISTED]),
        prefixes=(prefix,) if prefix and matched else (),
    )


def _difference(parameter: Parameter, tensor: StoredTensor) -> str:
    return (
        f"{parameter.name} has the shape {parameter.shape} in the network and {tensor.shape} in "
        "the checkpoint."
    )


def _stored_name(name: str, prefix: str, cut: str) -> str:
    return prefix + name.removeprefix(cut)


def _best(parameters: Sequence[Parameter], by_name: dict[str, StoredTensor]) -> tuple[str, str]:
    """The prefix to put before the graph's names, and the one to take off them first."""
    names = [parameter.name for parameter in parameters]
    cuts = ["", *_prefixes(names, share=1.0)]
    stored = list(dict.fromkeys((*_WRAPPERS, *_prefixes(list(by_name), share=0.6))))
    choices = [("", ""), *((p, c) for c in cuts for p in stored)]
    return max(choices, key=lambda choice: sum(_stored_name(n, *choice) in by_name for n in names))


def _prefixes(names: Sequence[str], *, share: float) -> list[str]:
    """Beginnings, up to a dot, that at least this share of the names has; at most four."""
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")[:4]
        counts.update(".".join(parts[:n]) + "." for n in range(1, len(parts)))
    return [prefix for prefix, count in counts.most_common(8) if count >= share * len(names)][:4]


def _same_order(parameters: Sequence[Parameter], tensors: Sequence[StoredTensor]) -> bool:
    return [(_last(p.name), p.shape) for p in parameters] == [
        (_last(t.name), t.shape) for t in tensors
    ]


def _last(name: str) -> str:
    return name.rpartition(".")[2]
