"""One read of a tensor in the order of its axes: its digest, the sums of its rows and columns."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core import matrix_kernels as kernels
from app.core.chunks import flat, pieces
from app.core.compiled import prepare
from app.core.matrix import MatrixFacts, Sums
from app.core.storage import pattern_values

BLOCK = 2**16  # values read at a time: 256 KiB of float32 stay in the second-level cache
MOST_LINES = 2**20  # rows, or columns, up to which each has sums of its own
_FLOATS = frozenset({"float32", "float64", "float16", "bfloat16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one read of a tensor's values in their order gives."""

    digest: str
    matrix: MatrixFacts | None  # None for one axis, and where there are more lines than MOST_LINES


def read(values: np.ndarray, *, dtype: str, count_zeros: bool) -> Reading:
    """The digest of a tensor, and the sums of its rows and columns.

    At most one block of values is ever copied.

    Args:
        values: Any shape and strides, in the form that `sketch` takes; all finite, or the sums
            are not taken.
        dtype: torch's name of the storage dtype.
        count_zeros: Whether exact zeros are counted too, which takes longer.
    """
    prepare()
    summed = _is_matrix(values, dtype)
    sums = _Summing(values.shape, zeros=count_zeros) if summed else None
    state = np.arange(kernels.LANES, dtype=np.uint64)
    for block in _blocks(values, summed=summed):
        row = flat(block)
        kernels.fold(_words(row), state)
        if sums is not None:
            sums.add(reals(row, dtype, wide=False))
    about = f"{dtype}{tuple(values.shape)}".encode()
    digest = hashlib.blake2b(about + state.tobytes(), digest_size=8).hexdigest()
    return Reading(digest=digest, matrix=sums.facts() if sums is not None else None)


def _is_matrix(values: np.ndarray, dtype: str) -> bool:
    if values.ndim < 2 or values.size == 0 or 0 in values.strides:
        return False
    rows = values.shape[0]
    floating = dtype in _FLOATS or dtype.startswith(("float8_e4", "float8_e5"))
    return floating and max(rows, values.size // rows) <= MOST_LINES


def _blocks(values: np.ndarray, *, summed: bool) -> Iterator[np.ndarray]:
    """Whole rows where they are summed, else any pieces; always the same for one shape."""
    if not summed:
        yield from pieces(values, BLOCK)
        return
    step = max(1, BLOCK * values.shape[0] // values.size)
    for start in range(0, values.shape[0], step):
        yield values[start : start + step]


def _words(row: np.ndarray) -> np.ndarray:
    """The bytes of a row as 64-bit words, zeros behind the last."""
    data = row.view(np.uint8)
    if data.size % 8 == 0 and data.ctypes.data % 8 == 0:
        return data.view(np.uint64)
    words = np.zeros(-(-data.size // 8), np.uint64)
    words.view(np.uint8)[: data.size] = data
    return words


def reals(row: np.ndarray, dtype: str, *, wide: bool) -> np.ndarray:
    """The values of a row of finite values as floats.

    Args:
        row: In the form that `sketch` takes.
        dtype: torch's name of the storage dtype.
        wide: float64 always; else float32 where it holds every value.
    """
    if wide or dtype == "float64":
        narrow = row.dtype.kind == "u" or row.dtype.itemsize < 4
        exact = pattern_values(dtype)[row.view(f"u{row.itemsize}")] if narrow else row
        return np.asarray(exact, dtype=np.float64)
    if dtype == "float32":
        return row
    if dtype not in _FLOATS:
        table: np.ndarray = pattern_values(dtype).astype(np.float32)
        return np.take(table, row)
    loop = kernels.widen_bfloat16 if dtype == "bfloat16" else kernels.widen_float16
    wider = np.empty(row.size, np.uint32)
    loop(row.view(np.uint16), wider)
    values = wider.view(np.float32)
    if dtype == "float16":
        values *= np.float32(2.0**112)
    return values


class _Summing:
    def __init__(self, shape: Sequence[int], *, zeros: bool) -> None:
        rows = shape[0]
        columns = math.prod(shape) // rows
        self._rows = (np.zeros(rows), np.zeros(rows))
        self._columns = (np.zeros(columns), np.zeros(columns))
        self._zeros = (np.zeros(rows, np.int64), np.zeros(columns, np.int64)) if zeros else None
        self._done = 0

    def add(self, values: np.ndarray) -> None:
        """Sum the next whole rows."""
        columns = self._columns[0].size
        part = slice(self._done, self._done + values.size // columns)
        loop = kernels.add32 if values.dtype == np.float32 else kernels.add64
        loop(values, (self._rows[0][part], self._rows[1][part]), self._columns)
        if self._zeros is not None:
            none = values.reshape(-1, columns) == 0
            self._zeros[0][part] = np.count_nonzero(none, axis=1)
            self._zeros[1][:] += np.count_nonzero(none, axis=0)
        self._done = part.stop

    def facts(self) -> MatrixFacts | None:
        sides = (self._rows, self._columns)
        if not all(np.isfinite(sums).all() for side in sides for sums in side):
            return None
        row_zeros, column_zeros = self._zeros if self._zeros is not None else (None, None)
        return MatrixFacts(
            row=Sums(total=self._rows[0], squares=self._rows[1], zeros=row_zeros),
            column=Sums(total=self._columns[0], squares=self._columns[1], zeros=column_zeros),
        )


def chosen(values: np.ndarray, dtype: str, *, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Some rows of a tensor of 2 axes or more as a float64 matrix."""
    part = values[np.asarray(rows, dtype=np.intp)]
    return reals(flat(part), dtype, wide=True).reshape(len(part), -1)


def chosen_columns(values: np.ndarray, dtype: str, *, columns: np.ndarray) -> np.ndarray:
    """Some columns of a tensor, flattened to its rows, as the rows of a float64 matrix."""
    places = np.unravel_index(columns, values.shape[1:])
    index: tuple[Any, ...] = (slice(None), *places)
    part = values[index]
    return reals(flat(part), dtype, wide=True).reshape(values.shape[0], -1).T
