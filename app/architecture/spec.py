"""A JSON or YAML spec → a plan."""

from __future__ import annotations

from app.architecture.calls import items_of
from app.architecture.documents import Part, document
from app.architecture.entries import checked
from app.architecture.layers import STACKS, Written, layer_of
from app.architecture.limits import MOST_TIMES
from app.architecture.plan import (
    Entry,
    Item,
    Joint,
    Layer,
    Parallel,
    Plan,
    Repeat,
    Residual,
    Sequence,
)
from app.architecture.signatures import KINDS
from app.core.arguments import LARGEST
from app.errors import NotANetwork

LISTS = frozenset({"layers", "sequential", "Sequential", "ModuleList"})
JOINTS: dict[str, Joint] = {"add": "add", "concat": "concat", "multiply": "multiply"}
BESIDE = {  # what may stand beside an item's own key
    "residual": {"shortcut", "scale"},
    "parallel": {"join", "dim"},
    "repeat": {"of"},
}
_LONGEST = 100  # characters of the network's name
_CONFIG = frozenset({"model_type", "architectures", "transformers_version"})
TOP = frozenset({"input", "layers", "name", "description"})


def planned(text: str) -> Plan:
    """The plan of a spec.

    Args:
        text: JSON or YAML: a list of layers, or `input` and `layers`.

    Raises:
        NotANetwork: With the line, what was expected, what came.
    """
    whole = document(text)
    if isinstance(whole.value, dict) and ("layers" in whole.value or "input" in whole.value):
        return _top(whole, whole.value)
    if isinstance(whole.value, dict) and _CONFIG & set(whole.value):
        raise NotANetwork(
            reason="this is a Hugging Face model's configuration; give it as a file named "
            "config.json."
        )
    return Plan(body=_sequence(whole))


def _top(whole: Part, keys: dict[str, Part]) -> Plan:
    unknown = [name for name in keys if name not in TOP]
    if unknown:
        raise _wrong(keys[unknown[0]], "input, layers, name or description", unknown[0])
    if "layers" not in keys:
        raise _wrong(whole, "`layers:` and a list of layers", "input alone")
    entry = entry_told(keys["input"]) if "input" in keys else None
    name = str(keys["name"].value)[:_LONGEST] if "name" in keys else ""
    return Plan(body=_sequence(keys["layers"]), entry=entry, name=name)


def entry_told(part: Part) -> Entry:
    """`[3, 32, 32]`, `512`, or `{tokens: 128, vocabulary: 50257}`.

    Raises:
        NotANetwork: If it is none of these, or too large.
    """
    value = part.value
    if isinstance(value, dict):
        if set(value) == {"tokens", "vocabulary"}:
            tokens, rows = (_size(value[name], name) for name in ("tokens", "vocabulary"))
            checked((tokens,), part.line)
            return Entry(tokens=tokens, vocabulary=rows, line=part.line)
        if set(value) == {"shape"}:
            return entry_told(value["shape"])
        raise _wrong(part, "`{tokens: 128, vocabulary: 50257}` or a list of sizes", list(value))
    sizes = value if isinstance(value, tuple) else (part,)
    shape = tuple(_size(size, "a size of the input") for size in sizes)
    if not 1 <= len(shape) <= 8:
        raise _wrong(part, "1 to 8 sizes without the batch, such as [3, 32, 32]", list(shape))
    return Entry(shape=checked(shape, part.line), line=part.line)


def _size(part: Part, what: str) -> int:
    value = part.value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
        raise _wrong(part, f"{what} from 1 to {LARGEST:,}", value)
    return value


def _sequence(part: Part, name: str | None = None) -> Sequence:
    """A list of items, one item alone, or text with layers."""
    if isinstance(part.value, tuple):
        items = tuple(_item(one) for one in part.value)
        return Sequence(items=items, line=part.line, name=name)
    if part.value is None:
        return Sequence(items=(), line=part.line, name=name)
    item = _item(part)
    if isinstance(item, Sequence) and name is None:
        return item
    return Sequence(items=(item,), line=part.line, name=name)


def _item(part: Part, name: str | None = None) -> Item:
    value = part.value
    if isinstance(value, tuple):
        return _sequence(part, name)
    if isinstance(value, str):
        return _text(value, part, name)
    if not isinstance(value, dict):
        raise _wrong(part, "a layer such as Linear(512, 512)", value)
    if "name" in value:
        told = value["name"]
        return _item(Part(value=_without(value, "name"), line=part.line), _name(told))
    return _keyed(value, part, name)


def _without(value: dict[str, Part], key: str) -> dict[str, Part]:
    return {name: part for name, part in value.items() if name != key}


def _name(part: Part) -> str:
    name = str(part.value)
    if not name.replace("_", "a").replace(".", "a").isalnum() or len(name) > 100:
        raise _wrong(part, "a name of letters, digits, _ and .", name)
    return name


def _text(text: str, part: Part, name: str | None) -> Item:
    """Layers as text: one, or several in order."""
    if text.lower() in {"position", "classtoken", "class_token"}:
        kind = "Position" if text.lower() == "position" else "ClassToken"
        return layer_of(kind, (), {}, line=part.line, name=name)
    items = items_of(text, line=part.line)
    if len(items) != 1:
        return Sequence(items=items, line=part.line, name=name)
    return renamed(items[0], name)


def renamed(item: Item, name: str | None) -> Item:
    """The item under a name of its own."""
    if name is None:
        return item
    if isinstance(item, Layer):
        return Layer(
            kind=item.kind,
            arguments=item.arguments,
            text=item.text,
            line=item.line,
            name=name,
            items=item.items,
        )
    return Sequence(items=(item,), line=item.line, name=name)


def _keyed(value: dict[str, Part], part: Part, name: str | None) -> Item:
    """An item by its one key, with what may stand beside it."""
    key = next((one for one in value if one in BESIDE), None) or next(iter(value), "")
    beside = set(value) - {key} - BESIDE.get(key, set())
    if beside or not value:
        raise _wrong(part, "one layer for each item of the list", list(value))
    if key == "residual":
        return _residual(value, part, name)
    if key == "parallel":
        return _parallel(value, part, name)
    if key == "repeat":
        return _repeat(value, part, name)
    inner = value[key]
    if key in LISTS:
        return _sequence(inner, name)
    if key.lower() in {"position", "class_token"} and key not in KINDS:
        return _text(key.replace("_", ""), part, name)
    if key not in KINDS and isinstance(inner.value, str) and name is None:
        return _item(inner, _name(Part(value=key, line=part.line)))
    return _layer(key, inner, part.line, name)


def _layer(kind: str, part: Part, line: int, name: str | None) -> Layer:
    """`Linear: [512, 512]`, `Linear: {in_features: 512, …}`, `Tanh:`."""
    value = part.value
    if isinstance(value, dict):
        named = {argument: _argument(kind, argument, one) for argument, one in value.items()}
        return layer_of(kind, (), named, line=line, name=name)
    if value is None:
        return layer_of(kind, (), {}, line=line, name=name)
    several = value if isinstance(value, tuple) else (part,)
    placed = [_argument(kind, "", one) for one in several]
    return layer_of(kind, placed, {}, line=line, name=name)


def _argument(kind: str, argument: str, part: Part) -> Written | Item:
    value = part.value
    layered = kind in STACKS and argument in {STACKS[kind], "norm"}
    if isinstance(value, dict) or (layered and isinstance(value, str)):
        return _item(part)
    if isinstance(value, tuple):
        inner = tuple(one.value for one in value)
        if any(isinstance(one, tuple | dict) for one in inner):
            raise _wrong(part, f"numbers for {kind}'s {argument}", "a list of lists")
        return inner  # type: ignore[return-value]
    if kind in STACKS and isinstance(value, str) and "(" in value:
        return _item(part)
    return value


def _residual(value: dict[str, Part], part: Part, name: str | None) -> Residual:
    shortcut = _sequence(value["shortcut"]) if "shortcut" in value else None
    scale = value["scale"].value if "scale" in value else 1.0
    if not isinstance(scale, int | float) or isinstance(scale, bool):
        raise _wrong(value["scale"], "a number for the scale", scale)
    body = _sequence(value["residual"])
    return Residual(body=body, shortcut=shortcut, scale=float(scale), line=part.line, name=name)


def _parallel(value: dict[str, Part], part: Part, name: str | None) -> Parallel:
    branches = value["parallel"].value
    if not isinstance(branches, tuple) or len(branches) < 2:
        raise _wrong(value["parallel"], "a list of two or more branches", branches)
    joint = value["join"].value if "join" in value else "add"
    if not isinstance(joint, str) or joint not in JOINTS:
        raise _wrong(value["join"], "add, concat or multiply", joint)
    dim = value["dim"].value if "dim" in value else 1
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise _wrong(value["dim"], "an axis number", dim)
    each = tuple(_branch(one) for one in branches)
    return Parallel(branches=each, joint=JOINTS[joint], dim=dim, line=part.line, name=name)


def _branch(part: Part) -> Sequence:
    found = _sequence(part)
    return Sequence(items=found.items, line=found.line)


def _repeat(value: dict[str, Part], part: Part, name: str | None) -> Repeat:
    """`repeat: {times: 40, of: […]}`, or `repeat: 40` beside `of: […]`."""
    told = value["repeat"].value
    inner = told if isinstance(told, dict) else {"times": value["repeat"], **_of(value)}
    if set(inner) != {"times", "of"}:
        raise _wrong(part, "`repeat: {times: 40, of: [Linear(512, 512), ReLU()]}`", list(inner))
    times = inner["times"].value
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_TIMES:
        raise _wrong(inner["times"], "a whole number of times from 1", times)
    return Repeat(times=times, body=_sequence(inner["of"]), line=part.line, name=name)


def _of(value: dict[str, Part]) -> dict[str, Part]:
    return {"of": value["of"]} if "of" in value else {}


def _wrong(part: Part, expected: str, got: object) -> NotANetwork:
    text = "nothing" if got is None else repr(got)
    shown = "a list or mapping" if isinstance(got, tuple | dict) else text
    short = shown if len(shown) <= 80 else f"{shown[:79]}…"
    return NotANetwork(reason=f"line {part.line}: expected {expected}, got {short}.")
