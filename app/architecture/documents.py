"""JSON and YAML as plain values with their lines, and nothing that either can be abused for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from app.architecture.limits import MOST_DEPTH
from app.errors import NotANetwork

MOST_PARTS = 100_000  # scalars, lists and mappings of one document
_LONGEST = 24  # characters of a number
_CALL = 2000  # characters of a call that commas took apart
_WHOLE = re.compile(r"[+-]?[0-9][0-9_]*")
_REAL = re.compile(r"[+-]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "None": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A value of the document and the line that it begins on."""

    value: Scalar | tuple[Part, ...] | dict[str, Part]
    line: int


def document(text: str) -> Part:
    """The document's value.

    Args:
        text: JSON or YAML.

    Raises:
        NotANetwork: With the line, if it is neither, or has anchors, aliases, tags, a key twice,
            more than one document, or is too deep or too long.
    """
    if text.lstrip()[:1] in {"{", "["}:
        text = text.replace("\t", " ")
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER)).whole()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        line = f"line {mark.line + 1}" if mark else "the text"
        problem = (wrong.problem or "it is not well formed")[:120]
        raise NotANetwork(reason=f"{line} is neither JSON nor YAML: {problem}.") from wrong
    except yaml.YAMLError as wrong:
        raise NotANetwork(reason="it has a character that JSON and YAML do not allow.") from wrong


# The C parser gives the same events about ten times sooner; both only read.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer:
    """Builds parts from the parser's events, never through YAML's own constructors."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events
        self.parts = 0

    def whole(self) -> Part:
        event = self.next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            raise NotANetwork(reason="the text is empty.")
        found = self.part(event, 0)
        self.next()
        after = self.next()
        if not isinstance(after, yaml.StreamEndEvent):
            line = after.start_mark.line + 1
            raise NotANetwork(reason=f"line {line} begins another document; expected one.")
        return found

    def next(self) -> yaml.Event:
        event = next(self.events)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotANetwork(
                reason=f"line {line} has an anchor or alias (& or *); write the part out, or use "
                "repeat."
            )
        if getattr(event, "tag", None) not in {None, "!"}:
            raise NotANetwork(reason=f"line {line} has a tag (!); leave it out.")
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise NotANetwork(
                reason=f"expected at most {MOST_PARTS:,} values; line {line} has one more."
            )
        return event

    def part(self, event: yaml.Event, depth: int) -> Part:
        line = event.start_mark.line + 1
        if depth > MOST_DEPTH:
            raise NotANetwork(
                reason=f"line {line} is nested more than {MOST_DEPTH} deep; write it flatter."
            )
        if isinstance(event, yaml.SequenceStartEvent):
            return Part(value=self.sequence(depth, flow=bool(event.flow_style)), line=line)
        if isinstance(event, yaml.MappingStartEvent):
            return Part(value=self.mapping(depth), line=line)
        block = event.style in {"|", ">"}  # its text begins on the next line
        return Part(value=_scalar(event, line), line=line + block)

    def sequence(self, depth: int, *, flow: bool) -> tuple[Part, ...]:
        found: list[Part] = []
        event = self.next()
        while not isinstance(event, yaml.SequenceEndEvent):
            part = self.part(event, depth + 1)
            last = found[-1] if found else None
            if (
                flow
                and last is not None
                and _open(last)
                and not isinstance(part.value, tuple | dict)
            ):
                found[-1] = Part(value=f"{last.value}, {_written(part)}", line=last.line)
            else:
                found.append(part)
            event = self.next()
        return tuple(found)

    def mapping(self, depth: int) -> dict[str, Part]:
        """Pairs; a call that a comma in braces took apart is put together again."""
        found: dict[str, Part] = {}
        last: str | None = None
        event = self.next()
        while not isinstance(event, yaml.MappingEndEvent):
            key = self.part(event, depth + 1)
            value = self.part(self.next(), depth + 1)
            if isinstance(key.value, tuple | dict):
                raise NotANetwork(reason=f"line {key.line} has a list or mapping as a key.")
            name = _written(key)
            if last is not None and _open(found[last]) and value.value is None:
                joined = f"{found[last].value}, {name}"
                found[last] = Part(value=joined, line=found[last].line)
            elif name in found:
                raise NotANetwork(reason=f"line {key.line} has the key {name[:60]!r} twice.")
            else:
                found[name], last = value, name
            event = self.next()
        return found


def _open(part: Part) -> bool:
    """Whether a text has a bracket that was not closed."""
    text = part.value
    return isinstance(text, str) and len(text) <= _CALL and text.count("(") > text.count(")")


def _written(part: Part) -> str:
    """A scalar as it stood in the text, or nearly."""
    words = {None: "None", True: "True", False: "False"}
    value = part.value
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _scalar(event: yaml.Event, line: int) -> Scalar:
    text = str(event.value)
    if not event.implicit[0]:
        return text  # quoted
    if text in _WORDS:
        return _WORDS[text]
    if not _REAL.fullmatch(text):
        return text
    digits = text.replace("_", "")
    if len(digits) > _LONGEST:
        raise NotANetwork(
            reason=f"line {line} has a number of {len(digits)} characters; expected at most "
            f"{_LONGEST}."
        )
    return int(digits) if _WHOLE.fullmatch(text) else float(digits)
