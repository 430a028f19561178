"""Building blocks of a default: a law with its formula, call, source and worked steps."""

from __future__ import annotations

import math
from typing import NotRequired, TypedDict, Unpack

from app.core.distributions import Uniform
from app.core.fans import Fans
from app.core.report import DefaultLaw, Step

RECURRENT_REMARK = (
    "Every weight and both biases use hidden_size alone: input_size and proj_size are ignored."
)
SQRT5_REMARK = (
    "reset_parameters calls kaiming_uniform_(weight, a=√5). The √5 is not the slope of your "
    "activation: it is chosen so that the other factors cancel and leave 1/√fan_in. So the "
    "variance is 1/(3·fan_in); a ReLU layer needs 2/fan_in, 6 times more."
)


def constant(value: float, *, source: str, call: str, remark: str | None = None) -> DefaultLaw:
    """The default that sets every value alike."""
    return DefaultLaw(
        law="constant",
        bound=abs(value),
        std=0.0,
        value=value,
        formula=f"every value {value:g}",
        certainty="confirmed",
        call=call,
        source=source,
        steps=(Step(symbol="value", expression="set, not drawn", value=value),),
        remark=remark,
    )


class Told(TypedDict):
    """What is told of a law beside its numbers."""

    formula: str
    call: str
    source: str
    steps: tuple[Step, ...]
    remark: NotRequired[str | None]


def uniform(bound: float, **told: Unpack[Told]) -> DefaultLaw:
    """The default drawn from U(±bound); a last step gives the std unless one is there."""
    std = Uniform(bound=bound).std
    if all(step.symbol != "std" for step in told["steps"]):
        last = Step(symbol="std", expression="bound/√3, of a uniform law", value=std)
        told["steps"] = (*told["steps"], last)
    return DefaultLaw(
        law="uniform", bound=bound, std=std, value=None, certainty="confirmed", **told
    )


def normal(std: float, **told: Unpack[Told]) -> DefaultLaw:
    """The default drawn from N(0, std²); it has no bound."""
    return DefaultLaw(law="normal", bound=None, std=std, value=None, certainty="confirmed", **told)


def from_kaiming(fan_in: int, *, origin: str, source: str, trap: str | None) -> DefaultLaw | None:
    """The default of Linear and the convolutions: kaiming_uniform_(a=√5) = U(±1/√fan_in).

    Args:
        fan_in: By torch's convention; None comes back where it is below 1.
        origin: How fan_in follows from the shape.
        source: The torch method.
        trap: What is misleading about this class, if anything.

    Source:
        torch.nn.Linear.reset_parameters, torch.nn._ConvNd.reset_parameters, torch 2.13.
    """
    if fan_in < 1:
        return None
    bound = 1 / math.sqrt(fan_in)
    gain = math.sqrt(1 / 3)
    return uniform(
        bound,
        formula="U(±1/√fan_in)",
        call="nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))",
        source=source,
        steps=(
            Step(symbol="fan_in", expression=origin, value=fan_in),
            Step(
                symbol="gain",
                expression="√(2/(1+a²)) = √(2/(1+5)) = √(2/6) = √(1/3), with a = √5",
                value=gain,
            ),
            Step(
                symbol="std",
                expression=f"gain/√fan_in = √(1/3)/√{fan_in}",
                value=gain / math.sqrt(fan_in),
            ),
            Step(
                symbol="bound",
                expression=f"√3·std = √3·√(1/3)/√fan_in = 1/√fan_in = 1/√{fan_in}",
                value=bound,
            ),
        ),
        remark=" ".join(filter(None, [SQRT5_REMARK, trap])),
    )


def bias_at(fan_in: int) -> DefaultLaw | None:
    """The default of a bias of Linear or a convolution; None where no layer has such a fan_in.

    Source:
        torch.nn.Linear.reset_parameters, torch.nn._ConvNd.reset_parameters, torch 2.13.
    """
    if fan_in < 1:
        return None
    bound = 1 / math.sqrt(fan_in)
    return uniform(
        bound,
        formula="U(±1/√fan_in)",
        call="nn.init.uniform_(self.bias, -bound, bound)",
        source="torch.nn.Linear.reset_parameters",
        steps=(Step(symbol="bound", expression=f"1/√fan_in = 1/√{fan_in}", value=bound),),
    )


def xavier(both: Fans, *, source: str, call: str, remark: str | None = None) -> DefaultLaw:
    """The default drawn by xavier_uniform_: U(±√(6/(fan_in+fan_out)))."""
    total = both.fan_in + both.fan_out
    std = math.sqrt(2 / total)
    return uniform(
        math.sqrt(3) * std,
        formula="U(±√(6/(fan_in+fan_out)))",
        call=call,
        source=source,
        steps=(
            Step(symbol="fan_in", expression="size(1) of the weight", value=both.fan_in),
            Step(symbol="fan_out", expression="size(0) of the weight", value=both.fan_out),
            Step(
                symbol="std",
                expression=f"√(2/(fan_in+fan_out)) = √(2/{total})",
                value=std,
            ),
            Step(
                symbol="bound",
                expression=f"√3·std = √(6/(fan_in+fan_out)) = √(6/{total})",
                value=math.sqrt(3) * std,
            ),
        ),
        remark=remark,
    )
