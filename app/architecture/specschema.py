"""The JSON schema of a spec."""

from __future__ import annotations

from typing import Any

from app.architecture.layers import STACKS
from app.architecture.limits import MOST_DEPTH, MOST_NODES, MOST_TIMES
from app.architecture.signatures import CAUSAL, KINDS, OPERATIONS, names
from app.core.arguments import LARGEST

SCHEMA = "initscope.spec/1"
Json = dict[str, Any]
_ITEM: Json = {"$ref": "#/$defs/item"}
_ITEMS: Json = {"anyOf": [{"type": "array", "items": _ITEM}, _ITEM]}
_VALUE: Json = {"$ref": "#/$defs/value"}
_VALUES: Json = {
    "description": "A number, a word, true, false, null, or a list of them.",
    "anyOf": [
        {"type": ["number", "boolean", "string", "null"]},
        {"type": "array", "items": {"type": ["number", "boolean", "string", "null"]}},
    ],
}


def schema() -> Json:
    """The schema, draft 2020-12: what a JSON spec, or a YAML one read as JSON, may hold."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "A network for initscope",
        "description": (
            "Layers of torch.nn in the order in which they run, by class name and constructor "
            f"arguments, with residual, parallel and repeat. At most {MOST_NODES:,} operations, "
            f"{MOST_DEPTH} levels."
        ),
        "anyOf": [_top(), {"type": "array", "items": _ITEM}, _ITEM],
        "$defs": {
            "item": _item(),
            "value": _VALUES,
            "size": {"type": "integer", "minimum": 1, "maximum": LARGEST},
            **{kind: _layer(kind) for kind in sorted(KINDS)},
        },
    }


def _top() -> Json:
    return {
        "type": "object",
        "required": ["layers"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "input": _input(),
            "layers": _ITEMS,
        },
    }


def _input() -> Json:
    size: Json = {"$ref": "#/$defs/size"}
    shape: Json = {"type": "array", "items": size, "minItems": 1, "maxItems": 8}
    tokens: Json = {
        "type": "object",
        "required": ["tokens", "vocabulary"],
        "additionalProperties": False,
        "properties": {"tokens": size, "vocabulary": size},
    }
    return {
        "description": "The shape of one input without the batch, or token ids.",
        "anyOf": [size, shape, tokens],
    }


def _item() -> Json:
    return {
        "anyOf": [
            {"type": "string", "description": "Linear(512, 512), ReLU(), 40 x [Linear(8, 8)]"},
            {"type": "array", "items": _ITEM},
            _residual(),
            _parallel(),
            _repeat(),
            *(_keyed(kind) for kind in sorted(KINDS)),
            _named_text(),
        ]
    }


def _object(required: list[str], properties: Json) -> Json:
    return {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": {"name": {"type": "string"}, **properties},
    }


def _residual() -> Json:
    properties: Json = {"residual": _ITEMS, "shortcut": _ITEMS, "scale": {"type": "number"}}
    return {
        "description": "shortcut(x) + scale * residual(x); without a shortcut, x itself.",
        **_object(["residual"], properties),
    }


def _parallel() -> Json:
    branches: Json = {"type": "array", "items": _ITEMS, "minItems": 2}
    join: Json = {"enum": ["add", "concat", "multiply"], "default": "add"}
    properties: Json = {"parallel": branches, "join": join, "dim": {"type": "integer"}}
    return {
        "description": "Branches over one input; `dim` is the axis of concat, with the batch at 0.",
        **_object(["parallel"], properties),
    }


def _repeat() -> Json:
    times: Json = {"type": "integer", "minimum": 1, "maximum": MOST_TIMES}
    inside: Json = {
        "type": "object",
        "required": ["times", "of"],
        "additionalProperties": False,
        "properties": {"times": times, "of": _ITEMS},
    }
    return {
        "description": "The same layers a number of times, each with parameters of its own.",
        **_object(["repeat"], {"repeat": {"anyOf": [inside, times]}, "of": _ITEMS}),
    }


def _keyed(kind: str) -> Json:
    return _object([kind], {kind: {"$ref": f"#/$defs/{kind}"}})


def _named_text() -> Json:
    """`fc1: Linear(512, 10)`: a layer under a name of its own."""
    known = "|".join(sorted({*KINDS, "residual", "parallel", "repeat", "name"}))
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "patternProperties": {f"^(?!({known})$)[A-Za-z0-9_.]{{1,100}}$": {"type": "string"}},
        "additionalProperties": False,
    }


def _layer(kind: str) -> Json:
    """Arguments by name, in a list, or one alone."""
    placed, by_name, needed = names(kind)
    nested = {STACKS.get(kind), "norm"} if kind in STACKS else set()
    properties = {
        name.lstrip("*"): _ITEM if name in nested else _VALUE for name in (*placed, *by_name)
    }
    if kind in CAUSAL:
        properties["causal"] = {"type": "boolean"}
    value: Json = {"anyOf": [_VALUE, _ITEM]} if kind in STACKS else _VALUE
    named: Json = {"type": "object", "required": sorted(needed), "properties": properties}
    named["additionalProperties"] = kind == "Identity"
    where = "an operation of the spec" if kind in OPERATIONS else "torch.nn"
    return {
        "description": f"{kind} of {where}: {', '.join(properties) or 'no arguments'}",
        "anyOf": [named, {"type": "array", "items": value}, value],
    }
