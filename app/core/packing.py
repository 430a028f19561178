"""A sketch's fields as bytes and back; bytes from anywhere are checked before they are believed."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TypedDict, cast

import numpy as np

from app.core.cells import Cells
from app.core.moments import Moments
from app.core.storage import WIDTH

MAGIC = b"sketch/1"
MOST_CELLS = 2**20  # a float64 tensor has at most 524,288 coarse and 8192 fine cells
MEAN_SLACK = 2.0**-50  # the mean of nearly equal values may round to just outside of them

_INTEGERS = ("count", "nan", "posinf", "neginf", "zeros", "below", "above")
_EXTREMES = ("minimum", "maximum", "limit")  # NaN stands for None
_MOMENTS = ("mean", "mean_low", "m2", "m3", "m4")
_HEADER = struct.Struct("<16s7qQ8dqq")
_ROW = 24  # bytes of one cell: two floats and a count


class Fields(TypedDict):
    """The fields of a Sketch."""

    dtype: str
    count: int
    nan: int
    posinf: int
    neginf: int
    zeros: int
    minimum: float | None
    maximum: float | None
    limit: float | None
    below: int
    above: int
    low_bits: int
    moments: Moments
    cells: Cells


def pack(fields: Fields) -> bytes:
    """The fields, compressed; equal fields give equal bytes.

    Raises:
        ValueError: If there are more than 2²⁰ cells.
    """
    cells, moments = fields["cells"], fields["moments"]
    if cells.counts.size > MOST_CELLS:
        raise ValueError(f"expected at most {MOST_CELLS} cells, got {cells.counts.size}")
    extremes = (fields["minimum"], fields["maximum"], fields["limit"])
    counted = (fields["count"], fields["nan"], fields["posinf"], fields["neginf"])
    header = _HEADER.pack(
        fields["dtype"].encode(),
        *(*counted, fields["zeros"], fields["below"], fields["above"]),
        fields["low_bits"],
        *(math.nan if value is None else value for value in extremes),
        *(moments.mean, moments.mean_low, moments.m2, moments.m3, moments.m4),
        *(moments.exponent, cells.counts.size),
    )
    # Byte planes: the exponents of neighbouring cells lie beside each other and compress well.
    rows = np.stack((cells.low.view(np.int64), cells.high.view(np.int64), cells.counts), axis=1)
    planes = rows.astype("<i8").view(np.uint8).reshape(-1, _ROW).T
    return MAGIC + zlib.compress(header + planes.tobytes(), 6)


def unpack(data: bytes) -> Fields:
    """The fields that `pack` wrote.

    Raises:
        ValueError: If the bytes are not a sketch, or say things that no sketch can.
    """
    body = _decompressed(data)
    if len(body) < _HEADER.size:
        raise ValueError(f"expected a header of {_HEADER.size} bytes, got {len(body)}")
    name, *numbers = _HEADER.unpack_from(body)
    integers, low_bits, reals = numbers[:7], numbers[7], numbers[8:16]
    exponent, size = numbers[16:]
    named = dict(zip(_INTEGERS, integers, strict=True))
    values = dict(zip((*_EXTREMES, *_MOMENTS), reals, strict=True))
    finite = named["count"] - named["nan"] - named["posinf"] - named["neginf"]
    extremes = {key: None if math.isnan(values[key]) else values[key] for key in _EXTREMES}
    moments = Moments(count=finite, exponent=exponent, **{key: values[key] for key in _MOMENTS})
    found = {
        "dtype": name.rstrip(b"\0").decode("ascii", "replace"),
        **named,
        **extremes,
        "low_bits": low_bits,
        "moments": moments,
        "cells": _cells(body[_HEADER.size :], size),
    }
    fields = cast("Fields", found)
    _check_counts(fields)
    _check_moments(fields)
    _check_cells(fields)
    return fields


def _decompressed(data: bytes) -> bytes:
    if not data.startswith(MAGIC):
        raise ValueError(f"expected a sketch that starts with {MAGIC!r}, got {data[:8]!r}")
    machine = zlib.decompressobj()
    try:
        body = machine.decompress(data[len(MAGIC) :], _HEADER.size + _ROW * MOST_CELLS)
    except zlib.error as error:
        raise ValueError(f"the sketch is damaged: {error}") from None
    if not machine.eof or machine.unused_data:
        raise ValueError("the sketch is damaged: it does not end where it says")
    return body


def _cells(planes: bytes, size: int) -> Cells:
    if len(planes) != size * _ROW:
        raise ValueError(f"expected {size} cells of {_ROW} bytes, got {len(planes)} bytes")
    rows = np.frombuffer(planes, np.uint8).reshape(_ROW, -1).T.copy().view("<i8").astype(np.int64)
    return Cells(
        low=rows[:, 0].copy().view(np.float64),
        high=rows[:, 1].copy().view(np.float64),
        counts=rows[:, 2].copy(),
    )


def _require(claim: object, what: str) -> None:
    if not claim:
        raise ValueError(f"this is no sketch: expected {what}")


def _check_counts(fields: Fields) -> None:
    finite = fields["moments"].count
    _require(fields["dtype"] in WIDTH, "a known dtype")
    for count in (fields["count"], fields["nan"], fields["posinf"], fields["neginf"], finite):
        _require(count >= 0, "counts of at least 0")
    for count in (fields["zeros"], fields["below"] + fields["above"]):
        _require(count <= finite, "no more zeros and values outside than finite values")
    for count in (fields["zeros"], fields["below"], fields["above"]):
        _require(count >= 0, "counts of at least 0")
    limit = fields["limit"]
    _require(limit is None or 0.0 <= limit < math.inf, "a limit that is a half-width")
    _require(limit is not None or fields["below"] == fields["above"] == 0, "a limit to exceed")


def _check_moments(fields: Fields) -> None:
    moments = fields["moments"]
    numbers = (moments.mean, moments.mean_low, moments.m2, moments.m3, moments.m4)
    _require(all(map(math.isfinite, numbers)), "finite moments")
    _require(moments.m2 >= 0.0 and moments.m4 >= 0.0, "even central sums of at least 0")
    _require(moments.count > 0 or not any(numbers), "no moments of no values")
    _require(abs(moments.exponent) <= 1100, "an exponent of float64")


def _check_cells(fields: Fields) -> None:
    cells, ends = fields["cells"], (fields["minimum"], fields["maximum"])
    if fields["moments"].count == 0:
        _require(ends == (None, None) and cells.counts.size == 0, "no cells of no values")
        return
    _require(cells.counts.size, "cells")
    _require(np.isfinite(cells.low).all() and np.isfinite(cells.high).all(), "finite cells")
    ordered = (cells.low <= cells.high).all() and (cells.high[:-1] < cells.low[1:]).all()
    _require(ordered, "ascending, disjoint cells")
    first, last = float(cells.low[0]), float(cells.high[-1])
    _require(ends == (first, last), "cells from the smallest to the largest value")
    _require((cells.counts > 0).all(), "a value in every cell")
    _require(sum(cells.counts.tolist()) == fields["moments"].count, "cells of all finite values")
    slack = MEAN_SLACK * max(abs(first), abs(last))
    mean = fields["moments"].mean
    _require(first - slack <= mean <= last + slack, "a mean within the values")
