"""ONNX files become graphs in PyTorch's operators, or inventories; no other file is opened."""

import io
import struct
import warnings

import numpy as np
import orjson
import pytest
import torch
from opened_onnx import convolutional, floats, op, opened, run
from pydantic import TypeAdapter
from torch.nn import functional as F  # noqa: N812

from app.architecture.onnx import is_onnx, read_onnx
from app.architecture.onnx_building import module_path
from app.core.graph import Graph, Inventory
from app.readers.mapped import Mapped
from tests.corpus.onnx_files import empty, given, held, model, node, result
from tests.corpus.real import real_file
from tests.exported_models import SAMPLES
from tests.graph_running import outputs


def test_a_convolutional_network_gives_what_torch_gives():
    raw, w, b, fc = convolutional()
    x = floats(2, 3, 8, 8)
    weights = map(torch.from_numpy, (w, b, fc))
    kernel, bias, matrix = weights
    a = F.relu(F.conv2d(torch.from_numpy(x), kernel, bias, 2, 1)).mean((2, 3))
    torch.testing.assert_close(run(raw, x), a @ matrix.T, rtol=1e-6, atol=1e-6)


def test_layers_are_named_as_torch_named_their_modules():
    graph, _ = opened(convolutional()[0])
    assert [n.name for n in graph.nodes] == ["c", "relu", "adaptive_avg_pool2d", "reshape", "fc"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/fc/Gemm", "fc"),
        ("/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"),
        ("/h.1/mlp/mlp.0/MatMul", "h.1.mlp.0"),
        ("/Add", ""),
        ("Gemm_3", ""),
        ("", ""),
    ],
)
def test_a_module_s_path_is_read_from_its_operation_s_name(name, path):
    assert module_path(name) == path


def test_parameters_know_their_layer_by_the_operation():
    graph, _ = opened(convolutional()[0])
    known = {p.name: (p.facts.kind, p.facts.fan_in, p.stored) for p in graph.parameters}
    assert known == {
        "c.weight": ("Conv2d", 27, 0),
        "c.bias": ("Conv2d", 27, 1),
        "fc.weight": ("Linear", 4, 2),
    }


def test_infinities_among_the_constants_survive_json():
    mask = np.array([[0, -np.inf], [np.inf, 1]], np.float32)
    raw = model(given("x", 2, 2), node("Constant", [], "m", value=mask),
                node("Add", ["x", "m"], "y"), result("y"))  # fmt: skip
    graph, _ = opened(raw)
    again = TypeAdapter(Graph).validate_json(orjson.dumps(graph))
    assert again == graph
    x = floats(2, 2)
    assert np.array_equal(run(raw, x).numpy(), x + mask)


def test_its_batch_is_fixed_and_told():
    graph, _ = opened(convolutional()[0])
    assert (graph.batch, graph.fixed_batch, graph.origin) == (2, True, "onnx")


def test_sizes_calculated_from_shapes_are_known_while_reading():
    raw = model(
        given("x", 2, 3, 4),
        node("Shape", ["x"], "s"),
        node("Gather", ["s", "zero"], "first", axis=0),
        node("Unsqueeze", ["first", "axes"], "lead"),
        node("Concat", ["lead", "rest"], "shape", axis=0),
        node("Reshape", ["x", "shape"], "y"),
        held(np.array(0), "zero"), held(np.array([0]), "axes"), held(np.array([-1]), "rest"),
        result("y"),
    )  # fmt: skip
    x = floats(2, 3, 4)
    assert torch.equal(run(raw, x), torch.from_numpy(x).reshape(2, 12))


def test_token_ids_pick_rows_of_the_table():
    table = floats(7, 4)
    raw = model(given("ids", 2, 3, dtype="int64"), node("Gather", ["t", "ids"], "y"),
                held(table, "t"), result("y"))  # fmt: skip
    graph, _ = opened(raw)
    assert (graph.inputs[0].draw, graph.inputs[0].high) == ("tokens", 7)
    ids = np.array([[0, 6, 1], [2, 2, 3]])
    assert np.array_equal(run(raw, ids).numpy(), table[ids])


X = floats(2, 3, 4, 4)
SLOPE = np.array([[[0.1]], [[0.2]], [[0.3]]], np.float32)
POINTWISE = {
    "LeakyRelu": (op("LeakyRelu", X, alpha=0.2), lambda x: F.leaky_relu(x, 0.2)),
    "Elu": (op("Elu", X, alpha=0.5), lambda x: F.elu(x, 0.5)),
    "Clip": (op("Clip", X, np.float32(0), np.float32(1)), lambda x: x.clamp(0, 1)),
    "one-sided Clip": (op("Clip", X, np.float32(0)), lambda x: x.clamp(min=0)),
    "HardSigmoid": (op("HardSigmoid", X), lambda x: (0.2 * x + 0.5).clamp(0, 1)),
    "Gelu": (op("Gelu", X, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "PRelu": (op("PRelu", X, SLOPE), lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3]))),
    "Softmax": (op("Softmax", X, axis=1), lambda x: x.softmax(1)),
    "Pow": (op("Pow", X, np.float32(2)), lambda x: x**2),
    "Transpose": (op("Transpose", X, perm=[0, 2, 3, 1]), lambda x: x.permute(0, 2, 3, 1)),
    "ReduceMean": (op("ReduceMean", X, axes=[2, 3], keepdims=0), lambda x: x.mean((2, 3))),
    "Slice": (
        op("Slice", X, np.array([1]), np.array([2**63 - 1]), np.array([2]), np.array([2])),
        lambda x: x[:, :, 1::2],
    ),
    "MaxPool": (
        op("MaxPool", X, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    ),
    "AveragePool": (
        op("AveragePool", X, kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 1, 1]),
        lambda x: F.avg_pool2d(x, 2, 1, 1, count_include_pad=False),
    ),
    "Pad": (
        op("Pad", X, np.array([0, 0, 1, 2, 0, 0, 1, 0]), mode="reflect"),
        lambda x: F.pad(x, (2, 0, 1, 1), "reflect"),
    ),
    "Resize": (
        op("Resize", X, np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32),
             mode="linear"),
        lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    ),
    "Squeeze": (op("Unsqueeze", X, np.array([1])), lambda x: x.unsqueeze(1)),
    "Expand": (op("Expand", X[:1], np.array([2, 1, 1, 1])), lambda x: x[:1].expand(2, 3, 4, 4)),
    "InstanceNormalization": (
        op("InstanceNormalization", X, np.ones(3, np.float32), np.zeros(3, np.float32)),
        F.instance_norm,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POINTWISE)
def test_each_operator_gives_what_torch_gives(name):
    got, expected = POINTWISE[name]
    torch.testing.assert_close(got(), expected(torch.from_numpy(X)), rtol=1e-6, atol=1e-6)


RECURRENT = {"lstm", "gru"}
CALCULATED = {"writer"}  # writes by places that it calculates from its input


def _from_torch(name):
    """A sample as torch's older exporter writes it, which folds batch norms into convolutions."""
    torch.manual_seed(0)
    sample = SAMPLES[name].make().eval()
    inputs, file = SAMPLES[name].inputs(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(sample, inputs, file, dynamo=False, opset_version=17)
    return sample, inputs, file.getvalue()


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - RECURRENT - CALCULATED))
def test_a_file_of_torch_gives_what_the_live_network_gives(name):
    pytest.importorskip("onnx")
    sample, inputs, raw = _from_torch(name)
    graph, stored = opened(raw)
    with torch.no_grad():
        # Folded norms and unfused attention round in another order, layer after layer.
        torch.testing.assert_close(
            outputs(graph, stored, inputs)[0], sample(*inputs), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(("name", "says"), [("lstm", "LSTM ×2"), ("writer", "ScatterND")])
def test_what_is_not_read_is_listed_with_the_reason(name, says):
    pytest.importorskip("onnx")
    found, _ = opened(_from_torch(name)[2])
    assert isinstance(found, Inventory)
    assert says in found.reason
    assert "torch.export.save" in found.reason
    assert found.layers


def test_layers_of_an_inventory_are_the_operations_with_weights():
    raw = model(
        given("x", 2, 4), node("Gemm", ["x", "w", "b"], "a", name="/0/Gemm"),
        node("Strange", ["a"], "c"), node("MatMul", ["c", "w"], "y", name="/1/MatMul"),
        held(floats(4, 4), "w"), held(floats(4), "b"), result("y"),
    )  # fmt: skip
    found, _ = opened(raw)
    assert [(one.path, one.kind, one.text, one.parameters) for one in found.layers] == [
        ("/0/Gemm", "Gemm", "4×4, 4", 20),
        ("/1/MatMul", "MatMul", "4×4", 0),
    ]
    assert "3 operations: 1 Gemm, 1 Strange, 1 MatMul" in found.reason


@pytest.mark.parametrize("path", ["/etc/passwd", "../../secret", "weights.bin"])
def test_weights_in_another_file_are_not_looked_for(path):
    raw = model(given("x", 2, 2), node("Gemm", ["x", "w"], "y"), empty("w", 2, 2, external=path),
                result("y"))  # fmt: skip
    found, _ = opened(raw)
    assert "was not looked for" in found.reason
    assert path not in found.reason


@pytest.mark.parametrize(
    ("raw", "told"),
    [(convolutional()[0], True), (b"\x08\x08", False), (struct.pack("<Q", 8) + b"{}", False)],
)
def test_a_model_is_told_by_its_first_bytes(raw, told, tmp_path):
    (tmp_path / "upload").write_bytes(raw)
    with (tmp_path / "upload").open("rb") as file, Mapped(file.fileno()) as mapped:
        assert is_onnx(mapped) is told


def test_a_real_file_is_listed():
    with real_file("silero_onnx").open("rb") as file, Mapped(file.fileno()) as mapped:
        assert "If ×" in read_onnx(mapped).network.reason
