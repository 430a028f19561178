"""The arguments of a torch.nn constructor, read one by one under torch's own rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

from app.errors import Invalid

Argument: TypeAlias = int | float | bool | str | tuple[int, ...]
Shape: TypeAlias = tuple[int, ...]

LARGEST = 2**31  # of one size; a layer beyond it is a typing error
MOST_LAYERS = 128  # of a stack; each is listed with every one of its parameters
DTYPES = ("float32", "float64", "float16", "bfloat16", "float", "double", "half")
NOTHING = {"none", "null"}
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
DEVICE = re.compile(r"[a-z]{2,16}(:[0-9]{1,3})?")
NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?")


class Arguments:
    """Reads a layer's arguments and remembers which it has read."""

    def __init__(self, layer: str, given: Mapping[str, Argument]) -> None:
        self.layer = layer
        self.given = given
        self.read: set[str] = set()

    def value(self, name: str) -> Argument | None:
        """What was given under this name; None stands for nothing and for Python's None."""
        self.read.add(name)
        found = self.given.get(name)
        return None if isinstance(found, str) and found.lower() in NOTHING else found

    def size(
        self, name: str, default: int | None = None, *, least: int = 1, most: int = LARGEST
    ) -> int:
        """A whole number of at least `least` and at most `most`."""
        value = self.value(name)
        value = default if value is None else value
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refused(name, f"a whole number from {least} to {most:,}", value)
        return value

    def sizes(
        self, name: str, axes: int, default: int | None = None, *, least: int = 1
    ) -> tuple[int, ...]:
        """One number for all axes, or one for each: 3, (3, 4) or "3,4"."""
        value = self.value(name)
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, tuple | list):
            return (self.size(name, default, least=least),) * axes
        if len(parts) == 1:
            parts = parts * axes
        if len(parts) != axes:
            raise self.refused(name, "one number" if axes == 1 else f"{axes} numbers", value)
        each = [Arguments(self.layer, {name: str(part).strip()}) for part in parts]
        return tuple(one.size(name, least=least) for one in each)

    def shape(self, name: str) -> tuple[int, ...]:
        """One number or several, as many as there are: 8, (7, 9) or "7,9"."""
        value = self.value(name)
        if isinstance(value, str):
            return self.sizes(name, len(value.split(",")))
        return self.sizes(name, len(value) if isinstance(value, tuple) else 1)

    def flag(self, name: str, *, default: bool) -> bool:
        """A truth value: True, 1, "true"."""
        value = self.value(name)
        found = default if value is None else TRUTHS.get(str(value).lower())
        if found is None:
            raise self.refused(name, "true or false", value)
        return found

    def number(
        self, name: str, default: float, *, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """A finite number from `low` to `high`."""
        value = self.value(name)
        value = default if value is None else value
        told = float(str(value)) if NUMBER.fullmatch(str(value)) else math.nan
        if not (math.isfinite(told) and low <= told <= high) or isinstance(value, bool):
            span = f" from {low:g} to {high:,g}" if math.isfinite(low + high) else ""
            raise self.refused(name, f"a number{span}", value)
        return told

    def word(self, name: str, *choices: str) -> str:
        """One of `choices`; the first where nothing is given."""
        value = self.value(name)
        found = choices[0] if value is None else str(value)
        if found not in choices:
            expected = " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))
            raise self.refused(name, expected, value)
        return found

    def placed(self) -> None:
        """Device and dtype, which change no law: any device, a dtype that can be drawn."""
        device, dtype = self.value("device"), self.value("dtype")
        if device is not None and not DEVICE.fullmatch(str(device)):
            raise self.refused("device", "cpu, cuda, cuda:0, …", device)
        if dtype is not None and str(dtype).removeprefix("torch.") not in DTYPES:
            raise self.refused("dtype", f"a floating-point dtype ({', '.join(DTYPES)})", dtype)

    def refused(self, name: str, expected: str, value: object) -> Invalid:
        """The refusal of one argument."""
        text = "nothing" if value is None else repr(value)
        got = text if len(text) <= 80 else f"{text[:79]}…"
        return Invalid(what=f"{self.layer}'s {name}", expected=expected, got=got)

    def finish(self) -> None:
        """Refuse arguments that nobody asked for."""
        unknown = sorted(set(self.given) - self.read)
        if unknown:
            known = f"one of {', '.join(sorted(self.read))}"
            raise Invalid(what=f"{self.layer}'s argument", expected=known, got=unknown[0][:100])
