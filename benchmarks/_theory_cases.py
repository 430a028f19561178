"""How a network that theory is held against is written down: its text, its weights, its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from app.architecture.understanding import understand
from app.core.distributions import Distribution, Normal
from app.core.graph import Graph, Parameter
from app.core.recipes import Recipe, recipe

HE: Final = "kaiming_normal(fan_in,relu)"
LECUN: Final = "lecun_normal"
XAVIER: Final = "xavier_normal(gain=1)"
DEFAULT: Final = "torch_default"
RELU: Final = "ReLU()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A row of the reference's table: relative errors, and the spread of one network."""

    std: tuple[float, float, float]  # worst, median, last node
    mean: float  # worst error of the mean in standard deviations
    gradient: tuple[float, float, float]  # worst, median, first node
    spread: float  # sd of the last std over networks


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network, how its weights are drawn, and how many are measured."""

    name: str
    text: str
    scheme: str = DEFAULT
    bias: float | None = None  # std of normal biases; None: the scheme's
    law: Literal["normal", "uniform01"] = "normal"  # of the inputs
    seeds: int = 16
    reached: Reached | None = None  # None: the reference has no such network

    def graph(self) -> Graph:
        """The network's one form."""
        found = understand(self.text)
        assert isinstance(found, Graph), self.name
        return found

    def recipe(self, graph: Graph) -> Recipe:
        """The laws of its parameters."""
        found = recipe(graph, self.scheme)
        laws = {one.name: self._law(one, found.laws) for one in graph.parameters}
        kept = {name: law for name, law in laws.items() if law is not None}
        return replace(found, laws=kept)

    def _law(self, parameter: Parameter, laws: Mapping[str, Distribution]) -> Distribution | None:
        law = laws.get(parameter.name)
        if self.bias is not None and parameter.name.endswith("bias"):
            return Normal(std=self.bias)
        return law


def mlp(width: int, depth: int, *layers: str, bias: bool = True) -> str:
    linear = f"Linear({width}, {width}{'' if bias else ', bias=False'})"
    body = ", ".join((linear, *layers))
    return f"{depth} x [{body}]\n{linear}"


def document(entry: str, lines: str) -> str:
    return f"input: {entry}\nlayers:\n" + "\n".join(f"  {line}" for line in lines.splitlines())


def residual(body: str, *, shortcut: str = "") -> str:
    end = f", shortcut: [{shortcut}]" if shortcut else ""
    return f"- {{residual: [{body}]{end}}}"


def times(count: int, body: str) -> str:
    inside = "\n".join(f"    {line}" for line in body.splitlines())
    return f"- repeat:\n    times: {count}\n    of:\n{inside}"


def joined(*lines: str) -> str:
    return "\n".join(lines)


def quoted(*layers: str) -> str:
    return ", ".join(f'"{layer}"' for layer in layers)


def vgg(*, norm: bool, act: str = RELU, pool: str = "MaxPool2d(2)") -> str:
    lines, channels = [], 3
    for width in (64, 128, 256, 256):
        for _ in range(2):
            lines.append(f"- Conv2d({channels}, {width}, 3, padding=1)")
            lines += [f"- BatchNorm2d({width})"] if norm else []
            lines.append(f"- {act}")
            channels = width
        lines.append(f"- {pool}")
    return document("[3, 16, 16]", joined(*lines, "- Flatten()", "- Linear(256, 100)"))


def resnet(blocks: int, *, norm: bool, widths: tuple[int, ...] = (32, 64, 128)) -> str:
    """A residual network of basic blocks in three stages, as for CIFAR."""
    lines = stem(widths[0], norm=norm)
    before = widths[0]
    for width in widths:
        for number in range(blocks):
            stride = 2 if number == 0 and width != before else 1
            lines += [basic(before, width, stride, norm=norm), f"- {RELU}"]
            before = width
    lines += ["- AdaptiveAvgPool2d(1)", "- Flatten()", f"- Linear({widths[-1]}, 100)"]
    return document("[3, 16, 16]", joined(*lines))


def stem(width: int, *, norm: bool) -> list[str]:
    kept = [f"- BatchNorm2d({width})"] if norm else []
    return [f"- Conv2d(3, {width}, 3, padding=1, bias=False)", *kept, f"- {RELU}"]


def basic(before: int, width: int, stride: int, *, norm: bool) -> str:
    rest = [f"BatchNorm2d({width})"] if norm else []
    first = f"Conv2d({before}, {width}, 3, stride={stride}, padding=1, bias=False)"
    second = f"Conv2d({width}, {width}, 3, padding=1, bias=False)"
    body = quoted(first, *rest, RELU, second, *rest)
    if stride == 1 and before == width:
        return residual(body)
    short = quoted(f"Conv2d({before}, {width}, 1, stride={stride}, bias=False)", *rest)
    return residual(body, shortcut=short)


def encoder(  # noqa: PLR0913 # a transformer's sizes
    *,
    tokens: int,
    width: int,
    heads: int,
    depth: int,
    hidden: int,
    act: str,
    first: bool,
    causal: bool = False,
) -> str:
    attention = f"MultiheadAttention({width}, {heads}, batch_first=True{_causal(causal)})"
    mlp = (f"Linear({width}, {hidden})", f"{act}()", f"Linear({hidden}, {width})")
    norm = f"LayerNorm({width})"
    parts = ((attention,), mlp)
    lines: list[str] = []
    for part in parts:
        inside = (norm, *part) if first else part
        lines += [residual(quoted(*inside))] + ([] if first else [f"- {norm}"])
    end = [f"- {norm}"] if first else []
    return document(f"[{tokens}, {width}]", joined(times(depth, joined(*lines)), *end))


def _causal(causal: bool) -> str:  # one word of a layer
    return ", causal=True" if causal else ""


def reached(  # noqa: PLR0913 # the columns of a table
    worst: float,
    middle: float,
    last: float,
    mean: float,
    most: float,
    usual: float,
    first: float,
    spread: float,
) -> Reached:
    return Reached(
        std=(worst, middle, last), mean=mean, gradient=(most, usual, first), spread=spread
    )
