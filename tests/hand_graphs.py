"""Small networks written by hand as graphs, for the tests of what runs them."""

from __future__ import annotations

from app.core.graph import Argument, Graph, Input, Node, Parameter, Value
from app.core.layers import ParameterFacts


def parameter(name: str, *shape: int, role: str = "weight", kind: str = "Linear", **told):
    fans = dict(zip(("fan_out", "fan_in"), shape[:2], strict=False)) if len(shape) > 1 else {}
    facts = ParameterFacts(
        module=name.rpartition(".")[0],
        kind=kind,
        kind_certainty="confirmed",
        role=role,
        fan_in=told.pop("fan_in", fans.get("fan_in")),
        fan_out=told.pop("fan_out", fans.get("fan_out")),
        fan_certainty="confirmed",
        evidence="written by hand",
        attributes=told.pop("attributes", {}),
    )
    given = {"dtype": "float32", "learned": True, **told}
    return Parameter(name=name, value=f"p:{name}", shape=shape, facts=facts, **given)


def node(name: str, op: str, *shape: int, kind: str = "", **arguments: Argument) -> Node:
    """An operation whose one result has its name; strings that name values are given as v(...)."""
    return Node(
        name=name, op=f"aten.{op}", arguments=arguments, results=(name,), shapes=(shape,),
        module=name, kind=kind,
    )  # fmt: skip


def v(name: str) -> Value:
    return Value(value=name)


def graph(nodes, parameters=(), *, inputs=(), outputs=(), batch=2, **told) -> Graph:
    return Graph(
        origin="spec",
        inputs=tuple(inputs),
        parameters=tuple(parameters),
        nodes=tuple(nodes),
        outputs=tuple(outputs) or (nodes[-1].results[0],),
        batch=batch,
        fixed_batch=told.pop("fixed_batch", False),
        **told,
    )


def real(*shape: int, name: str = "x") -> Input:
    return Input(name=name, shape=shape, dtype="float32", draw="real")


def linear(name: str, source: str, width: int, *, inputs: int | None = None, batch: int = 2):
    """A linear layer with its bias: the node and its two parameters."""
    inputs = inputs or width
    own = [
        parameter(f"{name}.weight", width, inputs),
        parameter(f"{name}.bias", width, role="bias", fan_in=inputs, fan_out=width),
    ]
    given = {"input": v(source), "weight": v(own[0].value), "bias": v(own[1].value)}
    return node(name, "linear.default", batch, width, kind="Linear", **given), own


def mlp(depth: int, width: int, activation: str | None = "relu.default") -> Graph:
    """Linear layers with an activation between them, names as in a Sequential."""
    nodes, parameters, source = [], [], "x"
    for layer in range(depth):
        step, own = linear(f"{2 * layer}", source, width)
        nodes.append(step)
        parameters += own
        source = step.name
        if activation is not None and layer < depth - 1:
            nodes.append(node(f"{2 * layer + 1}", activation, 2, width, self=v(source)))
            source = nodes[-1].name
    return graph(nodes, parameters, inputs=[real(2, width)])
