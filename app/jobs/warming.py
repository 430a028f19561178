"""Small networks that the compute server runs once, so that children find everything loaded.

Torch imports much of itself only when an operation first asks for it, which a closed child cannot.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import torch

from app.architecture.understanding import understand
from app.core.graph import Graph
from app.core.propagation import Order
from app.probe.measure import measure

BYTES: Final = 2**28
LATE: Final = ("torch._dynamo", "torch.fx.experimental.symbolic_shapes")

TEXTS: Final = (
    """input: [8]
layers: [Linear(8, 8), ReLU(), LayerNorm(8), GELU(), Dropout(0.5), RMSNorm(8), Softmax(dim=-1)]
""",
    """input: [4, 16, 16]
layers: [Conv2d(4, 8, 3, padding=1), BatchNorm2d(8), SiLU(), MaxPool2d(2), GroupNorm(2, 8),
  ConvTranspose2d(8, 4, 2, stride=2), Upsample(scale_factor=2), AvgPool2d(2), AdaptiveAvgPool2d(1),
  Flatten(), Linear(4, 2)]
""",
    """input: {tokens: 8, vocabulary: 16}
layers: [Embedding(16, 8), Position(), TransformerEncoderLayer(8, 2, 16, batch_first=True),
  LSTM(8, 8, batch_first=True), GRU(8, 8, batch_first=True)]
""",
)


def warm() -> None:
    """Import what is imported late, and run every text.

    Forward only: a process whose gradients have run may not be forked.
    """
    for name in LATE:
        import_module(name)
    torch.set_num_threads(1)
    for text in TEXTS:
        graph = understand(text)
        if isinstance(graph, Graph):
            measure(graph, order(), device="cpu", memory_bytes=BYTES)


def order() -> Order:
    """The least that there is to measure."""
    return Order(seeds=1, batch=4, backward=False)
