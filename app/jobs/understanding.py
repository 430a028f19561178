"""What the closed child does with a network's file: read it into the graph, find its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from app.architecture.exported import read_exported
from app.architecture.joining import join
from app.architecture.limits import MOST_BYTES
from app.architecture.onnx import is_onnx, read_onnx
from app.architecture.pickled import recorded
from app.architecture.suggestion import suggested
from app.architecture.understanding import understand
from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.graph import Constant, Graph, Inventory, Join
from app.errors import NotANetwork, TooLarge
from app.jobs.networks import GRAPH, Parcel, Place, Where
from app.readers.batches import read_batch
from app.readers.checkpoints import open_checkpoint
from app.readers.mapped import Mapped, values
from app.readers.naming import describe
from app.readers.pt2 import is_pt2, open_pt2
from app.readers.signatures import sniff
from app.readers.zip_directory import read_directory

MOST_LISTED: Final = 1000  # names of tensors that do not fit
MOST_NUMBERS: Final = 2**18  # of all constants that are told with their network
NARROW: Final = ("bfloat16", "float8")  # dtypes that numpy has no form of
HEAD_BYTES: Final = 512
BINARY: Final = (b"L1195470371460",)  # torch's oldest pickles begin with printable bytes

Tell: TypeAlias = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A network's file."""

    network: Graph | Inventory
    checkpoint: Checkpoint | None = None  # that the file holds


def understand_network(descriptor: int, arguments: dict[str, Any], _progress: Tell) -> Parcel:
    """The network behind a descriptor, with the places of its values.

    Args:
        descriptor: The network's file.
        arguments: {"weights": whether a checkpoint follows, "inputs": whether a batch does,
            "graph": of a network that another child has understood already, or None}.

    Raises:
        Refused: If one of the files is not what it is taken for.
    """
    others: Iterator[int] = iter(arguments.get("others", ()))
    checkpoint = open_checkpoint(next(others)) if arguments["weights"] else None
    batch = _batch(next(others)) if arguments["inputs"] else None
    given = arguments.get("graph")
    built = None if given is None else GRAPH.validate_python(given)
    read = read_network(descriptor) if built is None else Read(network=built)
    if isinstance(read.network, Inventory):
        return Parcel(network=read.network, places={}, inputs=batch, join={})
    places = _own(read.network, read.checkpoint)
    joined = None if checkpoint is None else join(read.network, checkpoint.tensors)
    if checkpoint is not None and joined is not None:
        places |= _joined(read.network, checkpoint, joined, file="weights")
    return Parcel(
        network=_with_constants(read.network, places, descriptor),
        places=places,
        inputs=batch,
        join=_told(joined),
        notes=_notes(joined),
    )


def _with_constants(graph: Graph, places: dict[str, Place], descriptor: int) -> Graph:
    """The network with the numbers of its small constants in it: theory asks for masks and angles.

    Those of a dtype that numpy has no form of, or with numbers that JSON has none for, stay in the
    file.
    """
    left = MOST_NUMBERS
    found: list[Constant] = []
    with Mapped(descriptor) as mapped:
        for one in graph.constants:
            place = places.get(one.value)
            count = math.prod(one.shape)
            if (
                place is not None
                and place.file == "network"
                and one.values is None
                and count < left
            ):
                told = _numbers(mapped, place.tensor)
                left -= 0 if told is None else count
                one = one if told is None else replace(one, values=told)
            found.append(one)
    return replace(graph, constants=tuple(found))


def _numbers(mapped: Mapped, tensor: StoredTensor) -> tuple[bool | int | float, ...] | None:
    stored = values(mapped, tensor)
    if tensor.dtype.startswith(NARROW) or stored.dtype.kind not in "biuf":
        return None
    if not np.isfinite(stored).all():
        return None
    return tuple(stored.ravel().tolist())


def read_network(descriptor: int) -> Read:
    """The network that a file of any form describes.

    Raises:
        Refused: If it is none.
    """
    with Mapped(descriptor) as mapped:
        text = _text(mapped)
        if text is not None:
            return Read(network=understand(text))
        if is_onnx(mapped):
            onnx = read_onnx(mapped)
            return Read(network=onnx.network, checkpoint=onnx.checkpoint)
        zipped = sniff(mapped) == "torch zip"
        exported = open_pt2(descriptor) if zipped and is_pt2(read_directory(mapped)) else None
    if exported is None:
        checkpoint = open_checkpoint(descriptor)
        if checkpoint.modules:
            return Read(network=recorded(checkpoint), checkpoint=checkpoint)
        return Read(network=suggested(checkpoint.tensors, describe(checkpoint)))
    found = read_exported(exported.program, exported.checkpoint)
    return Read(network=found, checkpoint=exported.checkpoint)


def _text(mapped: Mapped) -> str | None:
    """The file as text, None where it is none."""
    head = mapped.data[:HEAD_BYTES]
    if head.startswith(BINARY) or not _like_text(head):
        return None
    if mapped.size > MOST_BYTES:
        limit = f"{MOST_BYTES // 1024:,} KiB"
        raise TooLarge(what="This text", limit=limit, got=f"{mapped.size // 1024:,} KiB")
    try:
        return mapped.data[:].decode("utf-8")
    except UnicodeDecodeError as wrong:
        reason = f"the text is not UTF-8 at byte {wrong.start:,}."
        raise NotANetwork(reason=reason) from wrong


def _like_text(head: bytes) -> bool:
    """Whether a file begins as text: UTF-8 without control characters, cut anywhere."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if wrong.start < len(head) - 4:
            return False
        text = head[: wrong.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)


def _batch(descriptor: int) -> StoredTensor:
    with Mapped(descriptor) as mapped:
        return read_batch(mapped)


def _own(graph: Graph, checkpoint: Checkpoint | None) -> dict[str, Place]:
    """The places of the values that the network's own file holds."""
    if checkpoint is None:
        return {}
    tensors = checkpoint.tensors
    stored = [(one.value, one.stored) for one in graph.parameters]
    stored += [(one.value, one.stored) for one in graph.constants]
    held = {
        value: Place(file="network", tensor=tensors[index])
        for value, index in stored
        if index is not None and index < len(tensors)
    }
    if held:
        return held
    return _joined(graph, checkpoint, join(graph, tensors), file="network")


def _joined(graph: Graph, checkpoint: Checkpoint, joined: Join, *, file: Where) -> dict[str, Place]:
    """The places of the values that a checkpoint holds."""
    tensors = {tensor.index: tensor for tensor in checkpoint.tensors}
    return {
        one.value: Place(file=file, tensor=tensors[joined.matched[one.name]])
        for one in graph.parameters
        if one.name in joined.matched
    }


def _told(joined: Join | None) -> dict[str, tuple[str, ...]]:
    if joined is None:
        return {}
    return {
        "missing": joined.missing[:MOST_LISTED],
        "unused": joined.unused[:MOST_LISTED],
        "differ": joined.differ[:MOST_LISTED],
    }


def _notes(joined: Join | None) -> tuple[str, ...]:
    """How the checkpoint was joined, where that is no matter of course."""
    if joined is None:
        return ()
    notes = [f"the checkpoint's names begin with {prefix!r}" for prefix in joined.prefixes]
    if joined.by_order:
        notes.append("the checkpoint's tensors were matched in order: their names differ")
    return tuple(notes)
