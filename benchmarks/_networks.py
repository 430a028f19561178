"""Small networks of ten architectures, each with data of its shape."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Build = Callable[[], nn.Module]


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(300, 48, padding_idx=0)
        self.rnn = kind(48, 64, 2)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(64, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.rnn(self.embedding(x))[0]))


class Vision(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 48, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 48) * 0.02)
        self.place = nn.Parameter(torch.randn(1, 17, 48) * 0.02)
        layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(48, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.encoder(x + self.place)[:, 0])


class Blocks(nn.Module):
    """A decoder as GPT-2's: joint projections, norms first."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(200, 64), nn.Embedding(32, 64)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "ln": nn.LayerNorm(64),
                    "qkv": nn.Linear(64, 192),
                    "proj": nn.Linear(64, 64),
                    "up": nn.Linear(64, 256),
                    "down": nn.Linear(256, 64),
                }
            )
            for _ in range(2)
        )
        self.head = nn.Linear(64, 200, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        for block in self.blocks:
            q, k, v = block["qkv"](block["ln"](h)).chunk(3, -1)
            h = h + block["proj"](torch.softmax(q @ k.transpose(1, 2), -1) @ v)
            h = h + block["down"](torch.relu(block["up"](h)))
        return self.head(h)


def image() -> torch.Tensor:
    return torch.randn(4, 3, 16, 16)


def tokens() -> torch.Tensor:
    return torch.randint(1, 200, (4, 12))


ARCHITECTURES: dict[str, tuple[Build, Callable[[], torch.Tensor]]] = {
    "two layers": (
        lambda: nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 2)),
        lambda: torch.randn(8, 12),
    ),
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
        lambda: torch.randn(8, 64),
    ),
    "LeNet": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 5),
            nn.ReLU(),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 120),
            nn.ReLU(),
            nn.Linear(120, 10),
        ),
        image,
    ),
    "residual": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 24, 3),
            nn.BatchNorm2d(24),
            Residual(24),
            Residual(24),
            nn.Flatten(),
            nn.Linear(24 * 196, 10),
        ),
        image,
    ),
    "autoencoder": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 16, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, 2, 1),
        ),
        image,
    ),
    "depthwise": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 32, 3),
            nn.Conv2d(32, 32, 3, groups=32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 1),
            nn.GroupNorm(4, 64),
            nn.PReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 2),
        ),
        image,
    ),
    "LSTM": (lambda: Recurrent(nn.LSTM), tokens),
    "GRU": (lambda: Recurrent(nn.GRU), tokens),
    "vision transformer": (Vision, image),
    "decoder": (Blocks, tokens),
}
