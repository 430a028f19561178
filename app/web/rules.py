"""The explanations of rules that scale with the fans: √5, Kaiming, Xavier, LeCun."""

from __future__ import annotations

import math

from app.charts.lines import Line, LinePlot, densities
from app.charts.style import family
from app.core.activations import ACTIVATIONS
from app.core.schemes import BY_ID
from app.web.contexts import Fact
from app.web.numbers import Numbers, short, worked_default
from app.web.topics import Explanation, Reference, RuleRow, RuleTable, Topic

KAIMING = "kaiming_normal(fan_in,relu)"
KAIMING_OUT = "kaiming_normal(fan_out,relu)"
KAIMING_UNIFORM = "kaiming_uniform(fan_in,relu)"
XAVIER = "xavier_uniform(gain=1)"
XAVIER_NORMAL = "xavier_normal(gain=1)"
LECUN = "lecun_normal"
LECUN_UNIFORM = "lecun_uniform"
LECUN_CUT = "jax.lecun_normal"
DEFAULT = "torch_default"
FLOOR = 1e-12  # of the signal's axis; far below float32's rounding of a unit signal

HE = Reference(
    text="He, Zhang, Ren, Sun: Delving Deep into Rectifiers (2015), section 2.2",
    url="https://arxiv.org/abs/1502.01852",
)
GLOROT = Reference(
    text="Glorot, Bengio: Understanding the difficulty of training deep feedforward neural "
    "networks (2010), equations 12 and 16",
    url="https://proceedings.mlr.press/v9/glorot10a.html",
)
ISSUES = tuple(
    Reference(
        text=f"pytorch/pytorch issue {number}",
        url=f"https://github.com/pytorch/pytorch/issues/{number}",
    )
    for number in (15314, 19376, 42083, 50717, 57109, 129302)
)


def by_depth(numbers: Numbers, schemes: tuple[str, ...], *, kept: float) -> LinePlot:
    """RMS of a unit signal, layer by layer, in a square network without biases."""
    depths = tuple(range(numbers.layers + 1))
    lines = []
    for scheme in schemes:
        law = numbers.law(scheme)
        step = numbers.forward(law.std, kept=kept)
        y = tuple(math.exp(min(depth * math.log(step), 80.0)) for depth in depths)
        lines.append(
            Line(
                name=law.names[0],
                family=family(scheme, law.law),
                x=tuple(map(float, depths)),
                y=y,
            )
        )
    ends = [value for line in lines for value in line.y]
    low, high = max(FLOOR, min(ends) / 2), max(ends) * 2
    reached = [f"{line.name} {short(line.y[-1])}" for line in lines]
    return LinePlot(
        lines=tuple(lines),
        x_range=(0.0, float(numbers.layers)),
        y_range=(low, high),
        x_title="layer",
        y_title="RMS of the signal",
        log=True,
        sentence=f"Size of a signal of 1 after {numbers.layers} layers: {', '.join(reached)}.",
    )


def _table(numbers: Numbers, schemes: tuple[str, ...], *, kept: float, after: str) -> RuleTable:
    rows = []
    for scheme in schemes:
        law = numbers.law(scheme)
        factors = (numbers.forward(law.std, kept=kept), numbers.backward(law.std, kept=kept))
        cells = (
            short(law.std),
            "none" if law.bound is None else f"±{short(law.bound)}",
            *(f"×{factor:.3g}" for factor in factors),
        )
        rows.append(RuleRow(name=law.names[0], cells=cells))
    return RuleTable(
        title=f"What one layer and its {after} do to the RMS",
        columns=("rule", "std", "bound", "signal, forward", "gradient, backward"),
        rows=tuple(rows),
    )


def _sqrt5(numbers: Numbers) -> Explanation:
    default, kaiming = numbers.default, numbers.law(KAIMING)
    factor = (kaiming.std / default.std) ** 2
    forward = numbers.forward(default.std)
    laws = [numbers.law(DEFAULT), numbers.law(KAIMING_UNIFORM), kaiming]
    return Explanation(
        answer=(
            "reset_parameters calls kaiming_uniform_(weight, a=√5). The √5 is not the slope of "
            "your activation. It is chosen so that the other factors cancel and leave "
            f"U(±1/√fan_in), here ±{short(default.bound)}."
        ),
        paragraphs=(
            f"So the variance is 1/(3·fan_in) = {short(default.std**2)}. A ReLU layer needs "
            f"2/fan_in = {short(kaiming.std**2)} to keep its signal, {factor:.3g} times more: each "
            f"default layer with a ReLU multiplies the RMS of its signal by {forward:.3g}, biases "
            "aside.",
            "The rule is older than its name: Torch7's nn.Linear drew U(±1/√fan_in), and PyTorch "
            "kept those numbers and wrote them as a Kaiming call. "
            "Normalisation layers set the size right again; without them it shrinks in every "
            "layer.",
            "For a ReLU network, draw the weights yourself: nn.init.kaiming_normal_(w, "
            "nonlinearity='relu').",
        ),
        derivations=(worked_default(default, "PyTorch default"), numbers.worked(KAIMING)),
        table=_table(numbers, (DEFAULT, KAIMING_UNIFORM, KAIMING), kept=0.5, after="ReLU"),
        plot=densities(
            laws,
            sentence=f"The default ends at ±{short(default.bound)}; a ReLU layer needs a spread "
            f"{math.sqrt(factor):.3g} times as wide.",
        ),
        sources=(
            Reference(text="torch.nn.Linear.reset_parameters and torch.nn.init, torch 2.13"),
            *ISSUES,
        ),
    )


def _kaiming(numbers: Numbers) -> Explanation:
    kaiming, backward = numbers.law(KAIMING), numbers.law(KAIMING_OUT)
    ratio = backward.std / kaiming.std
    differ = (
        "Here both give the same law, because fan_in = fan_out."
        if numbers.fan_in == numbers.fan_out
        else f"Here fan_out's std is ×{ratio:.3g} that of fan_in: a choice, as one layer cannot "
        "keep both."
    )
    return Explanation(
        answer=(
            "A ReLU sets half of its inputs to zero, which halves the mean square. Kaiming puts "
            f"the factor 2 back: std = √(2/fan_in) = {short(kaiming.std)}."
        ),
        paragraphs=(
            "mode='fan_in' keeps the size of the signal from layer to layer, mode='fan_out' that "
            f"of the gradient on its way back. {differ}",
            "Torch's fan_out of a convolution ignores its groups, and a transposed convolution's "
            "fans are swapped: a fan_out scheme on these draws a wrong scale.",
        ),
        derivations=(numbers.worked(KAIMING), numbers.worked(KAIMING_UNIFORM)),
        points=tuple(
            Fact(name=f"gain of {item.name}", value=f"{item.formula}: {item.reason}")
            for item in ACTIVATIONS
        ),
        table=_table(numbers, (KAIMING, KAIMING_OUT, XAVIER, DEFAULT), kept=0.5, after="ReLU"),
        plot=by_depth(numbers, (KAIMING, XAVIER, DEFAULT), kept=0.5),
        sources=(HE, Reference(text="torch.nn.init.kaiming_normal_ and calculate_gain")),
    )


def _xavier(numbers: Numbers) -> Explanation:
    law = numbers.law(XAVIER)
    square = numbers.fan_in == numbers.fan_out
    compromise = (
        "With fan_in = fan_out, as here, both wishes agree and Xavier is LeCun's rule: the "
        "weights cannot tell them apart."
        if square
        else f"Here a linear layer changes its signal by ×{numbers.forward(law.std, kept=1):.3g} "
        f"and its gradient by ×{numbers.backward(law.std, kept=1):.3g}."
    )
    return Explanation(
        answer=(
            "The signal wants a variance of 1/fan_in, the gradient 1/fan_out. Xavier divides by "
            f"the mean of both: std = √(2/(fan_in+fan_out)) = {short(law.std)}, as a uniform law "
            f"±{short(law.bound)}."
        ),
        paragraphs=(
            compromise,
            "It was made for tanh near zero, where the slope is 1. After a ReLU half of the mean "
            "square is gone, so each square layer multiplies the RMS by "
            f"{math.sqrt(0.5):.3g}: use Kaiming there. Keras and TensorFlow draw Dense and Conv "
            "layers from it by default, under the name Glorot.",
        ),
        derivations=(numbers.worked(XAVIER), numbers.worked(XAVIER_NORMAL)),
        table=_table(
            numbers,
            (XAVIER, LECUN, "kaiming_normal(fan_out,linear)"),
            kept=1.0,
            after="identity or tanh near zero",
        ),
        plot=densities(
            [law, numbers.law(XAVIER_NORMAL)],
            sentence="Both forms of Xavier have one std; only the uniform one has a bound.",
        ),
        sources=(GLOROT, Reference(text="torch.nn.init.xavier_uniform_ and xavier_normal_")),
    )


def _lecun(numbers: Numbers) -> Explanation:
    law, cut, edge = numbers.law(LECUN), numbers.law(LECUN_CUT), numbers.law(LECUN_UNIFORM)
    return Explanation(
        answer=(
            "A sum of fan_in terms has fan_in times the variance of one. LeCun's rule divides "
            f"that out: std = √(1/fan_in) = {short(law.std)}, or uniform on ±√(3/fan_in) = "
            f"±{short(edge.bound)}."
        ),
        paragraphs=(
            "It keeps the size of a signal through linear layers, and it is what self-normalising "
            "networks (SELU) need. With a ReLU it is short of Kaiming by √2.",
            f"Under this name JAX and Flax draw a truncated normal: cut at ±{short(cut.bound)}, "
            f"widened before the cut so that the std after it is {short(cut.std)} again. A plain "
            "normal has values beyond that cut, a truncated one never does.",
        ),
        derivations=(numbers.worked(LECUN), numbers.worked(LECUN_CUT)),
        table=_table(numbers, (LECUN, LECUN_UNIFORM, KAIMING), kept=1.0, after="identity"),
        plot=densities(
            [law, edge, cut], sentence="Three laws of one std: normal, uniform and truncated."
        ),
        sources=(
            Reference(text=BY_ID[LECUN].source),
            Reference(
                text="Klambauer et al.: Self-Normalizing Neural Networks (2017)",
                url="https://arxiv.org/abs/1706.02515",
            ),
        ),
    )


RULES = (
    Topic(
        id="sqrt5",
        title="√5",
        question="Why does PyTorch call kaiming_uniform_ with a=√5?",
        explain=_sqrt5,
    ),
    Topic(
        id="kaiming",
        title="Kaiming and ReLU",
        question="Why √(2/fan_in)?",
        explain=_kaiming,
        deep=True,
    ),
    Topic(id="xavier", title="Xavier", question="Why both fans?", explain=_xavier),
    Topic(id="lecun", title="LeCun", question="Why 1/fan_in?", explain=_lecun),
)
