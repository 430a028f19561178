"""A tensor of any strides as a stream of bounded one-dimensional pieces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK = 2**22  # values; the only copy ever made of a tensor is one chunk of it


def memory_order(values: np.ndarray) -> tuple[np.ndarray, int]:
    """The tensor's elements in the order of their addresses, and how often each is repeated.

    Axes are sorted by stride and merged where they can be, so a transposed or channels_last
    tensor is one contiguous piece again. Axes of stride 0, which repeat, are left out.

    Returns:
        A view that repeats nothing, and the number of times each of its elements counts.
    """
    if values.flags.c_contiguous:
        return values.reshape(-1), 1
    repeats = 1
    for size, stride in zip(values.shape, values.strides, strict=True):
        repeats *= size if stride == 0 else 1
    kept = np.asarray(values[tuple(slice(None) if stride else 0 for stride in values.strides)])
    order = np.argsort([-stride for stride in kept.strides], kind="stable")
    ordered = kept.transpose(order) if kept.ndim else kept.reshape(1)
    return (ordered.reshape(-1) if ordered.flags.c_contiguous else ordered), repeats


def pieces(values: np.ndarray, size: int = CHUNK) -> Iterator[np.ndarray]:
    """Views that together hold every element once, none of more than `size` elements."""
    if values.size == 0:
        return
    if values.size <= size:
        yield values
        return
    row = values.size // values.shape[0]
    if row > size:
        for part in values:
            yield from pieces(part, size)
        return
    rows = size // row
    for start in range(0, values.shape[0], rows):
        yield values[start : start + rows]


def flat(piece: np.ndarray) -> np.ndarray:
    """The piece as one aligned, contiguous row; a copy only if it is not one already."""
    row = piece.reshape(-1)
    return row if row.flags.aligned and row.flags.c_contiguous else row.copy()
