"""Recipes of timm and torchvision, and of the detection heads that grew on them."""

from __future__ import annotations

import math
from dataclasses import replace

from app.core.catalogue.scheme import Over, Scheme, constant, fixed, truncated

TIMM = "timm 1.0"
TORCHVISION = "torchvision 0.28"
SCALES = frozenset({"vector"})
HEAD = frozenset({"head"})

SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        id="efficientnet.conv",
        name="EfficientNet convolution (fan_out/groups)",
        law="normal",
        formula="N(0, √(2·groups/fan_out))",
        call="nn.init.normal_(w, std=(2 * groups / fan_out) ** 0.5)",
        source=f"{TIMM}, models/_efficientnet_builder.py; TensorFlow's EfficientNet",
        fan="fan_out/groups",
        gain=math.sqrt(2),
        gain_text="√2",
        parts=frozenset({"convolution"}),
        rarity=1,
    ),
    Scheme(
        id="efficientnet.routing",
        name="EfficientNet routing, uniform ±1/√(fan_in+fan_out)",
        law="uniform",
        formula="U(±1/√(fan_in+fan_out))",
        call="nn.init.xavier_uniform_(w, gain=6**-0.5)",
        source=f"{TIMM}, models/_efficientnet_builder.py",
        fan="average",
        gain=math.sqrt(1 / 6),
        gain_text="√(1/6)",
        parts=frozenset({"linear"}),
        rarity=2,
    ),
    Scheme(
        id="efficientnet.classifier",
        name="EfficientNet classifier, uniform ±1/√fan_out",
        law="uniform",
        formula="U(±1/√fan_out)",
        call="nn.init.uniform_(w, -(fan_out**-0.5), fan_out**-0.5)",
        source=f"{TIMM}, models/_efficientnet_builder.py; torchvision",
        fan="fan_out",
        gain=math.sqrt(1 / 3),
        gain_text="√(1/3)",
        parts=HEAD,
        rarity=1,
    ),
    Scheme(
        id="timm.fix_init(0.02)",
        name="Normal 0.02/√(2·block), as BEiT",
        law="normal",
        formula="N(0, 0.02/√(2·place)), place counted from 1",
        call="nn.init.normal_(w, std=0.02 / (2 * place) ** 0.5)",
        source=f"{TIMM}, fix_init_weight of BEiT, EVA and VisionTransformer",
        scale=0.02 / math.sqrt(2),
        gain_text="0.02/√2",
        over=(Over(quantity="place", exponent=0.5),),
        parts=frozenset({"residual"}),
        rarity=1,
    ),
    Scheme(
        id="xavier_uniform(flattened)",
        name="Xavier uniform of the flattened kernel, as MAE and DiT",
        law="uniform",
        formula="U(±√(6/(fan_in+out_channels)))",
        call="nn.init.xavier_uniform_(w.view(w.shape[0], -1))",
        source="He et al. (2022), MAE, and Peebles & Xie (2023), DiT: initialize_weights",
        scale=math.sqrt(6),
        gain_text="√6",
        over=(Over(quantity="flat_fans", exponent=0.5),),
        parts=frozenset({"convolution"}),
        rarity=2,
    ),
    truncated("0.03", source=TORCHVISION, parts=frozenset({"convolution"})),
    constant("0.0001", name="constant 0.0001, as LayerScale", source=TIMM, parts=SCALES),
    constant(
        "1e-05", name="constant 1e-05, as LayerScale", source=f"{TIMM}; Touvron et al. (2021)"
    ),
    constant("1e-06", name="constant 1e-06, as ConvNeXt's layer scale", source=TIMM),
    constant("0.01", name="constant 0.01", source=TIMM),
    Scheme(
        id="constant(-ln classes)",
        name="constant -ln(classes), as a classifier's bias",
        law="constant",
        formula="every value -ln(length)",
        call="nn.init.constant_(w, -math.log(len(w)))",
        source=f"{TIMM}, VisionTransformer, weight_init='jax_nlhb'",
        scale=-1.0,
        over=(Over(quantity="ln(length)", exponent=-1.0),),
        parts=HEAD,
        rarity=2,
    ),
    *(
        replace(
            constant(
                f"{-math.log((1 - prior) / prior):.15g}",
                name=f"constant -ln((1-π)/π), π = {prior:g}, as detection heads",
                source="Lin et al., Focal Loss (2017), section 4.1",
                parts=frozenset({"vector"}),
                rarity=2,
            ),
            id=f"constant(-ln((1-π)/π),π={prior:g})",
        )
        for prior in (0.01, 0.05, 0.1)
    ),
    replace(
        fixed("normal", "2e-05", source=f"{TIMM}, BEiT's head_init_scale", parts=HEAD, rarity=2),
        name="Normal 0.02·0.001, a scaled-down head",
    ),
)
