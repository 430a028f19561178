"""What a checkpoint file holds, as plain facts: no bytes, no framework types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None
Attribute: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor and where its bytes lie in the file.

    Every supported format stores values uncompressed, so a tensor is fully described by dtype,
    shape, strides and the absolute byte offset of its first element.
    """

    index: int
    name: str  # original, hostile text; lone surrogates already replaced
    group: str  # "" for the model itself, else "optimizer", "ema", ... (path of the container)
    dtype: str  # torch's name without the prefix: "float32", "bfloat16", "float8_e4m3fn", ...
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # elements
    offset: int  # bytes from the start of the file to element 0
    parameter: bool | None = None  # False for a buffer, None when the file does not say
    alias_of: int | None = None  # index of an earlier tensor over exactly the same elements
    note: str | None = None  # "sparse values", "packed weights", ...: why it is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRecord:
    """A module of a pickled whole model: its class and its plain attributes, never code."""

    path: str  # "" for the root, else "encoder.layers.0.linear1"
    class_name: str  # "torch.nn.modules.linear.Linear"
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The table of contents of one file."""

    format: str  # "torch zip", "torch legacy", "safetensors"
    tensors: tuple[StoredTensor, ...]
    modules: tuple[ModuleRecord, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)  # plain scalars found beside the tensors
    globals: tuple[str, ...] = ()  # names a pickle asks for; listed, never imported
    notes: tuple[str, ...] = ()  # sentences for the person: "read from the key 'state_dict'"


Certainty: TypeAlias = Literal["confirmed", "inferred", "unknown"]
