"""A person's batch of inputs: a .npy file, or a tensor of a .safetensors file."""

from __future__ import annotations

import io
import tokenize
from typing import Final

from numpy.lib import format as npy

from app.core.checkpoint import StoredTensor
from app.errors import NotAnInput, Truncated
from app.readers.dtypes import contiguous_strides, element_count
from app.readers.mapped import Mapped
from app.readers.safetensors import read_safetensors

MAGIC: Final = b"\x93NUMPY"
WRONG: Final = (  # what numpy's header reader raises, which takes headers of Python 2 apart, too
    *(ValueError, KeyError, TypeError, SyntaxError, tokenize.TokenError),
    *(RecursionError, MemoryError),
)
NAME: Final = "input"  # of the tensor that is taken where a file holds several
HEADER_BYTES: Final = 10_000  # numpy's own limit for files nobody vouches for
READERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
DTYPES: Final = frozenset(
    {"float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"}
)


def read_batch(mapped: Mapped) -> StoredTensor:
    """Where the inputs lie in a file, and their shape.

    Returns:
        The one array of a .npy file; of a .safetensors file the tensor named "input", or its only
        one.

    Raises:
        NotAnInput: If it is neither, or holds no numbers.
        Truncated: If it ends before its last value.
        Malformed: If it is a safetensors file that makes no sense.
    """
    if mapped.data[: len(MAGIC)] == MAGIC:
        return _npy(mapped)
    if mapped.data[8:9] != b"{":
        raise NotAnInput(expected="a .npy or .safetensors file", got="another kind of file")
    tensors = read_safetensors(mapped).tensors
    chosen = [one for one in tensors if one.name == NAME] or list(tensors)
    if len(chosen) > 1:
        raise NotAnInput(expected=f"one tensor, or one named {NAME}", got=f"{len(chosen)} tensors")
    return chosen[0]


def _npy(mapped: Mapped) -> StoredTensor:
    head = io.BytesIO(mapped.data[: HEADER_BYTES + 16])
    try:
        version = npy.read_magic(head)
        shape, by_columns, dtype = READERS[version](head, max_header_size=HEADER_BYTES)
    except WRONG as wrong:
        raise NotAnInput(expected="a .npy header", got="one that makes no sense") from wrong
    name = dtype.newbyteorder("=").name
    if any(size < 0 for size in shape):
        raise NotAnInput(expected="a shape of sizes from 0", got=str(shape)[:80])
    if dtype.byteorder == ">" or name not in DTYPES or dtype.hasobject:
        raise NotAnInput(expected="little-endian numbers", got=f"values of dtype {dtype.str[:20]}")
    offset, end = head.tell(), head.tell() + element_count(shape) * dtype.itemsize
    if end > mapped.size:
        raise Truncated(expected=f"{end:,} bytes", found=f"{mapped.size:,}")
    strides = contiguous_strides(shape[::-1])[::-1] if by_columns else contiguous_strides(shape)
    return StoredTensor(
        index=0, name=NAME, group="", dtype=name, shape=shape, strides=strides, offset=offset
    )
