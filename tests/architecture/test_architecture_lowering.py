from __future__ import annotations

import inspect
import warnings

import pytest
import torch
from layer_cases import CASES, graph_of, halves, live
from running_graphs import run
from torch import nn

from app.architecture.lowering import RULES
from app.architecture.signatures import OPERATIONS, SIGNATURES, names
from app.core.graph import Graph
from app.core.operators import OPERATORS

TOLERANCE = 1e-6  # of outputs near 1: a few roundings of float32


def drawn(graph: Graph, batch: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(9)
    found = {}
    for given in graph.inputs:
        shape = (batch, *given.shape[1:])
        if given.draw == "tokens":
            found[given.name] = torch.randint(0, given.high, shape, generator=generator)
        else:
            found[given.name] = torch.randn(shape, generator=generator)
    return found


def answer(module: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The live module's output, with the batch first."""
    turned = hasattr(module, "batch_first") and not module.batch_first
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        turned = not module.self_attn.batch_first
    given = [x.transpose(0, 1) if turned else x for x in inputs.values()]
    if isinstance(module, nn.MultiheadAttention):
        given = given * 3
    if isinstance(module, nn.Bilinear):
        given = given * 2
    found = module(*(x.clone() for x in given))
    found = found[0] if isinstance(found, tuple) else found
    return found.transpose(0, 1) if turned else found


@pytest.mark.parametrize("case", CASES)
def test_a_lowered_layer_gives_what_the_live_module_gives(case):
    text, shape = halves(case)
    graph = graph_of(text, shape)
    for batch in (graph.batch, graph.batch + 1):
        inputs = drawn(graph, batch)
        module = live(text.replace("SyncBatchNorm", "BatchNorm1d"))
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = {} if "Lazy" in text else stored(module)
            expected = answer(module, inputs)
            values = run(graph, inputs, state or stored(module), checked=batch == graph.batch)
        found = values[graph.outputs[0]]
        torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def stored(module: nn.Module) -> dict[str, torch.Tensor]:
    return {f"0.{name}": value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("case", [case for case in CASES if "Lazy" not in case])
def test_parameters_are_those_of_the_live_module(case):
    text, shape = halves(case)
    expected = {
        name: tuple(value.shape)
        for name, value in stored(live(text)).items()
        if not name.endswith("num_batches_tracked")
    }
    assert {p.name: p.shape for p in graph_of(text, shape).parameters} == expected


def test_every_operator_is_on_the_list():
    nodes = [node for case in CASES for node in graph_of(*halves(case)).nodes]
    assert {node.op for node in nodes} <= set(OPERATORS)


def test_arguments_are_those_of_the_operators_schemas():
    for node in [node for case in CASES for node in graph_of(*halves(case)).nodes]:
        package, name, overload = node.op.split(".")
        schema = getattr(getattr(getattr(torch.ops, package), name), overload)._schema
        assert set(node.arguments) <= {argument.name for argument in schema.arguments}, node


def test_every_class_has_a_case():
    tried = {case.partition("(")[0] for case in CASES}
    lazy = {kind for kind in SIGNATURES if kind.startswith("Lazy")}
    assert set(SIGNATURES) - lazy - {"Identity"} <= tried


def test_every_class_has_a_rule():
    stacks = {"TransformerEncoder", "TransformerDecoder"}
    eager = {kind for kind in {*SIGNATURES, *OPERATIONS} if not kind.startswith("Lazy")}
    assert eager - stacks == set(RULES)


@pytest.mark.parametrize(
    "kind", [kind for kind in SIGNATURES if kind not in {"RNN", "LSTM", "GRU", "Identity"}]
)
def test_a_signature_is_torchs(kind):
    placed, by_name, needed = names(kind)
    every = list(inspect.signature(getattr(nn, kind).__init__).parameters.values())[1:]
    own = [p for p in every if p.name[0] != "_" and p.kind.name[:3] != "VAR"]
    assert placed == [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [n for n in by_name if n != "causal"] == [
        p.name for p in own if p.kind is p.KEYWORD_ONLY
    ]
    assert needed == {p.name for p in own if p.default is p.empty}
