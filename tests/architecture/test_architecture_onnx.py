"""ONNX files become graphs in PyTorch's operators, or inventories; no other file is opened."""

import io
import struct
import tempfile
import warnings
from functools import partial

import numpy as np
import orjson
import pytest
import torch
from pydantic import TypeAdapter
from torch.nn import functional as F  # noqa: N812

from app.architecture.onnx import is_onnx, read_onnx
from app.architecture.onnx_building import module_path
from app.core.graph import Graph, Inventory
from app.core.operators import OPERATORS
from app.errors import Malformed
from app.readers.mapped import Mapped, values
from tests.corpus.onnx_files import empty, given, held, model, node, number, result, span, varint
from tests.corpus.real import real_file
from tests.exported_models import SAMPLES
from tests.graph_running import outputs

RNG = np.random.default_rng(0)


def _floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def _opened(raw):
    """The network of a file, and its stored tensors in order."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        with Mapped(file.fileno()) as mapped:
            found = read_onnx(mapped)
            listed = found.checkpoint.tensors if found.checkpoint else ()
            return found.network, [torch.from_numpy(values(mapped, t).copy()) for t in listed]


def _run(raw, *inputs):
    graph, stored = _opened(raw)
    assert isinstance(graph, Graph), graph.reason
    assert {n.op for n in graph.nodes} <= OPERATORS
    with torch.no_grad():
        return outputs(graph, stored, [torch.from_numpy(x) for x in inputs])[0]


def _one(operator, x, *more, **how):
    """One operation on an input and on known values."""
    names = [f"k{at}" for at in range(len(more))]
    known = [held(np.asarray(value), name) for name, value in zip(names, more, strict=True)]
    parts = [given("x", *x.shape), *known, node(operator, ["x", *names], "y", **how), result("y")]
    return _run(model(*parts), x)


def _op(operator, x, *more, **how):
    return partial(_one, operator, x, *more, **how)


def _convolutional():
    w, b, fc = _floats(4, 3, 3, 3), _floats(4), _floats(5, 4)
    raw = model(
        given("x", "batch", 3, 8, 8),
        node("Conv", ["x", "c.weight", "c.bias"], "a", name="/c/Conv", kernel_shape=[3, 3],
             strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "r"),
        node("GlobalAveragePool", ["r"], "g"),
        node("Flatten", ["g"], "f", axis=1),
        node("Gemm", ["f", "fc.weight"], "y", name="/fc/Gemm", transB=1),
        held(w, "c.weight"), held(b, "c.bias"), held(fc, "fc.weight"), result("y"),
    )  # fmt: skip
    return raw, w, b, fc


def test_a_convolutional_network_gives_what_torch_gives():
    raw, w, b, fc = _convolutional()
    x = _floats(2, 3, 8, 8)
    weights = map(torch.from_numpy, (w, b, fc))
    kernel, bias, matrix = weights
    a = F.relu(F.conv2d(torch.from_numpy(x), kernel, bias, 2, 1)).mean((2, 3))
    torch.testing.assert_close(_run(raw, x), a @ matrix.T, rtol=1e-6, atol=1e-6)


def test_layers_are_named_as_torch_named_their_modules():
    graph, _ = _opened(_convolutional()[0])
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
    graph, _ = _opened(_convolutional()[0])
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
    graph, _ = _opened(raw)
    again = TypeAdapter(Graph).validate_json(orjson.dumps(graph))
    assert again == graph
    x = _floats(2, 2)
    assert np.array_equal(_run(raw, x).numpy(), x + mask)


def test_its_batch_is_fixed_and_told():
    graph, _ = _opened(_convolutional()[0])
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
    x = _floats(2, 3, 4)
    assert torch.equal(_run(raw, x), torch.from_numpy(x).reshape(2, 12))


def test_token_ids_pick_rows_of_the_table():
    table = _floats(7, 4)
    raw = model(given("ids", 2, 3, dtype="int64"), node("Gather", ["t", "ids"], "y"),
                held(table, "t"), result("y"))  # fmt: skip
    graph, _ = _opened(raw)
    assert (graph.inputs[0].draw, graph.inputs[0].high) == ("tokens", 7)
    ids = np.array([[0, 6, 1], [2, 2, 3]])
    assert np.array_equal(_run(raw, ids).numpy(), table[ids])


X = _floats(2, 3, 4, 4)
SLOPE = np.array([[[0.1]], [[0.2]], [[0.3]]], np.float32)
POINTWISE = {
    "LeakyRelu": (_op("LeakyRelu", X, alpha=0.2), lambda x: F.leaky_relu(x, 0.2)),
    "Elu": (_op("Elu", X, alpha=0.5), lambda x: F.elu(x, 0.5)),
    "Clip": (_op("Clip", X, np.float32(0), np.float32(1)), lambda x: x.clamp(0, 1)),
    "one-sided Clip": (_op("Clip", X, np.float32(0)), lambda x: x.clamp(min=0)),
    "HardSigmoid": (_op("HardSigmoid", X), lambda x: (0.2 * x + 0.5).clamp(0, 1)),
    "Gelu": (_op("Gelu", X, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "PRelu": (_op("PRelu", X, SLOPE), lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3]))),
    "Softmax": (_op("Softmax", X, axis=1), lambda x: x.softmax(1)),
    "Pow": (_op("Pow", X, np.float32(2)), lambda x: x**2),
    "Transpose": (_op("Transpose", X, perm=[0, 2, 3, 1]), lambda x: x.permute(0, 2, 3, 1)),
    "ReduceMean": (_op("ReduceMean", X, axes=[2, 3], keepdims=0), lambda x: x.mean((2, 3))),
    "Slice": (
        _op("Slice", X, np.array([1]), np.array([2**63 - 1]), np.array([2]), np.array([2])),
        lambda x: x[:, :, 1::2],
    ),
    "MaxPool": (
        _op("MaxPool", X, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    ),
    "AveragePool": (
        _op("AveragePool", X, kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 1, 1]),
        lambda x: F.avg_pool2d(x, 2, 1, 1, count_include_pad=False),
    ),
    "Pad": (
        _op("Pad", X, np.array([0, 0, 1, 2, 0, 0, 1, 0]), mode="reflect"),
        lambda x: F.pad(x, (2, 0, 1, 1), "reflect"),
    ),
    "Resize": (
        _op("Resize", X, np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32),
             mode="linear"),
        lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    ),
    "Squeeze": (_op("Unsqueeze", X, np.array([1])), lambda x: x.unsqueeze(1)),
    "Expand": (_op("Expand", X[:1], np.array([2, 1, 1, 1])), lambda x: x[:1].expand(2, 3, 4, 4)),
    "InstanceNormalization": (
        _op("InstanceNormalization", X, np.ones(3, np.float32), np.zeros(3, np.float32)),
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
    graph, stored = _opened(raw)
    with torch.no_grad():
        # Folded norms and unfused attention round in another order, layer after layer.
        torch.testing.assert_close(
            outputs(graph, stored, inputs)[0], sample(*inputs), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(("name", "says"), [("lstm", "LSTM ×2"), ("writer", "ScatterND")])
def test_what_is_not_read_is_listed_with_the_reason(name, says):
    pytest.importorskip("onnx")
    found, _ = _opened(_from_torch(name)[2])
    assert isinstance(found, Inventory)
    assert says in found.reason
    assert "torch.export.save" in found.reason
    assert found.layers


def test_layers_of_an_inventory_are_the_operations_with_weights():
    raw = model(
        given("x", 2, 4), node("Gemm", ["x", "w", "b"], "a", name="/0/Gemm"),
        node("Strange", ["a"], "c"), node("MatMul", ["c", "w"], "y", name="/1/MatMul"),
        held(_floats(4, 4), "w"), held(_floats(4), "b"), result("y"),
    )  # fmt: skip
    found, _ = _opened(raw)
    assert [(one.path, one.kind, one.text, one.parameters) for one in found.layers] == [
        ("/0/Gemm", "Gemm", "4×4, 4", 20),
        ("/1/MatMul", "MatMul", "4×4", 0),
    ]
    assert "3 operations: 1 Gemm, 1 Strange, 1 MatMul" in found.reason


@pytest.mark.parametrize("path", ["/etc/passwd", "../../secret", "weights.bin"])
def test_weights_in_another_file_are_not_looked_for(path):
    raw = model(given("x", 2, 2), node("Gemm", ["x", "w"], "y"), empty("w", 2, 2, external=path),
                result("y"))  # fmt: skip
    found, _ = _opened(raw)
    assert "was not looked for" in found.reason
    assert path not in found.reason


HUGE = np.array([2**31, 2**31])
NOT_RUN = {
    "huge constant": (
        node("ConstantOfShape", ["k"], "c") + node("Add", ["x", "c"], "y") + held(HUGE, "k"),
        "size that makes no sense",
    ),
    "huge sum of small constants": (
        node("Add", ["k", "l"], "c") + node("Add", ["x", "c"], "y")
        + held(np.zeros((2**15, 1), np.int64), "k") + held(np.zeros((1, 2**15), np.int64), "l"),
        "too large",
    ),
    "huge join": (
        node("Concat", ["k"] * 1000, "c", axis=0) + node("Add", ["x", "c"], "y")
        + held(np.zeros(2**15, np.int64), "k"),
        "too large",
    ),
    "huge expansion": (
        node("Expand", ["x", "k"], "y") + held(HUGE, "k"), "fit"
    ),
    "negative size": (
        node("Reshape", ["x", "k"], "y") + held(np.array([-2, -4]), "k"), "size that makes no sense"
    ),
    "later value": (node("Relu", ["later"], "y"), "'later', which nothing before gives"),
    "same name": (node("Relu", ["x"], "x"), "taken"),
    "size from the input": (node("Reshape", ["x", "x"], "y"), "depends on the input"),
    "result without input": (node("Identity", ["k"], "y") + held(HUGE, "k"), "does not depend"),
    "other library": (span(1, span(1, "x") + span(2, "y") + span(4, "Relu") + span(7, "evil.lib")),
                      "Relu ×1"),
    "wrong rank": (node("Conv", ["x", "k"], "y") + held(_floats(2, 3, 3, 3), "k"), "axes"),
    "no sense": (node("Transpose", ["x"], "y", perm=[5, 5]), "order of axes"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_RUN)
def test_a_hostile_graph_is_listed_and_not_run(name):
    parts, says = NOT_RUN[name]
    found, _ = _opened(model(given("x", 2, 4), parts, result("y")))
    assert isinstance(found, Inventory)
    assert says in found.reason


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (number(1, 8) + span(2, "x"), "no graph"),
        (_convolutional()[0][:-3], "reaches past"),
        (number(1, 8) + span(2, "x") + varint(7 << 3 | 2) + b"\xff" * 11, "does not end"),
        (number(1, 8) + span(2, "x") + b"\x3b", "unknown form"),
        (number(1, 8) + span(2, "x") + number(7, 1), "message is a number"),
        (model(empty("w", 2**60)), "shape of 'w' makes no sense"),
        (model(empty("w", *[1] * 65)), "shape of 'w' makes no sense"),
        (model(span(1, number(4, 7))), "text is a number"),
        (model(number(9, 1) * 3_000_001), "too many fields"),
    ],
)
def test_what_is_no_sound_model_is_refused(raw, says):
    with pytest.raises(Malformed, match=says):
        _opened(raw)


@pytest.mark.parametrize(
    ("raw", "told"),
    [(_convolutional()[0], True), (b"\x08\x08", False), (struct.pack("<Q", 8) + b"{}", False)],
)
def test_a_model_is_told_by_its_first_bytes(raw, told, tmp_path):
    (tmp_path / "upload").write_bytes(raw)
    with (tmp_path / "upload").open("rb") as file, Mapped(file.fileno()) as mapped:
        assert is_onnx(mapped) is told


def test_a_real_file_is_listed():
    with real_file("silero_onnx").open("rb") as file, Mapped(file.fileno()) as mapped:
        assert "If ×" in read_onnx(mapped).network.reason
