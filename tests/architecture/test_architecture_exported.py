"""Exported programs become graphs that give what the live network gives."""

import functools

import pytest
import torch
from torch import nn

from app.core.operators import FAMILY, OPERATORS
from tests.exported_models import SAMPLES, decomposed, exported, program, saved
from tests.exported_sequences import Encoder
from tests.graph_running import outputs, read, results

# The live encoder takes torch's fused path in eval mode: another order of float32 additions.
TOLERANCE = 1e-6
PROJECTION = "NonDynamicallyQuantizableLinear"  # of torch's attention


@functools.cache
def graph_of(name, open_batch=False):
    return read(exported(name, open_batch=open_batch).raw)


def _live(model, inputs):
    with torch.no_grad():
        return torch.utils._pytree.tree_leaves(model(*inputs))


def _run(name, inputs, **how):
    with torch.no_grad():
        return outputs(*graph_of(name, **how), inputs)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_graph_gives_what_the_live_network_gives(name):
    sample = exported(name)
    for got, live in zip(
        _run(name, sample.inputs), _live(sample.model, sample.inputs), strict=True
    ):
        torch.testing.assert_close(got, live, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_value_has_the_shape_that_the_graph_says(name):
    graph, held = graph_of(name)
    found = results(graph, held, exported(name).inputs)
    for node in graph.nodes:
        for result, shape in zip(node.results, node.shapes, strict=True):
            assert not result or tuple(found[result].shape) == shape


@pytest.mark.parametrize("name", ["mlp", "resnet18", "swin", "lstm", "gpt"])
def test_an_open_batch_takes_another_number_of_inputs(name):
    sample = exported(name, open_batch=True)
    more = tuple(torch.cat([given, given, given[:1]]) for given in sample.inputs)
    graph, _ = graph_of(name, open_batch=True)
    assert (graph.batch, graph.fixed_batch) == (2, False)
    for got, live in zip(_run(name, more, open_batch=True), _live(sample.model, more), strict=True):
        torch.testing.assert_close(got, live, rtol=TOLERANCE, atol=TOLERANCE)


def test_an_example_without_open_sizes_fixes_the_batch():
    assert graph_of("mlp")[0].fixed_batch


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operation_is_on_the_list_and_has_a_name_of_its_own(name):
    nodes = graph_of(name)[0].nodes
    assert {node.op for node in nodes} <= OPERATORS
    assert len({node.name for node in nodes}) == len(nodes)


def test_operations_are_named_by_their_modules():
    names = [node.name for node in graph_of("resnet18")[0].nodes]
    assert names[:4] == ["conv1", "bn1", "relu", "maxpool"]
    assert {"layer1.0.conv2", "layer1.0 · add", "layer2.0.downsample.1", "fc"} <= set(names)


def test_a_second_call_of_one_module_is_numbered():
    names = [node.name for node in graph_of("resnet18")[0].nodes]
    assert [n for n in names if n.startswith("layer1.0.relu")] == [
        "layer1.0.relu",
        "layer1.0.relu (2)",
    ]


def test_nodes_carry_the_class_of_their_module():
    kinds = {node.name: node.kind for node in graph_of("resnet18")[0].nodes}
    assert (kinds["conv1"], kinds["layer1.0 · add"]) == ("Conv2d", "BasicBlock")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", {"Conv2d", "BatchNorm2d", "Linear"}),
        ("unet", {"Conv2d", "ConvTranspose2d", "GroupNorm"}),
        ("lstm", {"Embedding", "LSTM", "Linear"}),
        ("pre_norm", {"MultiheadAttention", PROJECTION, "LayerNorm", "Linear"}),
    ],
)
def test_parameters_know_their_layer_by_its_class(name, expected):
    facts = [p.facts for p in graph_of(name)[0].parameters]
    assert {f.kind for f in facts} == expected
    assert {f.kind_certainty for f in facts} == {"confirmed"}


def test_a_bare_parameter_knows_its_layer_by_the_operation():
    facts = {p.name: p.facts for p in graph_of("writer")[0].parameters}
    assert (facts["w"].kind, facts["w"].kind_certainty) == ("Linear", "inferred")
    assert (facts["kernel"].kind, facts["kernel"].fan_in) == ("Conv1d", 3)
    assert facts["w"].evidence == "weight of aten.linear.default"


def test_groups_come_from_the_convolution():
    facts = {p.name: p.facts for p in graph_of("convnext")[0].parameters}
    assert facts["2.dwconv.weight"].attributes["groups"] == 8


def test_tied_parameters_are_one():
    graph, _ = graph_of("gpt")
    names = [p.name for p in graph.parameters]
    weights = [n.arguments["weight"] for n in graph.nodes if n.name in ("wte", "lm_head")]
    assert ("lm_head.weight" in names) != ("wte.weight" in names)
    assert weights[0] == weights[1]


def test_buffers_are_not_learned():
    learned = {p.name: p.learned for p in graph_of("resnet18")[0].parameters}
    assert (learned["bn1.weight"], learned["bn1.running_mean"]) == (True, False)


def test_stored_tells_which_tensor_of_the_file_a_parameter_is():
    sample = exported("vit")
    graph, held = graph_of("vit")
    state = sample.model.state_dict()
    assert {p.name for p in graph.parameters} == set(state)
    assert all(torch.equal(held[p.stored], state[p.name]) for p in graph.parameters)


def test_token_ids_end_where_the_embedding_does():
    (given,) = graph_of("lstm")[0].inputs
    assert (given.draw, given.high, given.shape) == ("tokens", 11, (2, 7))


def test_the_smallest_of_two_tables_bounds_the_token_ids():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Embedding(9, 4), nn.Embedding(5, 4)

        def forward(self, x):
            return self.a(x.flip(1)) + self.b(x)

    graph, _ = read(saved(program(Two(), (torch.zeros(2, 3, dtype=torch.int64),))))
    assert graph.inputs[0].high == 5


def test_truth_values_are_a_mask():
    class Masked(nn.Module):
        def forward(self, x, keep):
            return x.masked_fill(~keep, float("-inf")).softmax(-1)

    inputs = (torch.randn(2, 3), torch.ones(2, 3, dtype=torch.bool))
    graph, held = read(saved(program(Masked(), inputs)))
    assert [given.draw for given in graph.inputs] == ["real", "mask"]
    assert torch.equal(outputs(graph, held, inputs)[0], Masked()(*inputs))


def test_a_program_traced_strictly_names_the_same_modules():
    sample = exported("mlp")
    strict = program(sample.model, sample.inputs, strict=True)
    assert [n.name for n in read(saved(strict))[0].nodes] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("name", ["resnet18", "post_norm", "gpt", "lstm"])
def test_a_decomposed_program_gives_the_same(name):
    sample = exported(name)
    core = decomposed(program(sample.model, sample.inputs))
    graph, held = read(saved(core))
    with torch.no_grad():
        got = outputs(graph, held, sample.inputs)[0]
    # Decomposed norms and softmax round in another order, layer after layer.
    torch.testing.assert_close(got, _live(sample.model, sample.inputs)[0], rtol=1e-5, atol=1e-5)


def test_a_network_in_training_mode_leaves_its_updates_out():
    model = exported("resnet18").model
    model.train()
    try:
        training = program(model, exported("resnet18").inputs)
    finally:
        model.eval()
    graph, _ = read(saved(decomposed(training, {})))
    assert "Updates of 60 tensors" in graph.notes[0]


def test_recurrences_and_attention_are_single_operations():
    families = {FAMILY[node.op] for name in ("lstm", "gpt") for node in graph_of(name)[0].nodes}
    assert {"recurrent", "attention", "embedding"} <= families


def test_nested_modules_of_torch_s_own_are_named_by_what_they_do():
    model = Encoder(norm_first=True).eval()
    graph, _ = read(saved(program(model, (torch.randn(2, 5, 16),))))
    names = {node.name for node in graph.nodes}
    assert {
        "encoder.layers.0 · relu",
        "encoder.layers.0.norm1",
        "encoder.layers.0.linear1",
    } <= names
