"""A person's text, of whichever form → a graph, or an inventory that says why it cannot run."""

from __future__ import annotations

import re

from app.architecture.assembly import assembled
from app.architecture.calls import items_of
from app.architecture.documents import document
from app.architecture.limits import MOST_BYTES
from app.architecture.module_text import is_module_text, understood
from app.architecture.plan import Entry, Plan, Sequence
from app.architecture.spec import entry_told, planned
from app.core.graph import Graph, Inventory
from app.errors import NotANetwork

_ENTRY = re.compile(r"input[ \t]*[:=]?[ \t]*(\[[^\n]*\]|\{[^\n]*\}|[0-9]+)[ \t]*(?:#[^\n]*)?")
_KEY = re.compile(r"(?m)^[ \t]*(?:-[ \t]|[A-Za-z_][\w.]*[ \t]*:(?:[ \t]|$)|[{])")
_CODE = re.compile(r"(?m)^[ \t]*(?:def|class|return|for|if|while|with|async)[ \t]+\w[^\n]*$")
_PROMPT = re.compile(r"(?m)^[ \t]*>>>[^\n]*$")
_IMPORT = re.compile(r"(?m)^[ \t]*(?:import|from)[ \t]+[\w., \t]+$")
_COMMENT = re.compile(r"[ \t]*(?:#[^\n]*)?")


def understand(text: str) -> Graph | Inventory:
    """What a text says of a network.

    Args:
        text: A JSON or YAML spec, layers one a line, or what `print(model)` shows; at most
            256 KiB.

    Returns:
        A graph, or an inventory where the text does not say how its modules are run.

    Raises:
        NotANetwork: With the line, what was expected, what came, what to do.
    """
    encoded = text.encode("utf-8", "replace")
    size = len(encoded)
    if size > MOST_BYTES:
        raise NotANetwork(
            reason=f"expected at most {MOST_BYTES:,} bytes of text, got {size:,}. Use repeat for "
            "layers that are alike."
        )
    text = encoded.decode().replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if not text.strip():
        raise NotANetwork(reason="the text is empty; begin with a layer such as Linear(512, 512).")
    text = _PROMPT.sub("", text)
    if _CODE.search(text):
        raise NotANetwork(
            reason="this is Python code, which is never run. Paste what print(model) shows, write "
            "its layers one a line, or give a .pt2 file made by torch.export.save."
        )
    entry, at = _entry(text)
    rest = "\n" * at + "\n".join(text.split("\n")[at:])
    if is_module_text(rest):
        return understood(rest, entry=entry)
    return assembled(_planned(_IMPORT.sub("", rest), text, entry), origin="spec")


def _planned(rest: str, text: str, entry: Entry | None) -> Plan:
    """Of a spec as a document, or of layers as calls behind the input's line."""
    if _KEY.search(rest) or (entry is None and rest.lstrip()[:1] == "["):
        return planned(text)
    body = Sequence(items=items_of(rest))
    return Plan(body=_unwrapped(body), entry=entry)


def _unwrapped(body: Sequence) -> Sequence:
    """A list around one Sequential says nothing: its layers are numbered from 0."""
    while len(body.items) == 1 and isinstance(body.items[0], Sequence) and not body.items[0].name:
        body = body.items[0]
    return body


def _entry(text: str) -> tuple[Entry | None, int]:
    """An input line before layer lines, and the number of lines up to there."""
    for number, line in enumerate(text.split("\n")[:200]):
        if _COMMENT.fullmatch(line):
            continue
        match = _ENTRY.fullmatch(line.strip())
        if match is None:
            return None, 0
        part = document(match[1])
        shifted = type(part)(value=part.value, line=number + 1)
        return entry_told(shifted), number + 1
    return None, 0
