"""A sketch as bytes: what comes back is the same, and hostile bytes are refused."""

import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.cells import Cells
from app.core.packing import MAGIC
from app.core.sketch import Sketch, sketch

RNG = np.random.default_rng(11)
GAUSS = RNG.normal(0.0, 0.02, 50_000).astype(np.float32)
KINDS = {
    "gauss": sketch(GAUSS, dtype="float32", limit=0.05),
    "no limit": sketch(GAUSS.astype(np.float16), dtype="float16"),
    "empty": sketch(GAUSS[:0], dtype="float32"),
    "only NaN": sketch(np.full(9, np.nan), dtype="float64", limit=1.0),
    "huge": sketch(RNG.normal(0, 1e250, 5000), dtype="float64"),
    "one": sketch(np.array(7), dtype="int64"),
}
GOOD = KINDS["gauss"]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_come_back_as_the_same_sketch(kind: str) -> None:
    found = Sketch.from_bytes(KINDS[kind].to_bytes())
    same = ("dtype", "count", "nan", "zeros", "minimum", "maximum", "limit", "below", "above")
    for name in (*same, "low_bits", "moments", "std", "kurtosis"):
        assert getattr(found, name) == getattr(KINDS[kind], name)
    for name in ("low", "high", "counts"):
        assert np.array_equal(getattr(found.cells, name), getattr(KINDS[kind].cells, name))


def test_a_large_tensor_takes_little_room() -> None:
    # About 2,300 of the 65,536 cells are taken; a count is 1 to 3 bytes and an end 1 or 2.
    assert len(GOOD.to_bytes()) < 12_000


def cells(low: list[float], high: list[float], counts: list[int]) -> Cells:
    return Cells(low=np.array(low), high=np.array(high), counts=np.array(counts, np.int64))


FOUR = sketch(np.array([1.0, 2.0, 3.0, 4.0]), dtype="float64", limit=3.5)
LIES = {
    "unknown dtype": replace(FOUR, dtype="float12"),
    "negative count": replace(FOUR, count=-1),
    "more NaN than values": replace(FOUR, nan=5),
    "more zeros than values": replace(FOUR, zeros=5),
    "negative zeros": replace(FOUR, zeros=-1),
    "more outside than values": replace(FOUR, below=3, above=2),
    "outside of no limit": replace(FOUR, limit=None),
    "negative limit": replace(FOUR, limit=-1.0),
    "infinite limit": replace(FOUR, limit=np.inf),
    "infinite mean": replace(FOUR, moments=replace(FOUR.moments, mean=np.inf)),
    "mean outside": replace(FOUR, moments=replace(FOUR.moments, mean=5.0)),
    "NaN sum": replace(FOUR, moments=replace(FOUR.moments, m3=np.nan)),
    "negative variance": replace(FOUR, moments=replace(FOUR.moments, m2=-1.0)),
    "unit out of range": replace(FOUR, moments=replace(FOUR.moments, exponent=10**6)),
    "no cells": replace(FOUR, cells=cells([], [], [])),
    "fewer in cells": replace(FOUR, cells=cells([1, 4], [1, 4], [2, 1])),
    "sum that wraps": replace(FOUR, cells=cells([1, 2, 4], [1, 2, 4], [2**62, 2**62, 2**62])),
    "cell of none": replace(FOUR, cells=cells([1, 2, 4], [1, 2, 4], [2, 0, 2])),
    "descending cells": replace(FOUR, cells=cells([1, 3, 2, 4], [1, 3, 2, 4], [1, 1, 1, 1])),
    "overlapping cells": replace(FOUR, cells=cells([1, 2], [2, 4], [2, 2])),
    "inverted cell": replace(FOUR, cells=cells([1, 3, 4], [1, 2, 4], [1, 2, 1])),
    "NaN cell": replace(FOUR, cells=cells([1, np.nan, 4], [1, np.nan, 4], [1, 2, 1])),
    "cells beyond the maximum": replace(FOUR, cells=cells([1, 5], [1, 5], [2, 2])),
    "a maximum without values": replace(FOUR, count=0, cells=cells([], [], [])),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_sketch_that_contradicts_itself_is_refused(lie: str) -> None:
    with pytest.raises(ValueError, match="this is no sketch"):
        Sketch.from_bytes(LIES[lie].to_bytes())


BODY = zlib.decompress(FOUR.to_bytes()[len(MAGIC) :])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        MAGIC,
        MAGIC + b"not deflated",
        FOUR.to_bytes()[:-3],
        FOUR.to_bytes() + b"more",
        MAGIC + zlib.compress(b""),
        MAGIC + zlib.compress(BODY[:50]),
        MAGIC + zlib.compress(BODY[:-1]),
        MAGIC + zlib.compress(BODY + bytes(24)),
        MAGIC + zlib.compress(BODY[: -96 - 8] + struct.pack("<q", -4) + BODY[-96:]),
        MAGIC + zlib.compress(BODY[: -96 - 8] + struct.pack("<q", 2**62) + BODY[-96:]),
    ],
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|damaged"):
        Sketch.from_bytes(data)


def test_a_bomb_is_stopped_at_the_largest_sketch() -> None:
    bomb = MAGIC + zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    with pytest.raises(ValueError, match="damaged"):
        Sketch.from_bytes(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120_000_000  # a sketch is at most 25 MB; zlib's buffer doubles as it grows


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_bytes_give_a_sketch_or_a_value_error(data: st.DataObject) -> None:
    body = bytearray(BODY)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Sketch.from_bytes(MAGIC + zlib.compress(bytes(body)))
    except ValueError:
        return
    shape = (found.std, found.skewness, found.kurtosis, found.second_moment)
    assert all(number is None or np.isfinite(number) for number in shape)
    assert found.quantile(0.5) is None or found.minimum <= found.quantile(0.5) <= found.maximum
