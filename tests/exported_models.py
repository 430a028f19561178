"""Small networks of every well-known shape, and their exported programs."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.exported_pictures import ConvNext, DenseNet, MobileNet, ResNet18, Swin, UNet, ViT
from tests.exported_sequences import GPT, Encoder, Recurrent

torch.set_num_threads(1)


class Writer(nn.Module):
    """Writes into views of memory in every way that is understood; owns bare parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4))
        self.kernel = nn.Parameter(torch.randn(3, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.w)
        middle, flat = y[:, 1:5], y.view(-1)
        y[:, 0] = 1
        middle.mul_(2)
        y.t()[2].add_(y.sum())
        y.permute(1, 0).clamp_(max=3.0)
        flat[-1] = 7.0
        with torch.no_grad():
            steps = torch.arange(6, device=x.device) * 0.5
        return F.conv1d((y + steps + middle.mean()).unsqueeze(1), self.kernel)


@dataclass(frozen=True)
class Sample:
    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]


def _pictures(channels: int = 3, size: int = 32, batch: int = 2) -> Callable[[], tuple[Tensor]]:
    return lambda: (torch.randn(batch, channels, size, size),)


def _tokens() -> tuple[Tensor]:
    return (torch.randint(0, 11, (2, 7)),)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Tanh(),
                         nn.Linear(8, 3))  # fmt: skip


SAMPLES: dict[str, Sample] = {
    "mlp": Sample(mlp, lambda: (torch.randn(2, 6),)),
    "resnet18": Sample(ResNet18, _pictures()),
    "convnext": Sample(ConvNext, _pictures()),
    "vit": Sample(ViT, _pictures()),
    "densenet": Sample(DenseNet, _pictures(size=16)),
    "mobilenet": Sample(MobileNet, _pictures()),
    "swin": Sample(Swin, _pictures()),
    "unet": Sample(UNet, _pictures(1, 16)),
    "lstm": Sample(lambda: Recurrent(nn.LSTM), _tokens),
    "gru": Sample(lambda: Recurrent(nn.GRU), _tokens),
    "post_norm": Sample(lambda: Encoder(norm_first=False), lambda: (torch.randn(2, 5, 16),)),
    "pre_norm": Sample(lambda: Encoder(norm_first=True), lambda: (torch.randn(2, 5, 16),)),
    "gpt": Sample(GPT, _tokens),
    "writer": Sample(Writer, lambda: (torch.randn(2, 4),)),
}


@dataclass(frozen=True)
class Exported:
    """A live network in eval mode, an example of its inputs, and its .pt2 file."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    raw: bytes


@functools.cache
def exported(name: str, *, open_batch: bool = False) -> Exported:
    """One of the samples, exported once in a process."""
    torch.manual_seed(0)
    sample = SAMPLES[name]
    model, inputs = sample.make().eval(), sample.inputs()
    shapes = None
    if open_batch:
        shapes = tuple({0: torch.export.Dim("batch", min=1, max=64)} for _ in inputs)
    return Exported(model, inputs, saved(program(model, inputs, dynamic_shapes=shapes)))


def program(model: nn.Module, inputs: tuple[Tensor, ...], **how: object):
    """The exported program, without torch's warning that a recurrent layer keeps its weights."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The tensor attributes", UserWarning)
        return torch.export.export(model, inputs, **how)


def decomposed(traced: torch.export.ExportedProgram, *table: dict):
    """The program in core operators, or by another table, without torch's warnings at itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return traced.run_decompositions(*table)


def saved(program: torch.export.ExportedProgram) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()
