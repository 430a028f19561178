"""Operators that differ from a listed one in nothing that a value depends on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.architecture.exported_calls import Call

# Operator → the one in whose place it stands, and its arguments' names there.
_FORMS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "aten.view.default": ("aten.reshape.default", {"size": "shape"}),
    "aten._unsafe_view.default": ("aten.reshape.default", {"size": "shape"}),
    "aten._reshape_alias.default": ("aten.reshape.default", {"size": "shape"}),
    "aten.lift_fresh_copy.default": ("aten.clone.default", {}),
    "aten.lift_fresh.default": ("aten.alias.default", {}),
    "aten.detach_.default": ("aten.detach.default", {}),
    "aten.to.device": ("aten.to.dtype", {}),
    # Memory that holds anything: zeros are one such memory, and the same each time.
    "aten.empty.memory_format": ("aten.zeros.default", {}),
    "aten.empty_like.default": ("aten.zeros_like.default", {}),
    "aten.new_empty.default": ("aten.new_zeros.default", {}),
}
_FORGOTTEN: Final[dict[str, frozenset[str]]] = {
    "aten._reshape_alias.default": frozenset({"stride"}),
}
_EVERYWHERE: Final = frozenset(
    {"device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "generator"}
)
FORMS: Final = frozenset(_FORMS)


def canonical(call: Call) -> Call:
    """The call in the listed operator's form, without what tells where memory lies."""
    op, names = _FORMS.get(call.op, (call.op, {}))
    forgotten = _EVERYWHERE | _FORGOTTEN.get(call.op, frozenset())
    arguments = {
        names.get(name, name): given
        for name, given in call.arguments.items()
        if name not in forgotten
    }
    return replace(call, op=op, arguments=arguments)
