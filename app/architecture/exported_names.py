"""Names for people: an operation by its module, and by itself where the module has several."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from app.architecture.exported_calls import Call
from app.core.operators import FAMILY
from app.readers.layout import ancestors

_MAIN = frozenset(
    {
        "linear", "convolution", "recurrent", "embedding", "norm", "activation", "attention",
        "softmax", "dropout", "pooling", "resampling",
    }
)  # fmt: skip


def readable_names(calls: Sequence[Call]) -> tuple[str, ...]:
    """A name of its own for each operation.

    Returns:
        "layer1.0.conv1" for what a module is there for; "layer1.0 · add" for what else it does;
        with a number where one name would stand twice.
    """
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    found = []
    for wanted in _wanted(calls):
        name = wanted
        while name in taken:
            counts[wanted] += 1
            name = f"{wanted} ({counts[wanted] + 1})"
        taken.add(name)
        found.append(name)
    return tuple(found)


def _wanted(calls: Sequence[Call]) -> Iterator[str]:
    operators: dict[str, set[str]] = defaultdict(set)
    mains: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        operators[call.module].add(call.op)
        if FAMILY.get(call.op) in _MAIN:
            mains[call.module].add(call.op)
    above = {upper for path in operators for upper in ancestors(path)}
    for call in calls:
        path = call.module
        does = mains[path] if call.kind.startswith("torch.nn.") else operators[path]
        alone = does == {call.op} and path not in above
        operation = (call.op.split(".")[1:2] or [call.op])[0].strip("_")
        yield path if path and alone else f"{path} · {operation}" if path else operation
