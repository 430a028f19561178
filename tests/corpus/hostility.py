"""The form of a hostile file, and short ways to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Refused
from tests.corpus.archives import torch_zip
from tests.corpus.pickling import dict_, pickled, tensor


@dataclass(frozen=True)
class Hostile:
    """One file: how to make it, and the refusal it must meet (None: it is read, inertly)."""

    make: Callable[[], bytes]
    refusal: type[Refused] | None
    says: str = ""


def in_zip(body: bytes, **how: object) -> Callable[[], bytes]:
    return lambda: torch_zip(pickled(body), **how)


def beside_a_tensor(body: bytes) -> Callable[[], bytes]:
    """A pickle that holds something hostile beside an honest tensor."""
    return in_zip(dict_({"hostile": body, "w": tensor()}))


def one_tensor(**how: object) -> Callable[[], bytes]:
    return in_zip(dict_({"w": tensor(**how)}))
