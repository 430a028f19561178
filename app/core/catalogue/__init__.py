"""The catalogue of initialisation schemes: one record each. Adding a scheme is adding a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from typing_extensions import override

from app.core.catalogue import libraries, papers, torch_init, transformers, vision
from app.core.catalogue.scheme import Fan, Over, Quantity, Scheme

__all__ = ["BY_ID", "CATALOGUE", "ORDER", "Catalogue", "Fan", "Over", "Quantity", "Scheme", "add"]

BY_ID: dict[str, Scheme] = {}
ORDER: dict[str, int] = {}  # id → place in the catalogue


class Catalogue(Sequence[Scheme]):
    """Every scheme there is, in the order in which they were added."""

    @overload
    def __getitem__(self, place: int) -> Scheme: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Scheme]: ...

    @override
    def __getitem__(self, place: int | slice) -> Scheme | Sequence[Scheme]:
        """The record or records at a place."""
        return tuple(BY_ID.values())[place]

    @override
    def __len__(self) -> int:
        """How many schemes there are."""
        return len(BY_ID)

    @override
    def __iter__(self) -> Iterator[Scheme]:
        """The records in order."""
        return iter(BY_ID.values())


CATALOGUE = Catalogue()


def add(scheme: Scheme) -> None:
    """Make a scheme a candidate for every tensor from now on.

    Args:
        scheme: With an id of its own.

    Raises:
        ValueError: If the catalogue has a scheme of that id already.
    """
    if scheme.id in BY_ID:
        msg = f"the catalogue has a scheme {scheme.id!r} already"
        raise ValueError(msg)
    ORDER[scheme.id] = len(BY_ID)
    BY_ID[scheme.id] = scheme


for _module in (torch_init, libraries, transformers, vision, papers):
    for _scheme in _module.SCHEMES:
        add(_scheme)
