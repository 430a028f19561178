"""Fixed numbers on the way: positions, masks, angles and sizes, calculated as the network does.

They are the same for every input and every draw, so that theory needs their values, not moments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

import numpy as np

from app.core.graph import Argument, DType, Graph, Node, NonFinite, Value
from app.core.meanfield.fixed_shapes import SHAPED, kind
from app.core.meanfield.step import Fixed, bare

MOST: Final = 2**22  # numbers of one tensor
_NUMBERS: Final = "biuf"  # kinds of dtype: whole numbers beyond 64 bits are none of them
_BINARY: Final[dict[str, Callable[..., Fixed]]] = {
    "add": lambda a, b: np.logical_or(a, b) if a.dtype == b.dtype == np.bool_ else a + b,
    "sub": lambda a, b: a - b,
    "rsub": lambda a, b: b - a,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: np.true_divide(a, b),
    "true_divide": lambda a, b: np.true_divide(a, b),
    "truediv": lambda a, b: np.true_divide(a, b),
    "floor_divide": lambda a, b: a // b,
    "floordiv": lambda a, b: a // b,
    "remainder": np.mod,
    "mod": np.mod,
    "pow": lambda a, b: np.power(np.asarray(a, np.float64), b),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "__and__": lambda a, b: a & b,
    "bitwise_and": lambda a, b: a & b,
    "logical_and": np.logical_and,
    "__or__": lambda a, b: a | b,
    "bitwise_or": lambda a, b: a | b,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
_UNARY: Final[dict[str, Callable[..., Fixed]]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "cos": np.cos,
    "sin": np.sin,
    "exp": np.exp,
    "exp2": np.exp2,
    "log": np.log,
    "log2": np.log2,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "reciprocal": np.reciprocal,
    "square": np.square,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "tanh": np.tanh,
    "logical_not": np.logical_not,
    "bitwise_not": np.invert,
    "clone": np.asarray,
    "contiguous": np.asarray,
    "detach": np.asarray,
    "alias": np.asarray,
    "lift_fresh_copy": np.asarray,
    "sym_int": np.asarray,
    "sym_float": np.asarray,
}


_BY_SHAPE: Final = frozenset(
    (
        "sym_size",
        "zeros_like",
        "ones_like",
        "full_like",
        "new_zeros",
        "new_ones",
        "new_full",
        "zero",
        "fill",
    )
)
"""Operators that use a tensor's shape, never its values."""


class Unknown(Exception):
    """The value cannot be calculated here; only its shape is known."""


class FixedNumbers:
    """The values of a graph that are fixed numbers, as far as they can be calculated."""

    def __init__(self, graph: Graph, given: Mapping[str, Fixed]) -> None:
        self.values: dict[str, Fixed] = {}
        self._graph = graph
        for one in graph.constants:
            if one.values is not None and len(one.values) == math.prod(one.shape):
                self.values[one.value] = np.array(one.values).reshape(one.shape)
        for put in graph.inputs:
            if put.draw == "mask" and math.prod(put.shape) <= MOST:
                self.values[put.name] = np.ones(put.shape, dtype=np.bool_)
        names = {one.value: one.name for one in graph.parameters if not one.learned}
        names |= {one.value: one.value for one in graph.constants}
        self.values |= {value: given[name] for value, name in names.items() if name in given}

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every value."""
        graph = self._graph
        found = {one.name: one.shape for one in graph.inputs}
        found |= {one.value: one.shape for one in graph.parameters}
        found |= {one.value: one.shape for one in graph.constants}
        for node in graph.nodes:
            found |= dict(zip(node.results, node.shapes, strict=False))
        return found

    def follow(self, node: Node) -> bool:
        """Calculate a node's results; False where an argument is not fixed or the value unknown."""
        if not node.results or self._is_random(node):
            return False
        try:
            with np.errstate(all="ignore"):
                found = self._results(node)
        except (Unknown, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False
        for name, value, shape in zip(node.results, found, node.shapes, strict=False):
            if value.shape != shape or value.dtype.kind not in _NUMBERS:
                return False
            self.values[name] = value
        return True

    def _is_random(self, node: Node) -> bool:
        """Whether an argument is not fixed; of what only gives its shape or size it may be."""
        if bare(node.op) in _BY_SHAPE:
            return False
        items = [
            item
            for argument in node.arguments.values()
            for item in (argument if isinstance(argument, tuple) else (argument,))
        ]
        return any(isinstance(one, Value) and one.value not in self.values for one in items)

    def _results(self, node: Node) -> tuple[Fixed, ...]:
        op = bare(node.op)
        if any(math.prod(shape) > MOST for shape in node.shapes):
            raise Unknown
        if op == "sym_size":
            return (np.asarray(self._size(node)),)
        if op in SHAPED:
            given = {
                name: self._plain(value)
                for name, value in node.arguments.items()
                if op not in _BY_SHAPE or name != "self"
            }
            found = SHAPED[op](given, node.shapes)
            return found if isinstance(found, tuple) else (found,)
        items = [np.asarray(self._plain(value)) for value in node.arguments.values()]
        if op in _UNARY and items:
            return (np.asarray(_UNARY[op](items[0])),)
        if op in _BINARY and len(items) == 2:
            return (np.asarray(_BINARY[op](*items)),)
        raise Unknown

    def _size(self, node: Node) -> int:
        tensor, axis = node.arguments["self"], node.arguments["dim"]
        if not isinstance(tensor, Value) or not isinstance(axis, int):
            raise Unknown
        return self._shapes[tensor.value][axis]

    def _plain(self, value: Argument) -> object:
        match value:
            case Value():
                if value.value not in self.values:
                    raise Unknown
                return self.values[value.value]
            case tuple():
                return tuple(self._plain(item) for item in value)
            case NonFinite():
                return float(value.number)
            case DType():
                return kind(value.dtype)
            case _:
                return value
