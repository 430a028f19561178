"""Tensors drawn by a law, and the ways in which they are moved away from initialisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from app.core.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    Placed,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
)
from app.core.patterns import Sparse

STORED = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "bfloat16 native": torch.bfloat16,
    "float16 native": torch.float16,
    "float32 from bfloat16": torch.bfloat16,
    "float32 from float16": torch.float16,
}
MOST_ORTHOGONAL = 10**6  # values of an orthogonal matrix, whose decomposition takes its time


def drawn(law: Distribution, shape: tuple[int, ...], storage: str) -> torch.Tensor:
    """A tensor of the law, drawn in its storage dtype where that is native, else rounded to it."""
    native = storage.endswith("native")
    values = torch.empty(shape, dtype=STORED[storage] if native else torch.float32)
    match law:
        case Uniform():
            values.uniform_(-law.bound, law.bound)
        case Normal():
            values.normal_(0.0, law.std)
        case TruncatedNormal():
            torch.nn.init.trunc_normal_(
                values, std=law.parent, a=-law.cut * law.parent, b=law.cut * law.parent
            )
        case PositiveUniform():
            values.uniform_(0.0, law.bound)
        case _:
            values = _placed(law, shape)
    return stored(values, storage)


def _placed(law: Placed, shape: tuple[int, ...]) -> torch.Tensor:
    values = torch.empty(shape)
    match law:
        case Constant():
            return values.fill_(law.value)
        case Orthogonal():
            return torch.nn.init.orthogonal_(values, gain=law.gain)
        case Sparse():
            return torch.nn.init.sparse_(values, sparsity=0.3, std=law.std)
        case _:
            return torch.nn.init.eye_(values) if len(shape) == 2 else torch.nn.init.dirac_(values)


def stored(values: torch.Tensor, storage: str) -> torch.Tensor:
    """The values as this storage holds them."""
    kept = values.to(STORED[storage])
    return kept.float() if storage.startswith("float32") else kept


def low_rank(w: torch.Tensor) -> torch.Tensor:
    """A step of rank 1, a fifth of the weights' norm."""
    flat = w.reshape(w.shape[0], -1)
    step = torch.randn(flat.shape[0], 1) @ torch.randn(1, flat.shape[1])
    return (flat + 0.2 * flat.norm() / step.norm() * step).reshape(w.shape)


def student(w: torch.Tensor) -> torch.Tensor:
    """Heavy-tailed noise, a twentieth of the weights' norm."""
    noise = _student(w, 3.0)
    return w + 0.05 * w.norm() / noise.norm() * noise


def _student(w: torch.Tensor, freedom: float) -> torch.Tensor:
    return torch.distributions.StudentT(torch.tensor(freedom)).sample(w.shape)


def _spread(values: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Values rescaled to the weights' root mean square."""
    return values * (w.pow(2).mean() / values.pow(2).mean()).sqrt()


def mixed(w: torch.Tensor) -> torch.Tensor:
    """A narrow and a wide normal of the same spread together, as of two layers in one tensor."""
    wide = torch.rand(w.shape) < 0.5
    return _spread(torch.randn(w.shape) * torch.where(wide, 1.5, 0.5), w)


def rows_rescaled(w: torch.Tensor) -> torch.Tensor:
    """Every unit's weights times a factor of its own, 20 % about 1."""
    return w * (1 + 0.2 * torch.randn(w.shape[0], *[1] * (w.dim() - 1))).abs()


def clipped(w: torch.Tensor) -> torch.Tensor:
    """A normal of the weights' spread, clipped at two standard deviations."""
    spread = float(w.pow(2).mean().sqrt())
    return (torch.randn(w.shape) * spread).clamp(-2 * spread, 2 * spread)


def pruned(w: torch.Tensor) -> torch.Tensor:
    """The smallest tenth of the weights set to zero."""
    edge = w.abs().flatten().kthvalue(max(1, w.numel() // 10)).values
    return torch.where(w.abs() <= edge, 0.0, w)


def one_step(w: torch.Tensor) -> torch.Tensor:
    """One SGD step of a batch of 32: rank 32, one percent of the weights' norm."""
    flat = w.reshape(w.shape[0], -1)
    step = torch.randn(flat.shape[0], 32) @ torch.randn(32, flat.shape[1])
    return (flat + 0.01 * flat.norm() / step.norm() * step).reshape(w.shape)


MOVED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "clipped normal": clipped,
    "init + 20 % low rank": low_rank,
    "init + 5 % student": student,
    "init + 20 % gaussian": lambda w: w + 0.2 * w.pow(2).mean().sqrt() * torch.randn(w.shape),
    "laplace": lambda w: _spread(torch.distributions.Laplace(0.0, 1.0).sample(w.shape), w),
    "two normals": mixed,
    "rows rescaled": rows_rescaled,
    "student 4": lambda w: _spread(_student(w, 4.0), w),
    "shrunk 1 %": lambda w: 0.99 * w,
    "pruned 10 %": pruned,
    "one SGD step": one_step,
    "mean moved 10 %": lambda w: w + 0.1 * w.pow(2).mean().sqrt(),
}
UNLISTED: dict[str, Distribution] = {
    "unlisted uniform": Uniform(bound=math.sqrt(3)),
    "unlisted normal": Normal(std=1.0),
}
