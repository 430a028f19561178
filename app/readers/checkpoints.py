"""Opens an upload: its format from the first bytes, its table of contents without running it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.core.checkpoint import Checkpoint
from app.readers.mapped import Mapped, value_dtype, values
from app.readers.pt2 import is_pt2, read_pt2
from app.readers.safetensors import read_safetensors
from app.readers.signatures import Format, sniff
from app.readers.torch_legacy import read_torch_legacy
from app.readers.torch_zip import read_torch_zip
from app.readers.zip_directory import read_directory

__all__ = ["Mapped", "open_checkpoint", "value_dtype", "values"]


def _read_zip(mapped: Mapped) -> Checkpoint:
    entries = read_directory(mapped)
    return (read_pt2 if is_pt2(entries) else read_torch_zip)(mapped, entries)


_READERS: Final[dict[Format, Callable[[Mapped], Checkpoint]]] = {
    "torch zip": _read_zip,
    "torch legacy": read_torch_legacy,
    "safetensors": read_safetensors,
}


def open_checkpoint(descriptor: int) -> Checkpoint:
    """What the file behind an open descriptor holds.

    Args:
        descriptor: A regular file, open for reading.

    Returns:
        Every tensor with its place in the file; no value is read.

    Raises:
        Refused: In one of its kinds, saying what was expected and what came.
    """
    with Mapped(descriptor) as mapped, _without_collection():
        return _READERS[sniff(mapped)](mapped)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Cyclic garbage stays for a moment: looking for it among millions of records costs 5 times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
