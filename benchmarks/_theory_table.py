"""The networks of the reference's tables, with what its engine reached on them.

Sixteen of the validation table and six that it held out. Where the table does not say a width or a
number of channels, one that fits its node count and its spread was taken: pictures of 16 × 16, tanh
at depth 100 and batch norm at width 256, other networks without a width in their name at 512.

Source:
    The reference on propagation, 4-propagation, "Prediction against Monte Carlo".
"""

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
    mlp,
    quoted,
    reached,
    residual,
    resnet,
    times,
    vgg,
)

TABLE: Final[tuple[Case, ...]] = (
    Case(
        name="mlp_relu_he_d50",
        text=mlp(512, 50, RELU, bias=False),
        scheme=HE,
        seeds=24,
        reached=reached(0.148, 0.089, 0.124, 0.126, 0.059, 0.008, 0.055, 0.214),
    ),
    Case(
        name="mlp_relu_default_d10_u01",
        text=mlp(512, 10, RELU),
        law="uniform01",
        seeds=24,
        reached=reached(0.042, 0.004, -0.002, 0.052, 0.017, 0.005, 0.001, 0.022),
    ),
    Case(
        name="mlp_tanh_xavier_d30",
        text=mlp(512, 30, "Tanh()", bias=False),
        scheme=XAVIER,
        seeds=24,
        reached=reached(0.011, 0.004, 0.011, 0.003, 0.005, 0.004, -0.004, 0.030),
    ),
    Case(
        name="mlp_gelu_he_d20",
        text=mlp(512, 20, "GELU()", bias=False),
        scheme=HE,
        seeds=24,
        reached=reached(0.591, 0.023, -0.591, 0.088, 0.699, 0.480, -0.699, 0.451),
    ),
    Case(
        name="mlp_leaky.2_he_b.01_d30",
        text=mlp(512, 30, "LeakyReLU(0.2)"),
        scheme="kaiming_normal(fan_in,leaky_relu=0.2)",
        bias=0.1,
        seeds=24,
        reached=reached(0.073, 0.051, -0.037, 0.040, 0.022, 0.015, 0.012, 0.168),
    ),
    Case(
        name="mlp_bn_relu_d30",
        text=mlp(256, 30, "BatchNorm1d(256)", RELU),
        reached=reached(0.010, 0.001, 0.001, 0.021, 0.064, 0.041, 0.063, 0.017),
    ),
    Case(
        name="mlp_silu_default_d20",
        text=mlp(512, 20, "SiLU()"),
        seeds=24,
        reached=reached(0.016, 0.004, -0.012, 0.020, 0.006, 0.001, 0.001, 0.020),
    ),
    Case(
        name="vgg13_relu_default",
        text=vgg(norm=False),
        reached=reached(0.062, 0.032, 0.009, 0.052, 0.040, 0.019, 0.009, 0.063),
    ),
    Case(
        name="vgg13_bn_he",
        text=vgg(norm=True),
        scheme=HE,
        reached=reached(0.017, 0.003, -0.017, 0.018, 0.046, 0.041, -0.015, 0.055),
    ),
    Case(
        name="resnet20_nobn_he",
        text=resnet(3, norm=False),
        scheme=HE,
        seeds=12,
        reached=reached(0.117, 0.063, -0.025, 0.079, 0.020, 0.007, -0.016, 0.178),
    ),
    Case(
        name="resnet20_bn_torchvision",
        text=resnet(3, norm=True),
        scheme="kaiming_normal(fan_out,relu)",
        seeds=12,
        reached=reached(0.047, 0.002, -0.016, 0.051, 0.044, 0.029, -0.008, 0.086),
    ),
    Case(
        name="preact_ln_gelu_resmlp_d40",
        text=document(
            "[512]",
            times(
                40,
                residual(
                    quoted("LayerNorm(512)", "Linear(512, 512)", "GELU()", "Linear(512, 512)")
                ),
            ),
        ),
        reached=reached(0.010, 0.001, 0.004, 0.014, 0.009, 0.004, -0.004, 0.009),
    ),
    Case(
        name="transformer_preln_gelu_d12",
        text=encoder(tokens=32, width=128, heads=4, depth=12, hidden=512, act="GELU", first=True),
        seeds=12,
        reached=reached(0.015, 0.000, 0.000, 0.033, 0.027, 0.011, -0.012, 0.000),
    ),
    Case(
        name="transformer_postln_relu_d6",
        text=encoder(tokens=32, width=128, heads=4, depth=6, hidden=512, act="ReLU", first=False),
        seeds=12,
        reached=reached(0.037, 0.001, 0.000, 0.034, 0.058, 0.020, -0.058, 0.000),
    ),
    Case(
        name="mlp_tanh_gain5/3_d100",
        text=mlp(256, 100, "Tanh()", bias=False),
        scheme="kaiming_normal(fan_in,tanh)",
        seeds=20,
        reached=reached(0.008, 0.002, 0.003, 0.006, 0.055, 0.035, -0.046, 0.011),
    ),
    Case(
        name="mlp_selu_lecun_d100",
        text=mlp(512, 100, "SELU()", bias=False),
        scheme=LECUN,
        reached=reached(0.013, 0.002, 0.002, 0.007, 0.091, 0.054, -0.086, 0.010),
    ),
)

HELD_OUT: Final[tuple[Case, ...]] = (
    Case(
        name="H1_vgg_gelu_avgpool_he",
        text=vgg(norm=False, act="GELU()", pool="AvgPool2d(2)"),
        scheme=HE,
        reached=reached(0.060, 0.013, -0.003, 0.047, 0.035, 0.014, -0.035, 0.167),
    ),
    Case(
        name="H2_resnet14_bn_default_u01",
        text=resnet(2, norm=True),
        law="uniform01",
        reached=reached(0.040, 0.001, 0.018, 0.044, 0.029, 0.007, -0.029, 0.053),
    ),
    Case(
        name="H3_transformer_preln_relu_T64_E64_d8",
        text=encoder(tokens=64, width=64, heads=4, depth=8, hidden=256, act="ReLU", first=True),
        reached=reached(0.056, 0.002, 0.000, 0.049, 0.080, 0.026, -0.047, 0.000),
    ),
    Case(
        name="H4_mlp_ln_mish_d40",
        text=mlp(192, 40, "LayerNorm(192)", "Mish()"),
        seeds=20,
        reached=reached(0.020, 0.002, 0.007, 0.037, 0.240, 0.064, -0.233, 0.050),
    ),
    Case(
        name="H5_mlp_hardswish_xavier_b_d15",
        text=mlp(192, 15, "Hardswish()"),
        scheme=XAVIER,
        bias=0.1,
        seeds=24,
        reached=reached(0.097, 0.021, -0.019, 0.069, 0.091, 0.053, -0.064, 0.364),
    ),
    Case(
        name="H6_postln_gelu_T16_E96_d10",
        text=encoder(tokens=16, width=96, heads=4, depth=10, hidden=384, act="GELU", first=False),
        reached=reached(0.065, 0.001, 0.000, 0.037, 0.124, 0.057, -0.124, 0.000),
    ),
)
