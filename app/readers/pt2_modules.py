"""The modules of an exported program: classes and arguments, as its operations tell them."""

from __future__ import annotations

import re
from typing import Final

from app.core.checkpoint import Attribute, ModuleRecord
from app.readers.pt2_json import JsonObject, member, objects
from app.readers.records import plain_text

_NAMES: Final = 2_000_000  # module names looked at in one file
_CALL: Final = re.compile(r"@\d+")  # which call of a module that is called several times
_INDEX: Final = re.compile(r"\[['\"]?([^\]'\"]*)['\"]?\]")

# What of an operation's arguments is its module's too.
_CONVOLUTION: Final = ("stride", "padding", "dilation", "groups", "output_padding", "transposed")
_TOLD: Final = {
    **{f"conv{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _CONVOLUTION for n in (1, 2, 3)},
    "convolution": _CONVOLUTION,
    "embedding": ("padding_idx",),
    "group_norm": ("num_groups",),
    "layer_norm": ("normalized_shape",),
    "rms_norm": ("normalized_shape",),
}  # fmt: skip
_ATTENTION: Final = "torch.nn.modules.activation.MultiheadAttention"
_PROJECTION: Final = "torch.nn.modules.linear.NonDynamicallyQuantizableLinear"


def module_stack(text: object) -> list[tuple[str, str]]:
    """Path and class of every module an operation stands in, the outermost first.

    Args:
        text: torch's own text of it: "key,path,class" joined by semicolons.
    """
    if not isinstance(text, str):
        return []
    found = []
    for item in text.split(";"):
        parts = _split(item)
        if len(parts) == 3 and "." in parts[2]:
            found.append((_path(parts[1]), plain_text(parts[2], limit=200)))
    return found


def module_records(program: JsonObject) -> tuple[ModuleRecord, ...]:
    """Every module that an operation of the program stands in.

    Args:
        program: torch's serialised ExportedProgram, unchecked.
    """
    classes: dict[str, str] = {}
    attributes: dict[str, dict[str, Attribute]] = {}
    left = _NAMES
    for node in objects(member(program, "graph_module", "graph", "nodes")):
        stack = module_stack(member(node, "metadata", "nn_module_stack"))
        left -= len(stack)
        if left < 0:
            break
        for path, name in stack:
            classes.setdefault(path, name)
        if stack:
            attributes.setdefault(stack[-1][0], {}).update(_told(node))
    for path, name in list(classes.items()):
        if name == _ATTENTION:
            classes.setdefault(f"{path}.out_proj".removeprefix("."), _PROJECTION)
    return tuple(
        ModuleRecord(path=path, class_name=name, attributes=attributes.get(path, {}))
        for path, name in classes.items()
    )


def _split(item: str) -> list[str]:
    """The text at its commas, those inside brackets apart."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(item):
        if letter in "[(":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(item[start:at])
            start = at + 1
    return [*parts, item[start:]]


def _path(text: str) -> str:
    """A module's path as the state dict has it: "layers.0" of "L['self'].layers[0]"."""
    bare = _CALL.sub("", text).removeprefix("L['self']").removeprefix(".")
    return plain_text(_INDEX.sub(r".\1", bare), limit=500)


def _told(node: JsonObject) -> dict[str, Attribute]:
    target = member(node, "target")
    name = target.removeprefix("torch.ops.aten.") if isinstance(target, str) else ""
    wanted = _TOLD.get(name.partition(".")[0], ())
    found: dict[str, Attribute] = {}
    for given in objects(member(node, "inputs")):
        label, value = member(given, "name"), _plain(member(given, "arg"))
        if isinstance(label, str) and label in wanted and value is not None:
            found[label] = value
    if found.get("padding_idx") == -1:  # none
        del found["padding_idx"]
    return found


def _plain(argument: object) -> Attribute:
    for form in ("as_int", "as_bool", "as_string"):
        value = member(argument, form)
        if isinstance(value, bool | int) or (isinstance(value, str) and len(value) < 20):
            return value
    numbers = member(argument, "as_ints")
    if isinstance(numbers, list) and all(type(n) is int for n in numbers[:8]):
        return tuple(numbers[:8])
    return None
