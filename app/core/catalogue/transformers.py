"""Hugging Face's families, GPT-NeoX, Megatron and OLMo, where depth or width set the scale."""

from __future__ import annotations

import math
from dataclasses import replace

from app.core.catalogue.scheme import Over, Scheme, constant, fixed, truncated

HF = "transformers 5.23"
RESIDUAL = frozenset({"residual"})
QUERY = frozenset({"query"})
EMBEDDINGS = frozenset({"embedding", "position", "linear"})
PROJECTIONS = frozenset({"linear", "packed"})


def _depth(std: str, *, where: str, rarity: int) -> Scheme:
    """N(0, std/√(2·layers)) for the projections that end a residual branch."""
    return Scheme(
        id=f"depth_scaled({std},2·layers)",
        name=f"Normal {std}/√(2·layers), GPT-2's depth scaling",
        law="normal",
        formula=f"N(0, {std}/√(2·layers))",
        call=f"nn.init.normal_(w, std={std} / (2 * layers) ** 0.5)",
        source=where,
        scale=float(std) / math.sqrt(2),
        gain_text=f"{std}/√2",
        over=(Over(quantity="layers", exponent=0.5),),
        parts=RESIDUAL,
        rarity=rarity,
    )


WIDTH = Over(quantity="width", exponent=0.5)
DEPTH = Over(quantity="layers", exponent=0.5)

SCHEMES: tuple[Scheme, ...] = (
    _depth("0.02", where=f"{HF}, GPT2PreTrainedModel; nanoGPT; Megatron-LM", rarity=0),
    _depth("0.006", where="Megatron-LM, scaled_init_method_normal", rarity=2),
    replace(
        fixed("normal", "0.02", source=f"{HF}, pytorch_utils.Conv1D", parts=frozenset({"conv1d"})),
        id="hf.conv1d",
        name="Hugging Face Conv1D, Normal 0.02",
    ),
    Scheme(
        id="depth_scaled(0.02,layers)",
        name="Normal 0.02/√layers",
        law="normal",
        formula="N(0, 0.02/√layers)",
        scale=0.02,
        gain_text="0.02",
        over=(DEPTH,),
        parts=RESIDUAL,
        source="Megatron-LM for models with one residual branch a layer; Mamba's out_proj",
        call="nn.init.normal_(w, std=0.02 / layers**0.5)",
    ),
    Scheme(
        id="t5.query",
        name="T5 query, Normal 1/√(d_model·d_kv)",
        law="normal",
        formula="N(0, (d_model·d_kv)^-½)",
        scale=1.0,
        gain_text="1",
        over=(
            Over(quantity="fan_in", exponent=0.5),
            Over(quantity="head_width", exponent=0.5),
        ),
        parts=QUERY,
        source=f"{HF}, T5PreTrainedModel",
        call="nn.init.normal_(w, std=(fan_in * head_width) ** -0.5)",
    ),
    Scheme(
        id="clip.in_proj",
        name="CLIP, Normal 1/√(2·layers·width)",
        law="normal",
        formula="N(0, width^-½·(2·layers)^-½)",
        scale=math.sqrt(0.5),
        gain_text="√(1/2)",
        over=(WIDTH, DEPTH),
        parts=PROJECTIONS,
        source=f"{HF}, CLIPPreTrainedModel; OpenAI's CLIP",
        call="nn.init.normal_(w, std=(2 * layers * width) ** -0.5)",
    ),
    Scheme(
        id="clip.fc1",
        name="CLIP, Normal 1/√(2·width)",
        law="normal",
        formula="N(0, (2·width)^-½)",
        scale=math.sqrt(0.5),
        gain_text="√(1/2)",
        over=(WIDTH,),
        parts=PROJECTIONS,
        source=f"{HF}, CLIPPreTrainedModel; OpenAI's CLIP",
        call="nn.init.normal_(w, std=(2 * width) ** -0.5)",
    ),
    Scheme(
        id="normal(width^-½)",
        name="Normal 1/√width",
        law="normal",
        formula="N(0, width^-½)",
        scale=1.0,
        gain_text="1",
        over=(WIDTH,),
        parts=frozenset({"linear", "token", "embedding", "position", "packed"}),
        source=f"{HF}, CLIP's out_proj, class embedding and projections",
        call="nn.init.normal_(w, std=width**-0.5)",
    ),
    Scheme(
        id="small_init",
        name="small_init, Normal √(2/(5·width))",
        law="normal",
        formula="N(0, √(2/(5·width)))",
        scale=math.sqrt(0.4),
        gain_text="√(2/5)",
        over=(WIDTH,),
        parts=PROJECTIONS,
        source="GPT-NeoX, init_functions.py; Nguyen and Salazar (2019)",
        call="nn.init.normal_(w, std=(2 / (5 * width)) ** 0.5)",
    ),
    Scheme(
        id="wang_init",
        name="wang_init, Normal 2/(layers·√width)",
        law="normal",
        formula="N(0, 2/(layers·√width))",
        scale=2.0,
        gain_text="2",
        over=(WIDTH, Over(quantity="layers", exponent=1.0)),
        parts=RESIDUAL,
        source="GPT-NeoX, init_functions.py",
        call="nn.init.normal_(w, std=2 / layers / width**0.5)",
    ),
    Scheme(
        id="mitchell.residual",
        name="OLMo (Mitchell), truncated normal 1/√(2·fan_in·block)",
        law="truncated_normal",
        formula="N(0, 1/√(2·fan_in·place)) cut at ±3σ, place counted from 1",
        call="nn.init.trunc_normal_(w, std=(s := (2 * fan_in * place) ** -0.5), a=-3*s, b=3*s)",
        source="OLMo, olmo/initialization.py, init_fn mitchell",
        scale=math.sqrt(0.5),
        gain_text="√(1/2)",
        over=(
            Over(quantity="fan_in", exponent=0.5),
            Over(quantity="place", exponent=0.5),
        ),
        cut=3.0,
        parts=RESIDUAL,
        rarity=2,
    ),
    Scheme(
        id="truncated_normal(fan_in^-½,±3σ)",
        name="Truncated normal 1/√fan_in, cut at ±3σ",
        law="truncated_normal",
        formula="N(0, 1/√fan_in) cut at ±3σ",
        call="nn.init.trunc_normal_(w, std=(s := fan_in**-0.5), a=-3*s, b=3*s)",
        source="OLMo (mitchell), torchtitan's output layer",
        scale=1.0,
        gain_text="1",
        over=(Over(quantity="fan_in", exponent=0.5),),
        cut=3.0,
        parts=PROJECTIONS,
        rarity=2,
    ),
    truncated(
        "0.02",
        cut=3.0,
        source=f"{HF}, ModernBERT; OLMo (normal, cut at 3σ)",
        parts=EMBEDDINGS,
    ),
    fixed("normal", "0.006", source="DeepSeek's initializer_range", parts=EMBEDDINGS, rarity=2),
    replace(
        fixed("normal", "0.041666666666666664", parts=EMBEDDINGS, rarity=2),
        id="normal(1/24)",
        name="Normal 1/24",
        source="SmolLM's initializer_range",
    ),
    constant(
        "2.6592",
        name="constant 2.6592 = ln(1/0.07), as CLIP's logit_scale",
        source=f"{HF}, CLIPConfig",
        parts=frozenset({"scalar"}),
        rarity=2,
    ),
)
