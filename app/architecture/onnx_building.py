"""An ONNX graph on its way to PyTorch's operators: what is a number by now, and what a signal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np

from app.architecture.exported_calls import Call, Calls, Tensor
from app.architecture.limits import MOST_NODES, MOST_VALUES
from app.core.graph import Argument, DType, NonFinite, Value
from app.errors import CannotRun
from app.readers.mapped import Mapped
from app.readers.onnx_file import OnnxNode, OnnxTensor, small_values
from app.readers.records import plain_text

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]
MOST_FOLDED = 2**16  # values of a tensor that is calculated while reading
MOST_FOLDED_TOGETHER = 2**24
_NONFINITE: dict[Literal["inf", "-inf", "nan"], Callable[[Array], Array]] = {
    "inf": np.isposinf,
    "-inf": np.isneginf,
    "nan": np.isnan,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A value: numbers that are known, or the result of an operation, or a stored tensor."""

    name: str
    shape: Shape
    dtype: str
    numbers: Array | None = None
    source: Callable[[], Array] | None = None  # of a stored tensor: its numbers, where it is small

    @property
    def known(self) -> Array:
        """The numbers.

        Raises:
            CannotRun: If they depend on the input.
        """
        if self.numbers is not None:
            return self.numbers
        if self.source is None:
            raise CannotRun(reason="a size or an axis in it depends on the input's values.")
        return self.source()


@dataclass(slots=True, kw_only=True)
class Building:
    """What has been read so far."""

    mapped: Mapped
    stored: set[str] = field(default_factory=set)  # names of values that the file stores
    buffers: set[str] = field(default_factory=set)  # of these, running statistics
    found: Calls = field(default_factory=Calls)
    signals: dict[str, Signal] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)  # by value's name
    counted: int = 0
    kept: int = 0  # values in known numbers

    def fresh(self) -> str:
        """A name that nothing has yet."""
        self.counted += 1
        return f"v{self.counted}"

    def small(self, tensor: OnnxTensor) -> Array:
        """The values of a small tensor in the file.

        Raises:
            CannotRun: If it is large, or lies in another file.
        """
        found = small_values(self.mapped, tensor)
        if found is None:
            raise CannotRun(reason="a constant in it is large, or lies in another file.")
        return found

    def folded(self, numbers: Array) -> Signal:
        """Known numbers as a value."""
        if numbers.size > MOST_FOLDED:
            raise CannotRun(reason=f"it calculates a constant of {numbers.size:,} values.")
        self.kept += numbers.size
        if self.kept > MOST_FOLDED_TOGETHER:
            raise CannotRun(reason=f"its constants hold over {MOST_FOLDED_TOGETHER:,} values.")
        return Signal(
            name="", shape=tuple(numbers.shape), dtype=numbers.dtype.name, numbers=numbers
        )

    def argument(self, signal: Signal) -> Value:
        """A value as an operation's argument; known numbers become a constant of the graph."""
        if signal.name:
            return Value(value=signal.name)
        numbers = signal.known
        if numbers.dtype.kind != "f" or bool(np.isfinite(numbers).all()):
            return self._constant(numbers)
        found = self._constant(np.where(np.isfinite(numbers), numbers, 0).astype(numbers.dtype))
        for number, where in _NONFINITE.items():
            places = where(numbers)
            if places.any():
                found = self._filled(found, self._constant(places), number)
        return found

    def _constant(self, numbers: Array) -> Value:
        name = self.fresh()
        self.constants[name] = numbers
        self.found.values[name] = Tensor(shape=tuple(numbers.shape), dtype=numbers.dtype.name)
        return Value(value=name)

    def _filled(self, held: Value, places: Value, number: Literal["inf", "-inf", "nan"]) -> Value:
        """A constant with a number that JSON has no form for put in its places."""
        name = self.fresh()
        given: dict[str, Argument] = {"self": held, "mask": places}
        given["value"] = NonFinite(number=number)
        self.found.calls.append(
            Call(op="aten.masked_fill.Scalar", arguments=given, results=(name,))
        )
        self.found.values[name] = self.found.values[held.value]
        return Value(value=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """One ONNX operation, its inputs at hand."""

    building: Building
    node: OnnxNode
    inputs: tuple[Signal | None, ...]

    def input(self, place: int) -> Signal:
        """An input that must be there.

        Raises:
            CannotRun: If it is not.
        """
        found = self.optional(place)
        if found is None:
            self.refuse("lacks an input")
        return found

    def optional(self, place: int) -> Signal | None:
        """An input, or None."""
        return self.inputs[place] if place < len(self.inputs) else None

    def whole(self, name: str, default: int) -> int:
        """A whole number among the attributes."""
        given = self.node.attributes.get(name)
        return given if isinstance(given, int) else default

    def real(self, name: str, default: float) -> float:
        """A number among the attributes."""
        given = self.node.attributes.get(name)
        return float(given) if isinstance(given, int | float) else default

    def wholes(self, name: str) -> tuple[int, ...] | None:
        """Whole numbers among the attributes."""
        given = self.node.attributes.get(name)
        if not isinstance(given, list) or len(given) > 64:
            return None
        return tuple(int(number) for number in given)

    def text(self, name: str, default: str) -> str:
        """A text among the attributes."""
        given = self.node.attributes.get(name)
        return given if isinstance(given, str) else default

    def tensor(self, name: str) -> OnnxTensor | None:
        """A tensor among the attributes."""
        given = self.node.attributes.get(name)
        return given if isinstance(given, OnnxTensor) else None

    def dtype(self, name: str) -> DType:
        """A dtype as an argument."""
        return DType(dtype=name)

    def refuse(self, reason: str) -> NoReturn:
        """Say why this operation cannot be read."""
        shown = plain_text(self.node.name or self.node.operator, limit=80)
        raise CannotRun(reason=f"its operation {shown} ({self.node.operator[:40]}) {reason}.")

    def emit(
        self,
        op: str,
        arguments: Mapping[str, Argument | Signal],
        shape: Shape,
        dtype: str = "float32",
    ) -> Signal:
        """Add an operation of PyTorch with one result."""
        return self.several(op, arguments, (shape,), dtype)[0]

    def several(
        self,
        op: str,
        arguments: Mapping[str, Argument | Signal],
        shapes: tuple[Shape, ...],
        dtype: str = "float32",
    ) -> tuple[Signal, ...]:
        """Add an operation of PyTorch with several results."""
        made = self.building
        if len(made.found.calls) >= MOST_NODES:
            self.refuse(f"is one too many; the limit is {MOST_NODES:,}")
        if any(math.prod(shape) > MOST_VALUES or min(shape, default=0) < 0 for shape in shapes):
            self.refuse("has a result of a size that makes no sense")
        names = tuple(made.fresh() for _ in shapes)
        given = {
            name: made.argument(one) if isinstance(one, Signal) else one
            for name, one in arguments.items()
        }
        made.found.calls.append(
            Call(
                op=f"aten.{op}",
                arguments=given,
                results=names,
                module=module_path(self.node.name),
                kind=plain_text(self.node.operator, limit=40),
            )
        )
        for name, shape in zip(names, shapes, strict=True):
            made.found.values[name] = Tensor(shape=shape, dtype=dtype)
        return tuple(
            Signal(name=name, shape=shape, dtype=dtype)
            for name, shape in zip(names, shapes, strict=True)
        )


def module_path(name: str) -> str:
    """The module in torch's name: "layer1.0.conv1" of "/layer1/layer1.0/conv1/Conv"."""
    path, last = "", ""
    for part in plain_text(name, limit=300).split("/")[1:-1]:
        if last and part.startswith(f"{last}."):
            path = path.removesuffix(last) + part
        else:
            path = f"{path}.{part}" if path else part
        last = part
    return path
