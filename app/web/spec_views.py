"""The spec editor's page: the text, the examples, and what was understood of the text."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from app.architecture.examples import EXAMPLES
from app.architecture.understanding import understand
from app.architecture.words import in_words, parameter_count
from app.charts.names import headed, shortened, visible
from app.core.graph import Graph, Inventory
from app.errors import NotANetwork, Refused
from app.web import filters
from app.web.addresses import at
from app.web.propagation_contexts import Option
from app.web.propagation_controls import LAW_NAMES
from app.web.render import Page
from app.web.wording import layer_kind

MOST_LAYERS = 400  # shown of a network
LONGEST_NAME = 80
LONGEST_TITLE = 200
LONGEST_LINE = 160
LONGEST_QUERY = 1500  # characters of a text that an address may hold
LINE = re.compile(r"\blines? (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoLayer:
    """One operation or module that was understood."""

    name: str
    kind: str
    shape: str  # of its output, without the batch
    parameters: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A line of the text around the one that is wrong."""

    number: int
    text: str
    wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """What was understood, or why not."""

    runs: bool  # can be measured
    headline: str
    hint: str
    notes: tuple[str, ...]
    line: int | None  # that is wrong
    marked: tuple[Marked, ...]
    layers: tuple[EchoLayer, ...]
    further: int  # layers that are not shown
    suggestion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleLink:
    """A network to start from."""

    name: str
    about: str
    href: str  # the editor with its text in it


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecPage(Page):
    """The context of spec.html."""

    net: str
    weights: str  # id of a checkpoint that the network is for, "" without
    weights_name: str
    echo: Echo | None  # None for an empty text
    laws: tuple[Option, ...]  # of the input
    examples: tuple[ExampleLink, ...]
    longest: int  # characters that the address may hold


def spec_page(
    net: str, *, law: str = "normal", weights: str = "", weights_name: str = ""
) -> SpecPage:
    """The context of spec.html for a text.

    Args:
        net: The text.
        law: Of the inputs that it is to be measured on.
        weights: Id of a checkpoint that the network is for.
        weights_name: The checkpoint's name.
    """
    query = f"?{urlencode({'net': net})}" if 0 < len(net) <= LONGEST_QUERY else ""
    return SpecPage(
        title="A network without a checkpoint",
        json_url=at(f"/spec.json{query}"),
        net=net,
        weights=weights,
        weights_name=visible(weights_name),
        echo=echo_of(net),
        laws=tuple(
            Option(value=value, label=label, chosen=value == law)
            for value, label in LAW_NAMES.items()
        ),
        examples=tuple(
            ExampleLink(name=one.name, about=one.about, href=editor_url(one.text, law=one.input))
            for one in EXAMPLES
        ),
        longest=LONGEST_QUERY,
    )


def editor_url(net: str, *, law: str = "normal") -> str:
    """The editor with a text in it."""
    fields = {"net": net} if law == "normal" else {"net": net, "input": law}
    return at(f"/spec?{urlencode(fields)}")


def normal(net: str) -> str:
    """The text as it is stored: one kind of line end, nothing after the last line."""
    return net.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"


def echo_of(net: str) -> Echo | None:
    """What was understood of a text; None where there is none."""
    if not net.strip():
        return None
    try:
        found = understand(normal(net))
    except Refused as problem:
        return _refused(net, problem)
    return _graph(found) if isinstance(found, Graph) else _inventory(found)


def _refused(net: str, problem: Refused) -> Echo:
    reason = problem.facts.get("reason") if isinstance(problem, NotANetwork) else None
    told = str(reason or problem.message)
    place = LINE.search(told)
    line = int(place[1]) if place else None
    return Echo(
        runs=False,
        headline=visible(told),
        hint=problem.hint,
        notes=(),
        line=line,
        marked=_marked(normal(net), line),
        layers=(),
        further=0,
        suggestion="",
    )


def _marked(net: str, line: int | None) -> tuple[Marked, ...]:
    """The wrong line between its neighbours."""
    lines = net.split("\n")
    if line is None or not 1 <= line <= len(lines):
        return ()
    near = range(max(1, line - 1), min(len(lines), line + 1) + 1)
    return tuple(
        Marked(number=at, text=headed(lines[at - 1], LONGEST_LINE), wrong=at == line) for at in near
    )


def title_of(found: Graph) -> str:
    """The layers in a few words that can be shown: "20 Conv2d, 1 Linear"."""
    return headed(in_words(found), LONGEST_TITLE)


def _graph(found: Graph) -> Echo:
    of_module: Counter[str] = Counter()
    for one in found.parameters:
        if one.learned:
            of_module[one.facts.module] += math.prod(one.shape)
    layers = []
    for node in found.nodes[:MOST_LAYERS]:
        values = of_module.pop(node.module, 0)
        layers.append(
            EchoLayer(
                name=shortened(node.name, LONGEST_NAME),
                kind=shortened(layer_kind(node.kind) or node.op, LONGEST_NAME),
                shape=" and ".join(_without_batch(shape) for shape in node.shapes),
                parameters=filters.count(values) if values else "",
                line="" if node.line is None else str(node.line),
            )
        )
    given = ", ".join(_without_batch(one.shape) for one in found.inputs)
    return Echo(
        runs=True,
        headline=f"{title_of(found)}, {filters.count(parameter_count(found))} parameters",
        hint=f"Input {given}; {filters.plural(len(found.nodes), 'operation')}.",
        notes=tuple(visible(note) for note in found.notes),
        line=None,
        marked=(),
        layers=tuple(layers),
        further=max(0, len(found.nodes) - MOST_LAYERS),
        suggestion="",
    )


def _without_batch(shape: tuple[int, ...]) -> str:
    return filters.shape(shape[1:]) if len(shape) > 1 else "one number"


def _inventory(found: Inventory) -> Echo:
    total = sum(layer.parameters for layer in found.layers)
    modules = filters.plural(len(found.layers), "module")
    return Echo(
        runs=False,
        headline=f"{modules}, {filters.count(total)} parameters: an inventory, which cannot run",
        hint=visible(found.reason),
        notes=(),
        line=None,
        marked=(),
        layers=tuple(
            EchoLayer(
                name=shortened(layer.path, LONGEST_NAME) or "the model itself",
                kind=shortened(layer.kind, LONGEST_NAME),
                shape=shortened(layer.text, LONGEST_NAME),
                parameters=filters.count(layer.parameters) if layer.parameters else "",
                line="" if layer.line is None else str(layer.line),
            )
            for layer in found.layers[:MOST_LAYERS]
        ),
        further=max(0, len(found.layers) - MOST_LAYERS),
        suggestion=found.suggestion or "",
    )
