"""The upload as read-only memory, and tensors as views into it."""

from __future__ import annotations

import mmap
import os
import stat
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from app.core.checkpoint import StoredTensor
from app.errors import EmptyFile, Malformed, NotACheckpoint
from app.readers.dtypes import ELEMENT_TYPES, reach, view_type

_MAX_AXES: Final = 64  # numpy's own limit


class Mapped:
    """A read-only map of an open file; the file must not change while it is mapped."""

    def __init__(self, descriptor: int) -> None:
        """Map the file behind `descriptor`, which stays open and in the caller's hands.

        Raises:
            EmptyFile: If it has no bytes.
            NotACheckpoint: If it is a folder, a pipe or a device.
        """
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise NotACheckpoint(first_bytes="nothing readable", reason="it is not a regular file.")
        if facts.st_size == 0:
            raise EmptyFile
        self.size = facts.st_size  # bytes
        self.data = mmap.mmap(descriptor, facts.st_size, prot=mmap.PROT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmap, unless a view is still held: then the map goes with the last view."""
        try:
            self.data.close()
        except BufferError:
            return

    def will_need(self, offset: int, length: int) -> None:
        """Ask for `length` bytes from `offset` to be read ahead."""
        self._advise("MADV_WILLNEED", offset, length)

    def done_with(self, offset: int, length: int) -> None:
        """Let `length` bytes from `offset` leave memory; they can be read again."""
        self._advise("MADV_DONTNEED", offset, length)

    def _advise(self, advice: str, offset: int, length: int) -> None:
        start = max(0, offset) // mmap.PAGESIZE * mmap.PAGESIZE
        end = min(self.size, offset + length)
        if hasattr(mmap, advice) and start < end:
            self.data.madvise(getattr(mmap, advice), start, end - start)


def value_dtype(tensor: StoredTensor) -> str:
    """The name under which `sketch` knows the form that `values` gives: "float32" for complex64."""
    return ELEMENT_TYPES[tensor.dtype].values


def values(mapped: Mapped, tensor: StoredTensor) -> np.ndarray[Any, np.dtype[np.generic]]:
    """The tensor's values as a read-only view into the file; nothing is copied.

    Returns:
        An array of the tensor's shape and strides. bfloat16 comes as uint16 patterns, 8-bit floats
        as uint8 patterns, complex numbers as their float parts on one more axis of 2. It may be
        unaligned.

    Raises:
        Malformed: If the tensor does not lie inside the file.
    """
    if tensor.dtype not in ELEMENT_TYPES:
        raise Malformed(format="checkpoint", reason=f"unknown dtype {tensor.dtype[:40]!r}.")
    element = ELEMENT_TYPES[tensor.dtype]
    axes = tuple(zip(tensor.shape, tensor.strides, strict=False))
    sound = len(tensor.shape) == len(tensor.strides) < _MAX_AXES and all(
        size >= 0 and stride >= 0 for size, stride in axes
    )
    length = reach(tensor.shape, tensor.strides) * element.itemsize if sound else 0
    if not sound or tensor.offset < 0 or tensor.offset + length > mapped.size:
        raise Malformed(format="checkpoint", reason="a tensor lies outside the file.")
    return _view(mapped, tensor)


def _view(mapped: Mapped, tensor: StoredTensor) -> np.ndarray[Any, np.dtype[np.generic]]:
    element = ELEMENT_TYPES[tensor.dtype]
    kind = view_type(tensor.dtype)
    shape, strides = tensor.shape, tuple(step * element.itemsize for step in tensor.strides)
    if element.parts > 1:
        shape, strides = (*shape, element.parts), (*strides, kind.itemsize)
    try:
        if 0 in shape:
            return np.empty(shape, kind)
        return np.ndarray(shape, kind, mapped.data, offset=tensor.offset, strides=strides)
    except (ValueError, OverflowError) as impossible:
        raise Malformed(format="checkpoint", reason="a tensor is too large.") from impossible
