"""torch's CPU generator and what its draws make of it: a seed's stream, anywhere, as values.

The generator is the Mersenne Twister, seeded as numpy seeds its RandomState. A float32 uniform is
the low 24 bits of one output. A normal tensor of 16 values and more takes one output a value, and
16 more where its size is no multiple of 16, from which its last 16 values are drawn again; a
smaller one takes two outputs for each double that Box and Muller ask for.

Source:
    torch 2.13: ATen/core/MT19937RNGEngine.h, TransformationHelper.h, DistributionsHelper.h and
    ATen/native/cpu/DistributionTemplates.h; compared bit for bit with torch in the tests.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.compiled import prepare
from app.core.seed_kernels import unit_normals

Words: TypeAlias = NDArray[np.uint32]
Reals: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[np.float32]
Drawn: TypeAlias = Literal["uniform", "normal", "small_normal"]  # how a tensor takes outputs

BLOCK: Final = 624 * 512  # outputs generated and kept together: 1.2 MiB
KEPT: Final = 8  # blocks in memory
TOGETHER: Final = 16  # values that normal_ draws at once
LOW24: Final = np.uint32(0xFFFFFF)


class Stream:
    """The outputs that follow `torch.manual_seed(seed)`, by their place.

    Memory is that of a few blocks, and 2.5 KB for each 319,488 outputs reached.
    """

    def __init__(self, seed: int) -> None:
        """Start at a seed, taken modulo 2**32 as torch takes it."""
        self.seed = seed % 2**32
        self._source = np.random.RandomState(self.seed)  # its seeding is torch's
        self._states: list[Any] = [self._source.get_state()]  # before each block
        self._blocks: OrderedDict[int, Words] = OrderedDict()

    def words(self, start: int, count: int) -> Words:
        """Outputs `start` to `start + count - 1`, all 32 bits."""
        first, last = start // BLOCK, (start + count - 1) // BLOCK
        parts = [self._block(number) for number in range(first, last + 1)]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        begin = start - first * BLOCK
        return joined[begin : begin + count]

    def digits(self, start: int, count: int) -> Words:
        """The low 24 bits of the same outputs."""
        return self.words(start, count) & LOW24

    def doubles(self, start: int, count: int) -> Reals:
        """Uniforms of 53 bits, two outputs each, from output `start` on."""
        words = self.words(start, 2 * count).astype(np.uint64)
        wide = (words[0::2] << np.uint64(32) | words[1::2]) & np.uint64(2**53 - 1)
        return wide.astype(np.float64) * 2.0**-53

    def _block(self, number: int) -> Words:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        block = np.empty(0, np.uint32)
        for reached in range(min(number, len(self._states) - 1), number + 1):
            self._source.set_state(self._states[reached])
            block = np.frombuffer(self._source.bytes(4 * BLOCK), "<u4").astype(np.uint32)
            if reached + 1 == len(self._states):
                self._states.append(self._source.get_state())
        self._blocks[number] = block
        if len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return block


def outputs_taken(count: int, drawn: Drawn) -> int:
    """How many outputs a tensor of `count` values takes."""
    match drawn:
        case "uniform":
            return count
        case "normal":
            return count + (TOGETHER if count % TOGETHER else 0)
        case "small_normal":
            return 4 * math.ceil(count / 2)


def uniform_values(digits: Words, *, low: float, high: float) -> Values:
    """What `uniform_(low, high)` makes of outputs' low 24 bits.

    Args:
        digits: Low 24 bits.
        low: A float32 number.
        high: A float32 number above it.
    """
    span = float(np.float32(high) - np.float32(low))
    return np.asarray(digits * (span * 2.0**-24) + low, np.float32)


def units(
    stream: Stream, offset: int, drawn: Drawn, *, count: int, part: slice, vector: bool = True
) -> Reals:
    """A part of a tensor before its law's location and scale: in [-1, 1), or unit normals.

    Args:
        stream: That it is drawn from.
        offset: Of its first output.
        drawn: How.
        count: Values in the whole tensor.
        part: Which of them; begins at a multiple of 16.
        vector: Whether torch ran with AVX2, which rounds normals in its own way.
    """
    size = part.stop - part.start
    match drawn:
        case "uniform":
            digits = stream.digits(offset + part.start, size)
            return np.asarray(digits * 2.0**-23 - 1.0, np.float64)
        case "normal":
            return _normals(stream, offset, count=count, part=part, vector=vector)
        case "small_normal":
            return _pairs(stream, offset, count)[part]


def _normals(stream: Stream, offset: int, *, count: int, part: slice, vector: bool) -> Reals:
    whole = count // TOGETHER * TOGETHER
    stop = min(math.ceil(part.stop / TOGETHER) * TOGETHER, whole)
    blocks = _boxed(stream.digits(offset + part.start, stop - part.start), vector=vector)
    found = np.zeros(part.stop - part.start)
    kept = min(blocks.size, found.size)
    found[:kept] = blocks[:kept]
    again = count - TOGETHER  # the last 16 are drawn anew where a block would be cut short
    if count % TOGETHER and part.stop > again:
        last = _boxed(stream.digits(offset + count, TOGETHER), vector=vector)
        begin = max(again, part.start)
        found[begin - part.start :] = last[begin - again : part.stop - again]
    return found


def _boxed(digits: Words, *, vector: bool) -> Reals:
    prepare()
    values = np.empty(digits.size, np.float32)
    unit_normals(np.ascontiguousarray(digits), vector, values)
    return values.astype(np.float64)


def _pairs(stream: Stream, offset: int, count: int) -> Reals:
    pairs = math.ceil(count / 2)
    uniforms = stream.doubles(offset, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log1p(-uniforms[1::2]))
    angle = 2.0 * math.pi * uniforms[0::2]
    found = np.empty(2 * pairs)
    found[0::2], found[1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return found[:count]
