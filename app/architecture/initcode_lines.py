"""Lines of code as ruff and black lay them out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CALL = re.compile(r"( *)([\w.]+\()(.+)\)")
_BETWEEN = re.compile(r", (?![^(]*\))")  # commas outside of inner brackets


def fitted(line: str, *, width: int) -> list[str]:
    """The line; a call that is too wide with its arguments on lines of their own."""
    match = _CALL.fullmatch(line)
    if len(line) <= width or match is None or line.lstrip().startswith("#"):
        return [line]
    margin, head, arguments = match.groups()
    inner = f"{margin}    {arguments}"
    if len(inner) <= width:
        return [f"{margin}{head}", inner, f"{margin})"]
    each = [f"{margin}    {argument}," for argument in _BETWEEN.split(arguments)]
    return [f"{margin}{head}", *each, f"{margin})"]


def asked(word: str, module: str, classes: Sequence[str], *, width: int) -> list[str]:
    """The line that asks for a module's class, of any number of classes."""
    names = [f"nn.{name}" for name in classes]
    told = names[0] if len(names) == 1 else f"({', '.join(names)})"
    line = f"    {word} isinstance({module}, {told}):"
    if len(line) <= width:
        return [line]
    inner = f"        {module}, {told}"
    if len(inner) <= width:
        return [f"    {word} isinstance(", inner, "    ):"]
    each = [f"            {name}," for name in names]
    head = [f"    {word} isinstance(", f"        {module},", "        ("]
    return [*head, *each, "        ),", "    ):"]
