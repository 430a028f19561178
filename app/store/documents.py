"""Facts to JSON bytes and back; what comes back is validated field by field."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeVar

import orjson
from pydantic import TypeAdapter

from app.core.checkpoint import Checkpoint
from app.core.comparison import ComparisonReport
from app.core.graph import Graph, Inventory
from app.core.layers import ParameterFacts
from app.core.meanfield.step import WeightMoments
from app.core.propagation import Order, PropagationReport
from app.core.report import Overview, TensorReport

Fact = TypeVar("Fact")

OVERVIEW = TypeAdapter(Overview)
TENSOR = TypeAdapter(TensorReport)
CHECKPOINT = TypeAdapter(Checkpoint)
FACTS = TypeAdapter(tuple[ParameterFacts, ...])
NETWORK: TypeAdapter[Graph | Inventory] = TypeAdapter(Graph | Inventory)
ORDER = TypeAdapter(Order)
PROPAGATION = TypeAdapter(PropagationReport)
MOMENTS = TypeAdapter(dict[str, WeightMoments])
COMPARISON = TypeAdapter(ComparisonReport)

MOST_NETWORKS: Final = 4  # in memory; one of 20,000 operations takes some 20 MB


def dump(fact: object) -> bytes:
    """JSON of a fact, a list of facts or plain data; NaN and infinity become null."""
    return orjson.dumps(fact)


def load(adapter: TypeAdapter[Fact], document: bytes) -> Fact:
    """The fact that `dump` wrote.

    Raises:
        pydantic.ValidationError: If the document is not of that form.
    """
    return adapter.validate_json(document)


@lru_cache(maxsize=MOST_NETWORKS)
def network(document: bytes) -> Graph | Inventory:
    """The network that `dump` wrote: the same object for the same document, while it is kept.

    Raises:
        pydantic.ValidationError: If the document is not of that form.
    """
    return load(NETWORK, document)


def join(documents: Sequence[bytes]) -> bytes:
    """One JSON list of documents that are JSON already."""
    return b"[" + b",".join(documents) + b"]"


class Deflated(bytes):
    """A document as it lies in the database: reports are text and shrink to a fifth."""

    __slots__ = ()


def deflate(document: bytes) -> Deflated:
    """The document deflated, once."""
    return document if isinstance(document, Deflated) else Deflated(zlib.compress(document, 1))


def inflate(document: bytes) -> bytes:
    """The document that `deflate` was given."""
    return zlib.decompress(document)
