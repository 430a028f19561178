"""Schemes that keep very deep or very wide networks in scale, where they differ from the rest."""

from __future__ import annotations

import math

from app.core.catalogue.scheme import Over, Scheme, constant

RESIDUAL = frozenset({"residual"})
LINEAR = frozenset({"linear"})
BRANCH = frozenset({"branch"})

SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        id="fixup(fan_out)",
        name="Fixup, Normal √(2/fan_out)/√blocks",
        law="normal",
        formula="N(0, √(2/fan_out)·blocks^-½)",
        call="nn.init.normal_(w, std=(2 / fan_out) ** 0.5 * blocks**-0.5)",
        source="Zhang et al., Fixup (2019), with two convolutions a branch",
        fan="fan_out",
        gain=math.sqrt(2),
        gain_text="√2",
        over=(Over(quantity="blocks", exponent=0.5),),
        parts=BRANCH,
        rarity=2,
    ),
    Scheme(
        id="fixup(fan_in)",
        name="Fixup, Normal √(2/fan_in)/√blocks",
        law="normal",
        formula="N(0, √(2/fan_in)·blocks^-½)",
        call="nn.init.normal_(w, std=(2 / fan_in) ** 0.5 * blocks**-0.5)",
        source="Zhang et al., Fixup (2019), with two layers a branch",
        fan="fan_in",
        gain=math.sqrt(2),
        gain_text="√2",
        over=(Over(quantity="blocks", exponent=0.5),),
        parts=BRANCH,
        rarity=2,
    ),
    Scheme(
        id="deepnet",
        name="DeepNet, Xavier normal with gain (8·layers)^-¼",
        law="normal",
        formula="N(0, (8·layers)^-¼·√(2/(fan_in+fan_out)))",
        call="nn.init.xavier_normal_(w, gain=(8 * layers) ** -0.25)",
        source="Wang et al., DeepNet (2022), figure 2, encoder-only or decoder-only",
        fan="average",
        gain=8**-0.25,
        gain_text="8^-¼",
        over=(Over(quantity="layers", exponent=0.25),),
        parts=LINEAR,
        rarity=2,
    ),
    Scheme(
        id="siren.hidden",
        name="SIREN, uniform ±√(6/fan_in)/30",
        law="uniform",
        formula="U(±√(6/fan_in)/30)",
        call="nn.init.kaiming_uniform_(w, a=(2 * 450 - 1) ** 0.5)",
        source="Sitzmann et al., SIREN (2020), section 3.2, with ω₀ = 30",
        fan="fan_in",
        gain=math.sqrt(2) / 30,
        gain_text="(√2/30)",
        parts=LINEAR,
        rarity=2,
    ),
    Scheme(
        id="siren.first",
        name="SIREN's first layer, uniform ±1/fan_in",
        law="uniform",
        formula="U(±1/fan_in)",
        call="nn.init.uniform_(w, -1 / fan_in, 1 / fan_in)",
        source="Sitzmann et al., SIREN (2020), section 3.2",
        scale=1.0,
        gain_text="1",
        over=(Over(quantity="fan_in", exponent=1.0),),
        parts=LINEAR,
        rarity=2,
    ),
    constant(
        "0.2",
        name="constant 0.2, as a residual scale",
        source="ESRGAN's residual scaling",
        parts=frozenset({"scalar"}),
        rarity=2,
    ),
)
