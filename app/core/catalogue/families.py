"""Libraries and models whose whole recipe is known: which scheme on which kind of layer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A recipe by its lines.

    Every kind of layer in `lines` must be there with a line of one of the named schemes, and no
    kind of layer in `only` may have a line of another scheme.
    """

    name: str
    lines: dict[str, frozenset[str]]
    only: dict[str, frozenset[str]] = field(default_factory=dict)


ZERO = frozenset({"zeros"})
NORMAL02 = frozenset({"normal(0.02)"})
DEFAULT = frozenset({"torch_default"})
BIASES = {"biases": ZERO}
GLOROT = frozenset({"xavier_uniform(gain=1)", "keras.glorot_uniform"})

FAMILIES: tuple[Family, ...] = (
    Family(
        name="Hugging Face T5's init",
        lines={"query projections": frozenset({"t5.query"})},
    ),
    Family(
        name="CLIP's init",
        lines={"linear layers": frozenset({"clip.in_proj"})},
    ),
    Family(
        name="GPT-NeoX's init",
        lines={
            "linear layers": frozenset({"small_init"}),
            "residual projections": frozenset({"wang_init"}),
        },
    ),
    Family(
        name="GPT-2's init (Hugging Face, nanoGPT, Megatron)",
        lines={
            "linear layers": NORMAL02,
            "residual projections": frozenset({"depth_scaled(0.02,2·layers)"}),
        },
        only={"embeddings": NORMAL02, **BIASES},
    ),
    Family(
        name="BEiT's init (timm)",
        lines={
            "linear layers": NORMAL02,
            "residual projections": frozenset({"timm.fix_init(0.02)"}),
        },
    ),
    Family(
        name="Hugging Face's default, initializer_range 0.02",
        lines={"linear layers": NORMAL02, "embeddings": NORMAL02},
        only={"residual projections": NORMAL02, "convolutions": NORMAL02, **BIASES},
    ),
    Family(
        name="a vision transformer's init, Normal 0.02 (timm, Hugging Face)",
        lines={"linear layers": NORMAL02, "tokens and positions": NORMAL02, **BIASES},
        only={"residual projections": NORMAL02, "convolutions": NORMAL02},
    ),
    Family(
        name="the EfficientNet recipe of timm",
        lines={
            "convolutions": frozenset({"kaiming_normal(fan_out,relu)"}),
            "depthwise convolutions": frozenset(
                {"efficientnet.conv", "kaiming_normal(fan_in,relu)"}
            ),
        },
    ),
    Family(
        name="the recipe of torchvision's and timm's convolutional networks",
        lines={"convolutions": frozenset({"kaiming_normal(fan_out,relu)"})},
        only={"classifier layers": DEFAULT | frozenset({"normal(0.01)"})},
    ),
    Family(
        name="Flax's default",
        lines={"linear layers": frozenset({"jax.lecun_normal"}), **BIASES},
    ),
    Family(
        name="Keras's default",
        lines={"linear layers": GLOROT, **BIASES},
        only={"convolutions": GLOROT, "classifier layers": GLOROT},
    ),
)
