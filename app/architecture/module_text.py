"""What `print(model)` shows → a graph, or an inventory where it does not say how a module runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from app.architecture.assembly import assembled
from app.architecture.calls import Value, arguments_of
from app.architecture.chains import Chain
from app.architecture.inventories import inventory
from app.architecture.limits import MOST_DEPTH, MOST_NODES
from app.architecture.plan import Entry
from app.architecture.tree import Module
from app.core.graph import Graph, Inventory
from app.errors import NotANetwork

_OPENING = re.compile(
    r"[ \t]*(?:\((?P<name>[^()\n]{0,200})\):[ \t]*)?(?:(?P<times>[0-9]{1,9}) x )?"
    r"(?P<kind>[A-Za-z_][\w.]*)\((?P<rest>.*)"
)
_CHILD = re.compile(r"(?m)^[ \t]*\([^()\n]{1,200}\):[ \t]*(?:[0-9]+ x )?[A-Za-z_]")
_RENAMED = {"NonDynamicallyQuantizableLinear": "Linear"}
_LONGEST = 100  # characters of a class name
_SHOWN = 200  # characters of a module's arguments


def is_module_text(text: str) -> bool:
    """Whether a text looks like what print(model) shows of modules within modules."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    match = _OPENING.fullmatch(first.rstrip())
    return match is not None and not match["rest"].strip() and bool(_CHILD.search(text))


def understood(text: str, *, entry: Entry | None = None) -> Graph | Inventory:
    """A graph for chains of torch.nn's own layers, else an inventory.

    Args:
        text: What print(model) shows.
        entry: What the network is given; None to go by its first layer.

    Raises:
        NotANetwork: If the text ends too early, is too deep, or names layers that torch refuses.
    """
    root = modules(text)
    chain = Chain()
    plan = replace(chain.plan(root), entry=entry)
    if not chain.foreign:
        return assembled(plan, origin="module text")
    return inventory(root, _reason(chain), origin="module text")


def _reason(chain: Chain) -> str:
    first = next(iter(chain.foreign.values()))
    where = "" if first.line is None else f" on line {first.line}"
    others = [kind for kind in chain.foreign if kind != first.kind]
    more = f" (so are {', '.join(others[:5])}{' …' if len(others) > 5 else ''})" if others else ""
    return (
        f"{first.kind}{where} is a class whose forward() print() does not show{more}; only "
        "Sequential chains of torch.nn layers say how they run."
    )


@dataclass(slots=True)
class _Open:
    """A module whose closing bracket has not come yet."""

    name: str
    kind: str
    line: int
    times: int
    children: list[Module] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def modules(text: str) -> Module:
    """The tree of modules that print(model) shows.

    Raises:
        NotANetwork: With the line, if it is not well formed.
    """
    stack: list[_Open] = []
    closed: Module | None = None
    total = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if closed is not None:
            raise NotANetwork(
                reason=f"line {number} comes after the model's closing bracket; paste one model."
            )
        total += 1
        if total > MOST_NODES or len(stack) > MOST_DEPTH:
            what = f"{MOST_NODES:,} lines" if total > MOST_NODES else f"{MOST_DEPTH} levels"
            raise NotANetwork(reason=f"expected at most {what}; line {number} has one more.")
        closed = _line(stack, line, number)
    if closed is None:
        opened = stack[-1] if stack else None
        where = f"{opened.kind} on line {opened.line}" if opened else "the model"
        raise NotANetwork(reason=f"the text ends before {where} is closed; paste all of it.")
    return closed


def _line(stack: list[_Open], line: str, number: int) -> Module | None:
    """Take one line; the whole model where it closes it."""
    if line.strip() == ")" and stack:
        opened = stack.pop()
        return _put(stack, _closed(opened))
    match = _OPENING.fullmatch(line)
    if match is None or (match["name"] is None and stack):
        if not stack:
            raise NotANetwork(
                reason=f"line {number}: expected a module such as Sequential(, got "
                f"{line.strip()[:40]!r}."
            )
        stack[-1].words.append(line.strip()[:_SHOWN])
        return None
    name, times = match["name"] or "", int(match["times"] or 1)
    opened = _Open(name=name, kind=match["kind"], line=number, times=max(1, times))
    rest = match["rest"].strip()
    if not rest or not rest.endswith(")"):
        opened.words += [rest] if rest else []
        stack.append(opened)
        return None
    opened.words.append(rest[:-1])
    return _put(stack, _closed(opened))


def _put(stack: list[_Open], module: Module) -> Module | None:
    if not stack:
        return module
    stack[-1].children.append(module)
    return None


def _closed(opened: _Open) -> Module:
    kind = opened.kind.rpartition(".")[2][:_LONGEST]
    words = ", ".join(word.rstrip(",") for word in opened.words)
    placed: tuple[Value, ...] = ()
    named: dict[str, Value] = {}
    own = False
    try:
        placed, named = arguments_of(words, line=opened.line)
    except NotANetwork:
        own = True
    if kind.startswith("Upsampling"):
        named.pop("mode", None)  # print() shows what the class fixes
    return Module(
        name=opened.name,
        kind=_RENAMED.get(kind, kind),
        placed=placed,
        named=named,
        children=tuple(opened.children),
        line=opened.line,
        times=opened.times,
        own=own,
        words=words[:_SHOWN],
    )
