"""What a worker and its sandboxed children hand each other: JSON, validated on both sides."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.layers import ParameterFacts
from app.core.report import Overview, Source

TENSOR_BYTES = 2 * 2**20  # judging a tensor takes about as long as reading so much of one

_BITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A file's directory, understood."""

    checkpoint: Checkpoint
    facts: tuple[ParameterFacts, ...]  # one a tensor, same order
    alpha: float  # level of each tensor's tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Tensors to measure and what is known of their layers."""

    tensors: tuple[StoredTensor, ...]
    facts: tuple[ParameterFacts, ...]
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything measured of one file: behind this document lie the reports and sketches."""

    source: Source
    inventory: Inventory
    sizes: tuple[tuple[int, int], ...]  # bytes of each tensor's report and sketch, in turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """The report of one file."""

    overview: Overview
    reports: tuple[bytes, ...]  # JSON of each TensorReport, Deflated: there may be thousands


INVENTORY = TypeAdapter(Inventory)
PORTION = TypeAdapter(Portion)
FINDINGS = TypeAdapter(Findings)


def stored_bytes(tensor: StoredTensor) -> int:
    """About how many bytes a tensor's values take: the dtype's name says how wide one is."""
    bits = _BITS.search(tensor.dtype)
    return math.prod(tensor.shape) * (int(bits.group()) if bits else 8) // 8


def split(inventory: Inventory, *, part_bytes: int) -> Iterator[Portion]:
    """The tensors in file order, in parts of about `part_bytes` with at least one tensor each.

    One that shares its elements with an earlier tensor of its part is not read again.
    """
    part: dict[int, StoredTensor] = {}
    size = 0
    for tensor in inventory.checkpoint.tensors:
        read = 0 if tensor.alias_of in part else stored_bytes(tensor)
        cost = max(read, TENSOR_BYTES)
        if part and size + cost > part_bytes:
            yield _todo(inventory, part)
            part, size = {}, 0
        part[tensor.index] = tensor
        size += cost
    if part:
        yield _todo(inventory, part)


def _todo(inventory: Inventory, part: dict[int, StoredTensor]) -> Portion:
    return Portion(
        tensors=tuple(part.values()),
        facts=tuple(inventory.facts[index] for index in part),
        alpha=inventory.alpha,
    )
