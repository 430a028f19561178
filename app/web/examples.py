"""Example checkpoints, drawn when they are asked for and analysed like any upload."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import orjson

from app.errors import NotFound

CHUNK_BYTES = 2**20
SEED = 20  # fixed: the same bytes, so the same address, each time
WIDTHS = (784, 512, 512, 512, 10)
DEAD_LAYER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A checkpoint that shows what a report looks like."""

    name: str  # in its address
    file: str
    title: str
    about: str
    draw: Callable[[], bytes]


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """A safetensors file of float32 tensors.

    Source:
        The format's own description: u64 header length, JSON header, then the values.
    """
    header: dict[str, object] = {}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        shape = list(tensor.shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)  # values start on a multiple of 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, *map(_bytes, tensors.values())])


def mlp(*, dead: bool) -> bytes:
    """A four-layer perceptron as torch.nn.Linear draws it, or with one weight left at zero."""
    draws = np.random.Generator(np.random.PCG64(SEED))
    tensors: dict[str, np.ndarray] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(WIDTHS)):
        bound = 1 / math.sqrt(fan_in)  # torch.nn.Linear.reset_parameters, weight and bias
        place = f"layers.{2 * layer}"  # every second place is an activation
        zero = dead and layer == DEAD_LAYER
        tensors[f"{place}.weight"] = _uniform(draws, 0 if zero else bound, (fan_out, fan_in))
        tensors[f"{place}.bias"] = _uniform(draws, bound, (fan_out,))
    return safetensors(tensors)


def find(name: str) -> Example:
    """The example of this name.

    Raises:
        NotFound: If there is none.
    """
    for example in EXAMPLES:
        if example.name == name:
            return example
    raise NotFound(what="example")


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """A file's bytes in the pieces that an upload comes in."""
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]


def _uniform(draws: np.random.Generator, bound: float, shape: tuple[int, ...]) -> np.ndarray:
    return ((2 * draws.random(shape, dtype=np.float32) - 1) * np.float32(bound)).astype("<f4")


def _bytes(tensor: np.ndarray) -> bytes:
    return tensor.tobytes()


def _fresh() -> bytes:
    return mlp(dead=False)


def _dead() -> bytes:
    return mlp(dead=True)


EXAMPLES = (
    Example(
        name="mlp",
        file="example-mlp.safetensors",
        title="A fresh 4-layer MLP",
        about="drawn here as torch.nn.Linear would",
        draw=_fresh,
    ),
    Example(
        name="mlp-dead",
        file="example-mlp-dead-layer.safetensors",
        title="The same with a dead layer",
        about="one weight is all zeros",
        draw=_dead,
    ),
)
