"""Specs to begin with: complete networks as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSpec:
    """One network of the spec editor's list."""

    id: str
    name: str
    text: str
    about: str  # one line
    input: str = "normal"  # the input law it is meant for


EXAMPLES: tuple[ExampleSpec, ...] = (
    ExampleSpec(
        id="one-linear-layer",
        name="One linear layer on torch.rand",
        about="The forum's experiment: at torch's default the output's std is 0.334, not 1.",
        input="uniform01",
        text="Linear(512, 512)\n",
    ),
    ExampleSpec(
        id="deep-relu-mlp",
        name="40-layer ReLU network",
        about="At torch's default its size looks steady near 0.028, but it is all bias.",
        text="input: [512]\n40 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n",
    ),
    ExampleSpec(
        id="vgg",
        name="VGG-like convolutional network",
        about="Convolutions and pooling without norms, which no longer train at torch's default.",
        text="""\
input: [3, 32, 32]
layers:
  - Conv2d(3, 64, 3, padding=1)
  - ReLU()
  - Conv2d(64, 64, 3, padding=1)
  - ReLU()
  - MaxPool2d(2)
  - Conv2d(64, 128, 3, padding=1)
  - ReLU()
  - Conv2d(128, 128, 3, padding=1)
  - ReLU()
  - MaxPool2d(2)
  - repeat: {times: 2, of: ["Conv2d(128, 128, 3, padding=1)", ReLU()]}
  - AdaptiveAvgPool2d(1)
  - Flatten()
  - Linear(128, 10)
""",
    ),
    ExampleSpec(
        id="transformer-encoder",
        name="Pre-norm transformer encoder",
        about="Norms stand on the branches, so the residual stream grows as the layers add up.",
        text="""\
input: [64, 256]
layers:
  - TransformerEncoder:
      encoder_layer: TransformerEncoderLayer(256, 4, 1024, dropout=0.0, norm_first=True, \
batch_first=True)
      num_layers: 6
      norm: LayerNorm(256)
""",
    ),
    ExampleSpec(
        id="gpt",
        name="GPT-style decoder",
        about="Token and position embeddings, causal attention, GELU, a head over the vocabulary.",
        text="""\
input: {tokens: 64, vocabulary: 1000}
layers:
  - wte: Embedding(1000, 192)
  - wpe: Position()
  - repeat:
      times: 6
      of:
        - residual:
            - ln_1: LayerNorm(192)
            - attn: MultiheadAttention(192, 3, batch_first=True, causal=True)
        - residual:
            - ln_2: LayerNorm(192)
            - mlp.c_fc: Linear(192, 768)
            - GELU()
            - mlp.c_proj: Linear(768, 192)
    name: h
  - ln_f: LayerNorm(192)
  - lm_head: Linear(192, 1000, bias=False)
""",
    ),
    ExampleSpec(
        id="resnet",
        name="Residual network with batch norm",
        about="Basic blocks as in ResNet-18, with a strided shortcut where the width doubles.",
        text="""\
input: [3, 32, 32]
layers:
  - Conv2d(3, 64, 3, padding=1, bias=False)
  - BatchNorm2d(64)
  - ReLU()
  - repeat:
      times: 2
      of:
        - residual:
            - Conv2d(64, 64, 3, padding=1, bias=False)
            - BatchNorm2d(64)
            - ReLU()
            - Conv2d(64, 64, 3, padding=1, bias=False)
            - BatchNorm2d(64)
        - ReLU()
  - residual:
      - Conv2d(64, 128, 3, stride=2, padding=1, bias=False)
      - BatchNorm2d(128)
      - ReLU()
      - Conv2d(128, 128, 3, padding=1, bias=False)
      - BatchNorm2d(128)
    shortcut:
      - Conv2d(64, 128, 1, stride=2, bias=False)
      - BatchNorm2d(128)
  - ReLU()
  - AdaptiveAvgPool2d(1)
  - Flatten()
  - Linear(128, 10)
""",
    ),
)
