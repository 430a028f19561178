from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from app.architecture.understanding import understand
from app.core.graph import Graph, Node, Value
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.predict import Prediction, predict
from app.core.meanfield.rules.table import RULES
from app.core.meanfield.step import WeightMoments
from app.core.recipes import recipe
from tests.theory_checks import agrees, predicted, sampled

TEXT = "Conv1d(3, 8, 3)\nGroupNorm(2, 8)\nGELU()\nAdaptiveAvgPool1d(1)\nFlatten()\nLinear(8, 2)"


def theory(graph: Graph, weights: dict[str, WeightMoments] | None = None) -> Prediction:
    return predict(graph, weights=weights or drawn_moments(recipe(graph, "torch_default")))


def with_node(graph: Graph, at: int, **changes: object) -> Graph:
    nodes = list(graph.nodes)
    nodes[at] = replace(nodes[at], **changes)
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("op", sorted(RULES))
def test_any_operator_in_a_form_that_no_rule_has_met_is_a_stop(op: str):
    graph = understand(TEXT)
    assert isinstance(graph, Graph)
    shape = graph.nodes[2].shapes[0]
    with np.errstate(all="ignore"):
        assert isinstance(theory(with_node(graph, 2, op=op)), Prediction)
        assert theory(with_node(graph, 2, op=op, arguments={})).stops
        found = theory(with_node(graph, 2, op=op, shapes=((), (0, *shape))))
    assert isinstance(found, Prediction)


@pytest.mark.parametrize("shape", [(), (0, 3, 16), (4, 0, 16), (4, 3, 0), (2, 9, 9, 9, 9, 9, 9, 9)])
def test_inputs_of_any_shape_are_followed_or_refused(shape: tuple[int, ...]):
    graph = understand(TEXT)
    assert isinstance(graph, Graph)
    given = tuple(replace(one, shape=shape) for one in graph.inputs)
    assert theory(replace(graph, inputs=given)).stops


@pytest.mark.parametrize("second", [1e200, 1e308, float("nan")])
def test_numbers_beyond_float64_are_a_stop_and_no_theory(second: float):
    graph = understand("Linear(8, 8)\nTanh()\nLinear(8, 8)\nLinear(8, 8)")
    assert isinstance(graph, Graph)
    weights = {one.name: WeightMoments(mean=0.0, second=second) for one in graph.parameters}
    with np.errstate(all="ignore"):
        found = theory(graph, weights)
    assert found.stops
    numbers = [one.rms for one in found.nodes.values()]
    assert all(np.isfinite(one) for one in numbers)


def test_a_value_that_nobody_uses_needs_no_theory():
    graph = understand("Linear(8, 8)\nReLU()\nLinear(8, 8)")
    assert isinstance(graph, Graph)
    unused = Node(
        name="unused",
        op="aten.neg.default",
        arguments={"self": Value(value=graph.inputs[0].name)},
        results=("unused",),
        shapes=(graph.inputs[0].shape,),
    )
    found = theory(replace(graph, nodes=(unused, *graph.nodes)))
    assert not found.stops
    assert found.nodes["unused"].grad_rms is None


def test_a_norms_weights_that_differ_go_through_the_activation_after_it():
    graph = understand("Linear(64, 256)\nReLU()\nLayerNorm(256)\nTanh()")
    assert isinstance(graph, Graph)
    weights = drawn_moments(recipe(graph, "torch_default"))
    norm = next(one.name for one in graph.parameters if one.name == "2.weight")
    found = theory(graph, weights | {norm: WeightMoments(mean=0.0, second=1.0)})

    def network() -> nn.Module:
        made = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.LayerNorm(256), nn.Tanh())
        nn.init.normal_(made[2].weight)
        return made

    assert agrees(list(found.nodes.values())[-1].rms ** 2, sampled(network, (64,)).squares)


def test_a_softmax_that_few_channels_win_has_no_rule():
    graph = understand("Linear(512, 10)\nSoftmax(-1)")
    assert isinstance(graph, Graph)
    weights = {one.name: WeightMoments(mean=0.0, second=4 / 512) for one in graph.parameters}
    (stop,) = theory(graph, weights).stops
    assert "of which few take nearly all" in stop.reason


def test_attention_of_one_signal_to_itself_without_weights_has_no_rule():
    graph = understand("TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)")
    assert isinstance(graph, Graph)
    at, node = next((i, n) for i, n in enumerate(graph.nodes) if "dot_product" in n.op)
    same = {"key": node.arguments["query"], "value": node.arguments["query"]}
    changed = with_node(graph, at, arguments={**node.arguments, **same})
    assert "depend on each other" in theory(changed).stops[0].reason


def test_the_same_network_gives_the_same_numbers():
    text = "Linear(32, 32)\nReLU()\nLayerNorm(32)\nTanh()\nLinear(32, 4)"
    assert predicted(text) == predicted(text)


def test_a_gradient_goes_back_through_steps_of_which_a_sample_was_kept():
    found = predicted("Embedding(50, 16)\nLSTM(16, 16)\nLinear(16, 4)")
    assert not found.stops
    assert all(one.grad_rms is not None for one in found.nodes.values())
