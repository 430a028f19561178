"""Networks over tokens and plain numbers, of the product's own choice."""

from __future__ import annotations

from typing import Final

from benchmarks._theory_cases import (
    HE,
    LECUN,
    RELU,
    XAVIER,
    Case,
    document,
    encoder,
    joined,
    mlp,
    quoted,
    residual,
    times,
)

SEQUENCES: Final[tuple[Case, ...]] = (
    Case(
        name="causal_decoder_gpt",
        text=document(
            "{tokens: 48, vocabulary: 500}",
            joined(
                "- Embedding(500, 96)",
                "- Position()",
                times(
                    4,
                    joined(
                        residual(
                            quoted(
                                "LayerNorm(96)",
                                "MultiheadAttention(96, 3, batch_first=True, causal=True)",
                            )
                        ),
                        residual(
                            quoted("LayerNorm(96)", "Linear(96, 384)", "GELU()", "Linear(384, 96)")
                        ),
                    ),
                ),
                "- LayerNorm(96)",
                "- Linear(96, 500, bias=False)",
            ),
        ),
    ),
    Case(
        name="dropout_nonzero_mean",
        text=mlp(256, 6, RELU, "Dropout(0.5)"),
        scheme=HE,
        seeds=24,
    ),
    Case(
        name="attention_T128_E32",
        text=encoder(tokens=128, width=32, heads=2, depth=3, hidden=128, act="GELU", first=True),
    ),
    Case(
        name="attention_T96_E64_xavier",
        text=encoder(tokens=96, width=64, heads=4, depth=3, hidden=128, act="ReLU", first=True),
        scheme=XAVIER,
    ),
    Case(
        name="causal_postln_T64_E64",
        text=encoder(
            tokens=64, width=64, heads=4, depth=4, hidden=256, act="ReLU", first=False, causal=True
        ),
    ),
    Case(
        name="encoder_layers_dropout",
        text=document(
            "[32, 64]",
            times(2, "- TransformerEncoderLayer(64, 4, 128, dropout=0.3, batch_first=True)"),
        ),
    ),
    Case(
        name="lstm_two_layers",
        text=document(
            "{tokens: 16, vocabulary: 300}",
            joined(
                "- Embedding(300, 64)",
                "- LSTM(64, 128, 2, batch_first=True)",
                "- Linear(128, 100)",
            ),
        ),
    ),
    Case(
        name="gru_classifier",
        text=document(
            "{tokens: 16, vocabulary: 300}",
            joined(
                "- Embedding(300, 64)",
                "- GRU(64, 128, batch_first=True)",
                "- Select(1, -1)",
                "- Linear(128, 100)",
            ),
        ),
    ),
    Case(
        name="selu_lecun_d30_bias",
        text=mlp(256, 30, "SELU()"),
        scheme=LECUN,
        seeds=24,
    ),
    Case(
        name="embedding_mean_classifier",
        text=document(
            "{tokens: 32, vocabulary: 1000}",
            joined(
                "- Embedding(1000, 128)",
                "- Mean(1)",
                "- Linear(128, 256)",
                f"- {RELU}",
                "- Linear(256, 100)",
            ),
        ),
    ),
    Case(
        name="rmsnorm_resmlp_silu_d12",
        text=document(
            "[128]",
            joined(
                times(
                    12,
                    residual(
                        quoted("RMSNorm(128)", "Linear(128, 512)", "SiLU()", "Linear(512, 128)")
                    ),
                ),
                "- RMSNorm(128)",
            ),
        ),
        scheme=XAVIER,
    ),
    Case(
        name="vit_patches_class_token",
        text=document(
            "[3, 16, 16]",
            joined(
                "- Conv2d(3, 96, 4, stride=4)",
                "- Flatten(2)",
                "- Transpose(1, 2)",
                "- ClassToken()",
                "- Position()",
                times(
                    3,
                    joined(
                        residual(
                            quoted("LayerNorm(96)", "MultiheadAttention(96, 3, batch_first=True)")
                        ),
                        residual(
                            quoted("LayerNorm(96)", "Linear(96, 384)", "GELU()", "Linear(384, 96)")
                        ),
                    ),
                ),
                "- LayerNorm(96)",
                "- Select(1, 0)",
                "- Linear(96, 100)",
            ),
        ),
    ),
)
