"""An operation put in the place of another, also where its channels stand on another axis."""

from __future__ import annotations

from dataclasses import replace

from app.core.graph import Argument, Node, Value


def changed(node: Node, op: str, arguments: dict[str, Argument], kind: str) -> Node:
    """The node under its own name and first result, with another operation."""
    return replace(
        node,
        op=op,
        arguments=arguments,
        results=node.results[:1],
        shapes=node.shapes[:1],
        kind=kind,
    )


def turned(node: Node, *, axis: int, wanted: int) -> list[Node]:
    """The node between two permutations, so that it finds its channels where it wants them.

    Args:
        node: Of one result, in the shape of its `input`.
        axis: Of the channels of its input.
        wanted: Where its operation looks for them.

    Returns:
        Three nodes; the last has the node's own name and result.
    """
    whole = node.shapes[0]
    order = [at for at in range(len(whole)) if at != axis]
    order.insert(wanted, axis)
    shape = tuple(whole[at] for at in order)
    back = tuple(order.index(at) for at in range(len(whole)))
    there, here = f"{node.results[0]}~1", f"{node.results[0]}~2"
    moved: dict[str, Argument] = {"self": node.arguments["input"], "dims": tuple(order)}
    returned: dict[str, Argument] = {"self": Value(value=here), "dims": back}
    first = changed(node, "aten.permute.default", moved, node.kind)
    second = replace(node, arguments={**node.arguments, "input": Value(value=there)})
    return [
        replace(first, name=f"{node.name} · permute", results=(there,), shapes=(shape,)),
        replace(second, name=f"{node.name} · norm", results=(here,), shapes=(shape,)),
        changed(node, "aten.permute.default", returned, node.kind),
    ]
