"""The explanations of what no fan decides: biases, cuts, orthogonal matrices, zeros, depth."""

from __future__ import annotations

import math

import numpy as np

from app.charts.lines import Line, LinePlot, densities
from app.core.distributions import truncated_std
from app.web.contexts import Fact
from app.web.numbers import Numbers, short, worked_default
from app.web.rules import LECUN, LECUN_CUT
from app.web.topics import Explanation, Reference, RuleRow, RuleTable, Topic

CUT = 2.0  # parent sigmas at which JAX, Keras and TensorFlow truncate
ORTHOGONAL = "orthogonal(gain=1)"
SIGMA = 0.02  # the std that most libraries' examples take
POINTS = 161  # of a curve


def _biases(numbers: Numbers) -> Explanation:
    law, weight = numbers.bias, numbers.default
    step = numbers.forward(weight.std) ** 2  # of the mean square
    fixed = law.std**2 / (1 - step) if step < 1 else math.inf
    left = math.exp(numbers.layers * math.log(step)) if step > 0 else 0.0
    return Explanation(
        answer=(
            "PyTorch draws the bias of a Linear or Conv from U(±1/√fan_in), here "
            f"±{short(law.bound)}: the weight's own bound, whatever the length of the bias. Most "
            "other libraries set it to 0."
        ),
        paragraphs=(
            "The bias takes the fan_in of its weight. LSTM and GRU take 1/√hidden_size instead; "
            "the biases of norm layers and of attention start at 0.",
            "Deep ReLU networks on PyTorch's default hide a failure behind it. The weights shrink "
            f"the mean square by {step:.3g} a layer, so of a unit input {short(left)} is left "
            f"after {numbers.layers} layers; the biases add {short(law.std**2)} in each, and the "
            f"mean square settles at {short(fixed)}. The size looks steady, but it is all bias: "
            "the output no longer depends on the input.",
        ),
        derivations=(worked_default(law, "PyTorch default of a bias"),),
        plot=_energy(numbers, step=step, added=law.std**2),
        sources=(Reference(text="torch.nn.Linear.reset_parameters, torch 2.13"),),
    )


def _energy(numbers: Numbers, *, step: float, added: float) -> LinePlot:
    depths = tuple(map(float, range(numbers.layers + 1)))
    came = tuple(math.exp(depth * math.log(step)) for depth in depths)
    bias = tuple(added * (1 - value) / (1 - step) for value in came)
    lines = (
        Line(name="from the input", family="pytorch", x=depths, y=came),
        Line(name="from the biases", family="kaiming", x=depths[1:], y=bias[1:]),
    )
    return LinePlot(
        lines=lines,
        x_range=(0.0, depths[-1]),
        y_range=(max(1e-12, min(came[-1], bias[1]) / 3), 3.0),
        x_title="layer of a ReLU network on PyTorch's default",
        y_title="mean square",
        log=True,
        sentence=(
            f"After {numbers.layers} layers the input's part of the mean square is "
            f"{short(came[-1])}, that of the biases {short(bias[-1])}."
        ),
    )


def _truncation(numbers: Numbers) -> Explanation:
    plain, cut = numbers.law(LECUN), numbers.law(LECUN_CUT)
    shrink = truncated_std(CUT)
    rows = (
        ("nn.init.trunc_normal_(w, std=0.02)", "±2 absolute = ±100σ", SIGMA),
        ("nn.init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04)", "±2σ", SIGMA * shrink),
        ("keras TruncatedNormal(stddev=0.02)", "±2σ", SIGMA * shrink),
        ("jax truncated_normal(0.02)", "±2σ", SIGMA * shrink),
    )
    return Explanation(
        answer=(
            "“Truncated normal 0.02” names two laws. torch's trunc_normal_ cuts at ±2 in weight "
            "units, a hundred sigmas away, which is no cut at all; JAX, Keras and TensorFlow cut "
            f"at ±2 sigmas, which leaves a std of {shrink:.4f}·0.02 = {short(shrink * SIGMA)}."
        ),
        paragraphs=(
            "Where the std matters, as in JAX's and Keras' variance scaling, the parent is widened "
            f"by 1/{shrink:.4f} first. At fan_in {numbers.fan_in}: std {short(cut.std)} after the "
            f"cut, and no value beyond ±{short(cut.bound)}.",
            f"Of a plain normal {100 * math.erfc(CUT / shrink / math.sqrt(2)):.2g} % of the values "
            "lie beyond that point, so a few hundred values tell the two apart.",
        ),
        derivations=(numbers.worked(LECUN_CUT), numbers.worked("truncated_normal(0.02,±2σ)")),
        table=RuleTable(
            title="The same words, the laws they draw",
            columns=("call", "cut at", "std after the cut"),
            rows=tuple(RuleRow(name=name, cells=(at, short(std))) for name, at, std in rows),
        ),
        plot=densities(
            [plain, cut],
            sentence=f"Equal stds; the truncated law ends at ±{short(cut.bound)}.",
        ),
        sources=(
            Reference(text="torch.nn.init.trunc_normal_, torch 2.13: a=-2, b=2 in weight units"),
            Reference(text="jax.nn.initializers.variance_scaling; keras.initializers"),
        ),
    )


def _orthogonal(numbers: Numbers) -> Explanation:
    law = numbers.law(ORTHOGONAL)
    ratio = min(numbers.fan_in, numbers.fan_out) / max(numbers.fan_in, numbers.fan_out)
    low, high = 1 - math.sqrt(ratio), 1 + math.sqrt(ratio)
    return Explanation(
        answer=(
            f"Every singular value of an orthogonal {numbers.fan_out} × {numbers.fan_in} matrix is "
            f"1, so it changes no length within its rows or columns; those of a normal draw "
            f"spread from {short(low)} to {short(high)}."
        ),
        paragraphs=(
            "A product of many random matrices stretches some directions and loses the rest, even "
            "where the mean size is right. A product of orthogonal ones does neither: that is why "
            "recurrent weights and very deep linear networks start there.",
            f"Its entries have a std of 1/√max(rows, columns) = {short(law.std)} and look normal: "
            "no histogram shows it. What shows it is W·Wᵀ = gain²·I (or Wᵀ·W for a tall matrix), "
            "exact up to rounding, and the first training step breaks it.",
        ),
        derivations=(numbers.worked(ORTHOGONAL),),
        plot=_singular_values(low, high, ratio),
        sources=(
            Reference(
                text="Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of "
                "learning in deep linear neural networks (2013)",
                url="https://arxiv.org/abs/1312.6120",
            ),
            Reference(text="Marchenko, Pastur (1967): the spread of a normal draw's values"),
            Reference(text="torch.nn.init.orthogonal_, torch 2.13"),
        ),
    )


def _singular_values(low: float, high: float, ratio: float) -> LinePlot:
    s = np.linspace(max(low, 1e-3), high, POINTS)
    inside = np.maximum((high**2 - s**2) * (s**2 - low**2), 0.0)
    density = np.sqrt(inside) / (math.pi * ratio * s)
    top = 1.3 * float(density.max())
    lines = (
        Line(
            name="normal draw, std 1/√max(rows, columns)",
            family="lecun",
            x=tuple(s.tolist()),
            y=tuple(density.tolist()),
        ),
        Line(name="orthogonal: all at 1", family="xavier", x=(1.0, 1.0), y=(0.0, top)),
    )
    return LinePlot(
        lines=lines,
        x_range=(max(0.0, low - 0.15), high + 0.15),
        y_range=(0.0, top),
        x_title="singular value",
        y_title="density",
        sentence=f"A normal draw's singular values spread from {short(low)} to {short(high)}; an "
        "orthogonal matrix has them all at 1.",
    )


def _zero(numbers: Numbers) -> Explanation:
    size = numbers.fan_in * numbers.fan_out
    return Explanation(
        answer=(
            f"A {numbers.fan_out} × {numbers.fan_in} weight of zeros passes no signal, and no "
            "gradient reaches the layers before it. It is fine only where another path carries "
            "both."
        ),
        paragraphs=(
            "y = W·x = 0 and ∂L/∂x = Wᵀ·∂L/∂y = 0, yet ∂L/∂W = ∂L/∂y·xᵀ is not: one zero layer "
            "learns from the first step as long as x and ∂L/∂y arrive. Two zero layers in a "
            "row, without biases, stop each other for ever.",
            f"A constant other than zero is hardly better: all {numbers.fan_out} units compute the "
            f"same thing, {size:,} weights doing the work of {numbers.fan_in}. They part only as "
            "far as what follows treats them differently, and never where that is constant too.",
        ),
        points=(
            Fact(name="last layer or norm of a residual branch", value="fine: the skip carries on"),
            Fact(name="LoRA B", value="fine: A is drawn, and the frozen weight carries on"),
            Fact(name="ControlNet's zero convolutions", value="fine: they join a working network"),
            Fact(name="adaLN-zero, ReZero, SkipInit", value="fine: gates of a residual branch"),
            Fact(
                name="a classifier's last layer",
                value="fine: it moves in the first step, what is before it follows",
            ),
            Fact(name="biases", value="fine: the weights break the symmetry"),
            Fact(name="a layer in the main path", value="blocks the network"),
            Fact(name="LoRA A and B both", value="never learns"),
        ),
        sources=(
            Reference(
                text="Goyal et al.: Accurate, Large Minibatch SGD (2017), section 5.1: γ = 0",
                url="https://arxiv.org/abs/1706.02677",
            ),
            Reference(
                text="Hu et al.: LoRA (2021), section 4.1", url="https://arxiv.org/abs/2106.09685"
            ),
        ),
    )


CASES = (
    Topic(
        id="biases",
        title="Biases",
        question="Why are PyTorch's biases not zero?",
        explain=_biases,
        deep=True,
    ),
    Topic(
        id="truncation",
        title="Truncation",
        question="Where is a truncated normal cut?",
        explain=_truncation,
    ),
    Topic(
        id="orthogonal",
        title="Orthogonal",
        question="What does an orthogonal matrix keep?",
        explain=_orthogonal,
    ),
    Topic(id="zero", title="Zeros", question="When may a weight be all zeros?", explain=_zero),
)
