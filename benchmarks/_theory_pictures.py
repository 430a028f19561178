"""Networks over pictures and signals, of the product's own choice."""

from __future__ import annotations

from typing import Final

from benchmarks._theory_cases import (
    HE,
    RELU,
    XAVIER,
    Case,
    document,
    joined,
    quoted,
    residual,
    stem,
    times,
)

PICTURES: Final[tuple[Case, ...]] = (
    Case(
        name="resnext_grouped_bn",
        text=document(
            "[3, 16, 16]",
            joined(
                *stem(64, norm=True),
                times(
                    4,
                    joined(
                        residual(
                            quoted(
                                "Conv2d(64, 64, 1, bias=False)",
                                "BatchNorm2d(64)",
                                RELU,
                                "Conv2d(64, 64, 3, padding=1, groups=8, bias=False)",
                                "BatchNorm2d(64)",
                                RELU,
                                "Conv2d(64, 64, 1, bias=False)",
                                "BatchNorm2d(64)",
                            )
                        ),
                        f"- {RELU}",
                    ),
                ),
                "- AdaptiveAvgPool2d(1)",
                "- Flatten()",
                "- Linear(64, 100)",
            ),
        ),
        scheme=HE,
    ),
    Case(
        name="transposed_generator_bn",
        text=document(
            "[64, 1, 1]",
            joined(
                "- ConvTranspose2d(64, 128, 4, bias=False)",
                "- BatchNorm2d(128)",
                f"- {RELU}",
                "- ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False)",
                "- BatchNorm2d(64)",
                f"- {RELU}",
                "- ConvTranspose2d(64, 32, 4, stride=2, padding=1, bias=False)",
                f"- {RELU}",
                "- ConvTranspose2d(32, 3, 3, padding=1)",
                "- Tanh()",
            ),
        ),
    ),
    Case(
        name="autoencoder_transposed",
        text=document(
            "[3, 16, 16]",
            joined(
                "- Conv2d(3, 32, 4, stride=2, padding=1)",
                "- LeakyReLU(0.2)",
                "- Conv2d(32, 64, 4, stride=2, padding=1)",
                "- LeakyReLU(0.2)",
                "- ConvTranspose2d(64, 32, 4, stride=2, padding=1)",
                "- LeakyReLU(0.2)",
                "- ConvTranspose2d(32, 3, 4, stride=2, padding=1)",
            ),
        ),
        scheme="kaiming_normal(fan_in,leaky_relu=0.2)",
    ),
    Case(
        name="unet_concat_upsample",
        text=document(
            "[16, 8, 8]",
            joined(
                "- Conv2d(16, 32, 3, padding=1)",
                f"- {RELU}",
                "- parallel:",
                "    - [Scale(1.0)]",
                "    - - MaxPool2d(2)",
                "      - Conv2d(32, 64, 3, padding=1)",
                f"      - {RELU}",
                "      - Upsample(scale_factor=2)",
                "  join: concat",
                "- Conv2d(96, 32, 3, padding=1)",
                f"- {RELU}",
                "- Conv2d(32, 4, 1)",
            ),
        ),
        scheme=HE,
    ),
    Case(
        name="unet_concat_transposed",
        text=document(
            "[16, 8, 8]",
            joined(
                "- Conv2d(16, 32, 3, padding=1)",
                f"- {RELU}",
                "- parallel:",
                "    - [Scale(1.0)]",
                "    - - AvgPool2d(2)",
                "      - Conv2d(32, 64, 3, padding=1)",
                f"      - {RELU}",
                "      - ConvTranspose2d(64, 32, 2, stride=2)",
                "  join: concat",
                "- Conv2d(64, 32, 3, padding=1)",
                f"- {RELU}",
                "- Conv2d(32, 4, 1)",
            ),
        ),
        scheme=HE,
    ),
    Case(
        name="groupnorm_conv_silu",
        text=document(
            "[3, 16, 16]",
            joined(
                "- Conv2d(3, 64, 3, padding=1)",
                times(
                    4,
                    residual(
                        quoted(
                            "GroupNorm(8, 64)",
                            "SiLU()",
                            "Conv2d(64, 64, 3, padding=1)",
                            "GroupNorm(8, 64)",
                            "SiLU()",
                            "Conv2d(64, 64, 3, padding=1)",
                        )
                    ),
                ),
                "- GroupNorm(8, 64)",
                "- SiLU()",
                "- AdaptiveAvgPool2d(1)",
                "- Flatten()",
                "- Linear(64, 100)",
            ),
        ),
    ),
    Case(
        name="depthwise_separable_bn",
        text=document(
            "[3, 16, 16]",
            joined(
                *stem(64, norm=True),
                times(
                    4,
                    joined(
                        "- Conv2d(64, 64, 3, padding=1, groups=64, bias=False)",
                        "- BatchNorm2d(64)",
                        f"- {RELU}",
                        "- Conv2d(64, 64, 1, bias=False)",
                        "- BatchNorm2d(64)",
                        f"- {RELU}",
                    ),
                ),
                "- AdaptiveAvgPool2d(1)",
                "- Flatten()",
                "- Linear(64, 100)",
            ),
        ),
        scheme=HE,
    ),
    Case(
        name="dilated_conv1d_tanh",
        text=document(
            "[8, 64]",
            joined(
                "- Conv1d(8, 64, 3, padding=1)",
                "- Tanh()",
                "- Conv1d(64, 64, 3, padding=2, dilation=2)",
                "- Tanh()",
                "- Conv1d(64, 64, 3, padding=4, dilation=4)",
                "- Tanh()",
                "- AvgPool1d(4)",
                "- Conv1d(64, 32, 1)",
            ),
        ),
        scheme=XAVIER,
    ),
    Case(
        name="convnext_layernorm",
        text=document(
            "[3, 16, 16]",
            joined(
                "- Conv2d(3, 64, 2, stride=2)",
                times(
                    4,
                    residual(
                        quoted(
                            "Conv2d(64, 64, 7, padding=3, groups=64)",
                            "Permute(0, 2, 3, 1)",
                            "LayerNorm(64)",
                            "Linear(64, 256)",
                            "GELU()",
                            "Linear(256, 64)",
                            "Permute(0, 3, 1, 2)",
                        )
                    ),
                ),
                "- AdaptiveAvgPool2d(1)",
                "- Flatten()",
                "- LayerNorm(64)",
                "- Linear(64, 100)",
            ),
        ),
    ),
)
