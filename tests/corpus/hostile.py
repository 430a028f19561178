"""Every hostile file by name, each with what must come of it; `write` puts one on the disk."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.corpus.archives import entry, legacy, safetensors, torch_zip
from tests.corpus.hostile_containers import CONTAINERS
from tests.corpus.hostile_pickles import MARKER, PICKLES
from tests.corpus.hostility import Hostile
from tests.corpus.pickling import dict_, pickled, tensor
from tests.corpus.strangers import STRANGERS

HOSTILE: dict[str, Hostile] = STRANGERS | CONTAINERS | PICKLES


def write(name_: str, folder: Path) -> Path:
    """The named file, written into `folder`."""
    path = folder / "upload.bin"
    path.write_bytes(HOSTILE[name_].make())
    return path


NAMES = (
    "<img src=x onerror=alert(1)>",
    "\u202eevil\u2066",
    "line\nfeed\x00nul\x1b[31m",
    "lone\ud800surrogate",
    '=HYPERLINK("http://x")',
    "{{7*7}}{expected}%s",
    "a" * 100_000,
    "",
    "dots..and...dots",
)


def hostile_names(kind: str = "torch zip") -> bytes:
    """A sound file whose tensors have hostile names; kind as in Checkpoint.format."""
    if kind == "safetensors":
        header = {name_: entry([1], 4 * index, 4 * index + 4) for index, name_ in enumerate(NAMES)}
        return safetensors(header, bytes(4 * len(NAMES)))
    body = dict_({name_: tensor(shape=(1,)) for name_ in NAMES})
    return legacy(body) if kind == "torch legacy" else torch_zip(pickled(body))


def not_finite() -> bytes:
    """A sound file whose tensor holds NaN and both infinities."""
    raw = struct.pack("<4f", float("nan"), float("inf"), float("-inf"), 1.0)
    return torch_zip(
        pickled(dict_({"fc.weight": tensor(shape=(2, 2), strides=(2, 1))})), {"0": raw}
    )


__all__ = ["HOSTILE", "MARKER", "NAMES", "Hostile", "hostile_names", "not_finite", "write"]
