"""JSON inside an exported program, read strictly: one meaning or a refusal."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from app.errors import Malformed
from app.readers.mapped import Mapped
from app.readers.records import plain_text
from app.readers.zip_directory import Entry, read_entry

KIND: Final = "pt2"

JsonObject: TypeAlias = dict[str, Any]


def read_json(mapped: Mapped, entry: Entry) -> JsonObject:
    """The JSON object in a small entry.

    Raises:
        Malformed: If it is larger than 64 MiB, no JSON object, or names anything twice.
    """
    shown = plain_text(entry.name, limit=80)
    try:
        document = json.loads(
            read_entry(mapped, entry), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as wrong:
        raise Malformed(format=KIND, reason=f"{shown!r} is not JSON.") from wrong
    if not isinstance(document, dict):
        raise Malformed(format=KIND, reason=f"{shown!r} is not a JSON object.")
    return document


def _once(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(format=KIND, reason="a name occurs twice in its JSON.")
    return found


def _no_constant(name: str) -> None:
    raise Malformed(format=KIND, reason=f"its JSON has a {name}.")


def objects(value: object) -> list[JsonObject]:
    """The JSON objects in a list; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(value: object, *names: str) -> object:
    """What stands under these names, one inside the other; None where there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
