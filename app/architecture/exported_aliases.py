"""Writing into memory made functional: an in-place operation gives a new value to all who look.

torch exports `x[:, 0] = 1` as a view of x and a write into the view. Here the write becomes a new
value of the view, put back into a new value of x; other views are taken anew when they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.architecture.exported_calls import Call, Calls, Tensor, atoms, mapped, value_of
from app.architecture.exported_views import PERHAPS, SAME, VIEWS, functional_name, undone
from app.core.graph import Argument, DType, Value
from app.core.operators import OPERATORS
from app.errors import CannotRun

_WORK: Final = 5_000_000  # views looked at in one program
_LOST: Final = (
    "it writes into a part of a tensor and uses the whole afterwards, in a way that cannot be "
    "told without memory. Write the model without in-place operations there."
)
_FIRST_IS_INPUT: Final = frozenset(
    f"aten.{name}.default"
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
)


def without_writes(found: Calls, outputs: Sequence[str]) -> tuple[Calls, tuple[str, ...]]:
    """The same program with every in-place operation in its functional form.

    Args:
        found: The operations in order.
        outputs: Names of the program's results.

    Returns:
        The operations, and the names under which the results are found now.

    Raises:
        CannotRun: If memory is written to through a view that cannot be undone, and used after.
    """
    memory = _Memory(found)
    memory.run()
    names = tuple(map(memory.use, outputs))
    return Calls(calls=memory.out, values=memory.values), names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """How a value sees another's memory."""

    parent: str
    call: Call
    sure: bool


class _Memory:
    """Which values look at the same memory, and under what name each is up to date."""

    def __init__(self, found: Calls) -> None:
        self._calls = found.calls
        self.values = dict(found.values)
        self.out: list[Call] = []
        self._links: dict[str, _Link] = {}
        self._children: dict[str, list[str]] = {}
        self._current: dict[str, str] = {}
        self._same: dict[str, str] = {}  # an in-place operation's result → what it wrote to
        self._stale: set[str] = set()
        self._lost: set[str] = set()
        self._left = _WORK

    def run(self) -> None:
        """Put every operation out in its functional form."""
        for call in self._calls:
            functional = None if call.op in OPERATORS else functional_name(call.op)
            if functional is None or call.op in SAME:
                self._plain(replace(call, op=functional or call.op))
            else:
                self._write(call, functional)

    def use(self, name: str) -> str:
        """The name under which a value is up to date now; views are taken anew if need be."""
        name = self._same.get(name, name)
        if name in self._lost:
            raise CannotRun(reason=_LOST)
        if name in self._stale:
            self._refresh(name)
        return self._current.get(name, name)

    def _plain(self, call: Call) -> None:
        self.out.append(self._resolved(call))
        if call.op in VIEWS or call.op in PERHAPS:
            parent = next((a.value for a in atoms(call.arguments) if isinstance(a, Value)), None)
            if parent is None:
                return
            parent = self._same.get(parent, parent)
            for result in filter(None, call.results):
                link = _Link(parent=parent, call=call, sure=call.op in VIEWS)
                self._links[result] = link
                self._children.setdefault(parent, []).append(result)

    def _resolved(self, call: Call) -> Call:
        names = [atom.value for atom in atoms(call.arguments) if isinstance(atom, Value)]
        return replace(call, arguments=mapped(call.arguments, {n: self.use(n) for n in names}))

    def _write(self, call: Call, functional: str) -> None:
        written = next(iter(call.arguments.values()), None)
        if not isinstance(written, Value) or len(call.results) != 1:
            raise CannotRun(reason=f"{call.op} does not say what it writes to")
        target = self._same.get(written.value, written.value)
        resolved = self._resolved(call)
        arguments = dict(resolved.arguments)
        if functional in _FIRST_IS_INPUT:
            arguments = {"input": arguments.pop("self", None), **arguments}
        result = call.results[0] or self._fresh(target)
        value = value_of(self.values, target)
        name = result if self._keeps_dtype(call, value) else self._fresh(result)
        self._put(replace(resolved, op=functional, arguments=arguments, results=(name,)), value)
        if name != result:
            cast: dict[str, Argument] = {"self": Value(value=name)}
            cast["dtype"] = DType(dtype=value.dtype)
            self._put(replace(call, op="aten.to.dtype", arguments=cast, results=(result,)), value)
        if call.results[0]:
            self._same[result] = target
        self._current[target] = result
        self._age(target, keep=None)
        self._write_back(target, call)

    def _keeps_dtype(self, call: Call, value: Tensor) -> bool:
        """Whether the functional form gives the dtype that was written to."""
        names = [atom.value for atom in atoms(call.arguments) if isinstance(atom, Value)]
        others = {value_of(self.values, name).dtype for name in names[1:]} - {""}
        return others <= {value.dtype} or call.op == "aten.copy_.default"

    def _write_back(self, name: str, call: Call) -> None:
        """Carry a new value of a view to all whose memory it shows."""
        while name in self._links:
            link = self._links[name]
            new = self._put_back(name, link, call)
            if new is None:
                self._lose(link.parent, keep=name)
                return
            self._current[link.parent] = new
            self._age(link.parent, keep=name)
            name = link.parent

    def _put_back(self, name: str, link: _Link, call: Call) -> str | None:
        """The new name of what `name` is a view of, or None where that cannot be told."""
        if link.sure and link.call.op in SAME:
            return self._current[name]
        base = self._current.get(link.parent, link.parent)
        found = undone(link.call, self._current[name], base) if link.sure else None
        if found is None:
            return None
        op, arguments = found
        new = self._fresh(link.parent)
        back = replace(call, op=op, arguments=self._resolved_numbers(arguments), results=(new,))
        self._put(back, value_of(self.values, link.parent))
        return new

    def _resolved_numbers(self, arguments: dict[str, Argument]) -> dict[str, Argument]:
        """The arguments with the latest of every number in them."""
        names = [atom.value for atom in atoms(arguments) if isinstance(atom, Value)]
        return mapped(arguments, {name: self._current.get(name, name) for name in names})

    def _age(self, name: str, *, keep: str | None) -> None:
        """Note that the views of a value are out of date, but for one."""
        waiting = [name]
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                self._spend()
                if child != keep:
                    self._stale.add(child)
                    waiting.append(child)

    def _lose(self, name: str, *, keep: str) -> None:
        """Note that a value and its views hold what cannot be told, but for one."""
        while True:
            self._lost.add(name)
            waiting = [name]
            while waiting:
                for child in self._children.get(waiting.pop(), ()):
                    self._spend()
                    if child != keep:
                        self._lost.add(child)
                        waiting.append(child)
            if name not in self._links:
                return
            name, keep = self._links[name].parent, name

    def _refresh(self, name: str) -> None:
        """Take a view anew, and first whatever it is a view of."""
        chain = []
        while name in self._stale:
            self._spend()
            chain.append(name)
            name = self._links[name].parent
        for view in reversed(chain):
            link = self._links[view]
            if not link.sure or link.parent in self._lost:
                raise CannotRun(reason=_LOST)
            if view in self._stale:
                self._replay(link.call)

    def _replay(self, call: Call) -> None:
        fresh = {result: self._fresh(result) for result in call.results if result}
        self.out.append(
            replace(
                self._resolved(call), results=tuple(fresh.get(name, "") for name in call.results)
            )
        )
        for old, new in fresh.items():
            self.values[new] = value_of(self.values, old)
            self._current[old] = new
            self._stale.discard(old)

    def _put(self, call: Call, value: Tensor) -> None:
        self.out.append(call)
        self.values[call.results[0]] = value

    def _fresh(self, name: str) -> str:
        self._spend()
        return f"{name}@{_WORK - self._left}"

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise CannotRun(reason="it writes into views of memory too often")
