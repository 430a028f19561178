"""Layers written as calls: `Linear(512, 512)`, `40 x [Linear(512, 512), ReLU()]`."""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from app.architecture.layers import Written, layer_of
from app.architecture.limits import MOST_DEPTH
from app.architecture.plan import Item, Layer, Repeat, Residual, Sequence
from app.architecture.tokens import Token, number_of, tokens
from app.errors import NotANetwork

_TIMES = frozenset({"x", "X", "×", "*"})
_WORDS: dict[str, Written] = {"True": True, "False": False, "None": None, "true": True,
    "false": False, "null": None, "none": "none"}  # fmt: skip
_CONTAINERS = frozenset({"Sequential", "ModuleList"})


Value: TypeAlias = Written | Item


def items_of(text: str, *, line: int = 1) -> tuple[Item, ...]:
    """The layers that a text names, in order.

    Args:
        text: Calls, one a line or with commas between; lists in brackets; `N x` before one.
        line: That the text begins on.

    Raises:
        NotANetwork: With the line, what was expected and what came.
    """
    reader = _Reader(tokens(text, line=line))
    found = reader.items(closing=None)
    return tuple(found)


def arguments_of(text: str, *, line: int) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """Arguments as they stand between a call's brackets: without a name, and by name.

    Raises:
        NotANetwork: If they are no plain values.
    """
    reader = _Reader(tokens(f"{text})", line=line))
    placed: list[Value] = []
    named: dict[str, Value] = {}
    reader.arguments(placed, named, "the module")
    if reader.next.kind != "end":
        reader.fail("the end of the arguments")
    return tuple(placed), named


class _Reader:
    def __init__(self, pieces: list[Token]) -> None:
        self.pieces = pieces
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.pieces[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.pieces[self.at - 1]

    def fail(self, expected: str) -> NoReturn:
        token = self.next
        got = "the end of the line" if token.kind == "line" else repr(token.text[:40])
        got = "the end of the text" if token.kind == "end" else got
        raise NotANetwork(reason=f"line {token.line}: expected {expected}, got {got}.")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise NotANetwork(
                reason=f"line {self.next.line} is nested more than {MOST_DEPTH} deep; "
                "write it flatter."
            )

    def items(self, *, closing: str | None) -> list[Item]:
        """Items up to a closing bracket or the end."""
        found: list[Item] = []
        self.separators()
        while not self.closes(closing):
            found.append(self.item())
            if not self.separators() and not self.closes(closing):
                self.fail("a comma or a new line between two layers")
        self.at += closing is not None
        return found

    def separators(self) -> bool:
        start = self.at
        while self.next.kind == "line" or self.next.text in {",", ";"}:
            self.at += 1
        return self.at > start

    def closes(self, closing: str | None) -> bool:
        if closing is None:
            return self.next.kind == "end"
        if self.next.kind == "end":
            self.fail(f"a closing {closing!r}")
        return self.next.text == closing

    def item(self) -> Item:
        token = self.next
        if token.kind == "number":
            return self.repeat()
        if token.text == "[":
            return self.group()
        if token.kind != "name":
            self.fail("a layer such as Linear(512, 512)")
        if self.pieces[self.at + 1].text == "=":
            self.at += 2
            return self.item()
        if token.text == "residual" and self.pieces[self.at + 1].text == "[":
            self.take()
            return Residual(body=self.group(), line=token.line)
        return self.call()

    def group(self) -> Sequence:
        line = self.take().line
        self.enter()
        found = self.items(closing="]")
        self.depth -= 1
        return Sequence(items=tuple(found), line=line)

    def repeat(self) -> Repeat:
        token = self.take()
        times = number_of(token)
        if not isinstance(times, int) or times < 1:
            raise NotANetwork(
                reason=f"line {token.line}: expected a whole number of repeats from 1, got "
                f"{token.text[:40]!r}."
            )
        if self.next.text not in _TIMES:
            self.fail(f"`{times} x` before what is repeated")
        self.take()
        while self.next.kind == "line":
            self.take()
        self.enter()
        inner = self.item()
        self.depth -= 1
        body = inner if isinstance(inner, Sequence) else Sequence(items=(inner,), line=token.line)
        return Repeat(times=times, body=body, line=token.line)

    def call(self) -> Item:
        token = self.take()
        placed: list[Value] = []
        named: dict[str, Value] = {}
        package, _, kind = token.text.rpartition(".")
        if package.partition(".")[0] not in {"", "torch", "nn"}:
            kind = token.text
        if self.next.text == "(":
            self.take()
            self.enter()
            self.arguments(placed, named, kind)
            self.depth -= 1
        if kind in _CONTAINERS:
            return _container(token, placed, named)
        return layer_of(kind, placed, named, line=token.line)

    def arguments(self, placed: list[Value], named: dict[str, Value], kind: str) -> None:
        """What stands in a call's brackets."""
        self.lines()
        while self.next.text != ")":
            name = None
            if self.next.kind == "name" and self.pieces[self.at + 1].text == "=":
                name = self.take().text
                self.take()
            value = self.value()
            if name is None:
                placed.append(value)
            elif name in named:
                raise NotANetwork(reason=f"line {self.next.line}: {kind} is given {name} twice.")
            else:
                named[name] = value
            self.lines()
            if self.next.text == ",":
                self.take()
                self.lines()
            elif self.next.text != ")":
                self.fail(f"a comma or a closing ')' in {kind}(…)")
        self.take()

    def lines(self) -> None:
        while self.next.kind == "line":
            self.at += 1

    def value(self) -> Value:
        token = self.next
        if token.kind == "number":
            return self.product()
        if token.kind == "text":
            return self.take().text[1:-1]
        if token.text in {"(", "["}:
            return self.several(")" if token.text == "(" else "]")
        if token.kind != "name":
            self.fail("a value")
        if self.pieces[self.at + 1].text == "(":
            return self.call()
        self.take()
        return _WORDS.get(token.text, token.text)

    def product(self) -> Written:
        """A number, or several with `*` between."""
        found = number_of(self.take())
        while self.next.text == "*" and self.pieces[self.at + 1].kind == "number":
            self.take()
            found = found * number_of(self.take())
        return found

    def several(self, closing: str) -> Value:
        """A tuple or list; brackets around one value alone mean nothing."""
        opening = self.take()
        self.enter()
        found: list[Value] = []
        comma = False
        self.lines()
        while self.next.text != closing:
            found.append(self.value())
            self.lines()
            if self.next.text == ",":
                comma = True
                self.take()
                self.lines()
            elif self.next.text != closing:
                self.fail(f"a comma or a closing {closing!r}")
        self.take()
        self.depth -= 1
        if closing == ")" and len(found) == 1 and not comma:
            return found[0]
        items = _items(found)
        if items and len(items) == len(found):
            return Sequence(items=tuple(items), line=opening.line)
        atoms = [one for one in found if one is None or isinstance(one, bool | int | float | str)]
        if len(atoms) != len(found):
            raise NotANetwork(
                reason=f"line {opening.line} has a list within a list; expected plain values."
            )
        return tuple(atoms)


def _items(values: list[Value]) -> list[Item]:
    return [one for one in values if isinstance(one, Layer | Sequence | Residual | Repeat)]


def _container(token: Token, placed: list[Value], named: dict[str, Value]) -> Sequence:
    """A Sequential or ModuleList of layers, or of one list of layers."""
    items = _items(placed)
    if named or len(items) != len(placed):
        raise NotANetwork(reason=f"line {token.line}: expected only layers in {token.text}(…).")
    if len(items) == 1 and isinstance(items[0], Sequence):
        return items[0]
    return Sequence(items=tuple(items), line=token.line)
