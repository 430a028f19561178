"""Fresh values of one parameter: drawn by its law, from a stream of its own."""

from __future__ import annotations

import hashlib
from typing import assert_never

import torch

from app.core.blocks import Block
from app.core.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
)
from app.core.patterns import Diagonal, Sparse

SPARSITY = 0.1  # share of zeros in a column, as in torch's own example of sparse_


def stream(seed: int, *names: object) -> torch.Generator:
    """A generator for one thing of one network, whatever was drawn before it.

    Any block of a network can so be drawn again, alone and in any order.

    Args:
        seed: Of the network.
        names: Of the thing: a parameter's name, an input's and its replica's.
    """
    return torch.Generator().manual_seed(stream_seed(seed, *names))


def stream_seed(seed: int, *names: object) -> int:
    """The seed of a thing's own stream, below 2³²: torch's generator has no more."""
    text = "\0".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


def draw(law: Distribution, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Float32 values of a law on the CPU.

    Args:
        law: Of the whole tensor.
        shape: Its shape.
        generator: On the CPU.
    """
    values = torch.empty(shape, dtype=torch.float32)
    init = torch.nn.init
    match law:
        case Uniform() | PositiveUniform():
            return values.uniform_(law.low, law.bound, generator=generator)
        case Normal():
            return values.normal_(0.0, law.std, generator=generator)
        case TruncatedNormal():
            low, high = -law.bound, law.bound
            return init.trunc_normal_(values, 0.0, law.parent, low, high, generator=generator)
        case Constant():
            return values.fill_(law.value)
        case Orthogonal():
            return init.orthogonal_(values, law.gain, generator=generator)
        case Diagonal():
            return init.eye_(values) if law.law == "identity" else init.dirac_(values)
        case Sparse():
            return init.sparse_(values, SPARSITY, law.std, generator=generator)
        case _:
            assert_never(law)


def draw_blocks(
    laws: tuple[tuple[Block, Distribution], ...], shape: tuple[int, ...], generator: torch.Generator
) -> torch.Tensor:
    """Float32 values of a packed tensor, each block by a law of its own."""
    values = torch.empty(shape, dtype=torch.float32)
    for block, law in laws:
        values[block.index] = draw(law, block.shape(shape), generator)
    return values
