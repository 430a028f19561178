"""The explanation of what depth does to residual networks."""

from __future__ import annotations

import math

from app.charts.lines import Line, LinePlot
from app.web.laws import Derivation, StepLine
from app.web.numbers import Numbers, short
from app.web.topics import Explanation, Reference, Topic

SIGMA = 0.02  # GPT-2's initializer_range


def _residual(numbers: Numbers) -> Explanation:
    depth = numbers.layers
    scaled = SIGMA / math.sqrt(2 * depth)
    grown = math.sqrt(1 + 2 * depth)
    return Explanation(
        answer=(
            "Each residual branch adds its variance to the stream. With two branches in each of "
            f"{depth} blocks an unscaled stream ends ×{grown:.3g} as wide; GPT-2 divides the std "
            f"of the {2 * depth} projections that write to it by √(2·{depth}): 0.02 becomes "
            f"{short(scaled)}."
        ),
        paragraphs=(
            "If each branch puts out the variance of its normalised input, the stream's grows as "
            "1 + 2·layers. Divided by 2·layers, all branches together add 1, at any depth.",
            "Other cures set the branch to zero at first (the last norm's γ = 0, Fixup's last "
            "convolution, ReZero's α) or multiply it by a small γ (LayerScale): the stream starts "
            "at its own size.",
        ),
        derivations=(_depth_scaling(depth, scaled),),
        plot=_stream(depth),
        sources=(
            Reference(
                text="Radford et al.: Language Models are Unsupervised Multitask Learners, "
                "section 2.3 (GPT-2, 2019)"
            ),
            Reference(
                text="Zhang, Dauphin, Ma: Fixup Initialization (2019)",
                url="https://arxiv.org/abs/1901.09321",
            ),
        ),
    )


def _depth_scaling(depth: int, scaled: float) -> Derivation:
    return Derivation(
        title="GPT-2's residual projections",
        call="nn.init.normal_(w, std=0.02 / math.sqrt(2 * n_layer))",
        formula="N(0, 0.02/√(2·layers))",
        steps=(
            StepLine(symbol="branches", expression=f"2·layers = 2·{depth}", value=str(2 * depth)),
            StepLine(
                symbol="std", expression=f"0.02/√branches = 0.02/√{2 * depth}", value=short(scaled)
            ),
        ),
        remark="",
        source="transformers, GPT2PreTrainedModel._init_weights",
    )


def _stream(depth: int) -> LinePlot:
    at = tuple(map(float, range(depth + 1)))
    lines = (
        Line(name="unscaled", family="kaiming", x=at, y=tuple(math.sqrt(1 + 2 * d) for d in at)),
        Line(
            name="÷ √(2·layers)",
            family="pytorch",
            x=at,
            y=tuple(math.sqrt(1 + d / depth) for d in at),
        ),
        Line(name="branches start at zero", family="xavier", x=at, y=(1.0,) * len(at)),
    )
    top = lines[0].y[-1]
    return LinePlot(
        lines=lines,
        x_range=(0.0, float(depth)),
        y_range=(0.0, 1.08 * top),
        x_title="block",
        y_title="std of the stream",
        sentence=f"After {depth} blocks the stream is ×{top:.3g} as wide unscaled, ×1.41 scaled "
        "and ×1 with branches that start at zero.",
    )


RESIDUAL = Topic(
    id="residual",
    title="Residual branches",
    question="Why does the depth divide the spread?",
    explain=_residual,
    deep=True,
)
