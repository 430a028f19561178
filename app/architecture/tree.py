"""A network as modules within modules, with neither order of running nor forward()."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.architecture.layers import Written
from app.architecture.plan import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module: its class, its arguments as far as they are told, the modules inside."""

    name: str  # in its parent
    kind: str
    placed: tuple[Written | Item, ...] = ()
    named: dict[str, Written | Item] = field(default_factory=dict)
    children: tuple[Module, ...] = ()
    line: int | None = None
    times: int = 1  # alike, one after the other: "(0-11): 12 x Block"
    own: bool = False  # a class of the person's, not of torch.nn
    words: str = ""  # arguments as they were read

    def child(self, name: str) -> Module | None:
        """The module inside of this name."""
        return next((child for child in self.children if child.name == name), None)


def leaves(module: Module, path: str = "") -> Iterator[tuple[str, Module]]:
    """Every module without others inside, with its path, in order; repeats once for each."""
    if not module.children:
        yield path, module
        return
    for child in module.children:
        first = child.name.partition("-")[0]
        for time in range(child.times):
            alike = child.times > 1 and first.isdigit()
            name = str(int(first) + time) if alike else child.name
            yield from leaves(child, f"{path}.{name}" if path else name)
