"""Plans for networks whose operations lack what a plan relies on, as uploads may have them."""

from dataclasses import replace

import pytest

from app.architecture.planning import planned
from app.core.plans import Plan
from app.core.propagation import Order
from app.probe.dryrun import dry_run
from tests.architecture.test_architecture_written import written_norm
from tests.hand_graphs import graph, node, real, v

ACTIVATIONS_STAY = "activations whose input or result is not clear stay as they are"
NORMS_STAY = "norms whose channels are not clear stay as they are"
KINDS = ["GELU", "PReLU", "Identity", "Softsign", "Tanhshrink"]
NORMS = ["BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm", "none"]

RELU = node("1", "relu.default", 2, 4, self=v("x"))
UNCLEAR_ACTIVATIONS = {
    "without an input": replace(RELU, arguments={}),
    "of a number": replace(RELU, arguments={"self": 3}),
    "of several": replace(RELU, arguments={"self": (v("x"), v("x"))}),
    "without a shape": replace(RELU, shapes=()),
    "without a result": replace(RELU, results=()),
}

NORM = node("n", "layer_norm.default", 2, 3, 64, input=v("x"), normalized_shape=(64,))
UNCLEAR_NORMS = {
    "without an input": replace(NORM, arguments={"normalized_shape": (64,)}),
    "without a shape": replace(NORM, shapes=()),
    "of fewer axes than its input": replace(NORM, shapes=((2,),)),
    "of more axes than its input": replace(NORM, shapes=((2, 3, 64, 1),)),
    "without a result": replace(NORM, results=()),
    "over words": replace(NORM, arguments={"input": v("x"), "normalized_shape": ("a",)}),
}


def activated(each):
    """A network of two activations, the second of which is clear."""
    return graph([each, node("2", "relu.default", 2, 4, self=v("x"))], inputs=[real(2, 4)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("each", UNCLEAR_ACTIVATIONS.values(), ids=UNCLEAR_ACTIVATIONS.keys())
def test_an_activation_without_an_input_or_a_result_stays_and_is_named(each, kind):
    found = planned(activated(each), Plan(activation=kind))
    assert f"{ACTIVATIONS_STAY}: 1" in found.notes
    assert found.graph.nodes[0] == each
    assert "aten.relu.default" not in {one.op for one in found.graph.nodes[1:]}


def test_the_steps_of_an_activation_that_stays_are_not_taken_from_it():
    told = {"module": "1", "kind": "Softsign"}
    steps = [
        node("1 · abs", "abs.default", 2, 4, self=v("x")),
        node("1 · add", "add.Scalar", 2, 4, self=v("1 · abs"), other=1),
        node("1", "div.Tensor", 2, 4, other=v("1 · add")),
    ]
    network = graph([replace(one, **told) for one in steps], inputs=[real(2, 4)])
    found = planned(network, Plan(activation="GELU"))
    assert found.graph == network
    assert found.notes[0] == f"{ACTIVATIONS_STAY}: 1"


def test_a_measurement_names_the_activations_that_another_cannot_replace():
    network = activated(UNCLEAR_ACTIVATIONS["without a shape"])
    plan = dry_run(network, Order(activation="GELU", batch=4), memory_bytes=10**8)
    assert f"{ACTIVATIONS_STAY}: 1" in plan.notes
    assert [one.op for one in plan.graph.nodes] == ["aten.relu.default", "aten.gelu.default"]


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("each", UNCLEAR_NORMS.values(), ids=UNCLEAR_NORMS.keys())
def test_a_norm_whose_input_and_result_do_not_fit_stays_and_is_named(each, kind):
    network = graph([each], inputs=[real(2, 3, 64)], outputs=["x"])
    found = planned(network, Plan(normalisation=kind))
    assert found.graph == network
    assert found.notes[0] == f"{NORMS_STAY}: n"


@pytest.mark.parametrize("shape", [(), (64,)])
@pytest.mark.parametrize("kind", ["BatchNorm", "GroupNorm"])
def test_a_norm_over_a_signal_without_a_channel_axis_stays_and_is_named(kind, shape):
    each = replace(NORM, shapes=(shape,), arguments={"input": v("x"), "normalized_shape": shape})
    network = graph([each], inputs=[real(*shape)])
    found = planned(network, Plan(normalisation=kind))
    assert found.graph == network
    assert found.notes[0] == f"{NORMS_STAY}: n"


def test_a_written_norm_without_a_result_is_none():
    whole = written_norm()
    nodes = tuple(replace(one, results=()) if one.name == "n6" else one for one in whole.nodes)
    network = replace(whole, nodes=nodes)
    assert planned(network, Plan(normalisation="LayerNorm")).graph == network
