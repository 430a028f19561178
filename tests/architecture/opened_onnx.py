"""ONNX files as the reader opens them, and networks of one operation."""

import tempfile
from functools import partial

import numpy as np
import torch

from app.architecture.onnx import read_onnx
from app.core.graph import Graph
from app.core.operators import OPERATORS
from app.readers.mapped import Mapped, values
from tests.corpus.onnx_files import given, held, model, node, result
from tests.graph_running import outputs

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def opened(raw):
    """The network of a file, and its stored tensors in order."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        with Mapped(file.fileno()) as mapped:
            found = read_onnx(mapped)
            listed = found.checkpoint.tensors if found.checkpoint else ()
            return found.network, [torch.from_numpy(values(mapped, t).copy()) for t in listed]


def run(raw, *inputs):
    graph, stored = opened(raw)
    assert isinstance(graph, Graph), graph.reason
    assert {n.op for n in graph.nodes} <= OPERATORS
    with torch.no_grad():
        return outputs(graph, stored, [torch.from_numpy(x) for x in inputs])[0]


def one(operator, x, *more, **how):
    """One operation on an input and on known values."""
    names = [f"k{at}" for at in range(len(more))]
    known = [held(np.asarray(value), name) for name, value in zip(names, more, strict=True)]
    parts = [given("x", *x.shape), *known, node(operator, ["x", *names], "y", **how), result("y")]
    return run(model(*parts), x)


def op(operator, x, *more, **how):
    return partial(one, operator, x, *more, **how)


def convolutional():
    w, b, fc = floats(4, 3, 3, 3), floats(4), floats(5, 4)
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
