"""Facts to JSON bytes and back; what comes back is validated field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import orjson
from pydantic import TypeAdapter

from app.core.checkpoint import Checkpoint
from app.core.layers import ParameterFacts
from app.core.report import Overview, TensorReport

Fact = TypeVar("Fact")

OVERVIEW = TypeAdapter(Overview)
TENSOR = TypeAdapter(TensorReport)
CHECKPOINT = TypeAdapter(Checkpoint)
FACTS = TypeAdapter(tuple[ParameterFacts, ...])


def dump(fact: object) -> bytes:
    """JSON of a fact, a list of facts or plain data; NaN and infinity become null."""
    return orjson.dumps(fact)


def load(adapter: TypeAdapter[Fact], document: bytes) -> Fact:
    """The fact that `dump` wrote.

    Raises:
        pydantic.ValidationError: If the document is not of that form.
    """
    return adapter.validate_json(document)


def join(documents: Sequence[bytes]) -> bytes:
    """One JSON list of documents that are JSON already."""
    return b"[" + b",".join(documents) + b"]"
