"""Hostile exported programs: an honest one with one thing changed."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.corpus.archives import zipped
from tests.corpus.hostile import MARKER
from tests.corpus.pickling import call, pickled, text

Program = dict[str, Any]
MODEL = "archive/models/model.json"
WEIGHTS = "archive/data/weights/model_weights_config.json"
SAMPLE = "archive/data/sample_inputs/model.pt"
CODE = f"__import__('os').system('touch {MARKER}')"


def runs() -> bytes:
    """A pickle that would run a command."""
    return pickled(call("posix.system", text(f"touch {MARKER}")))


def entries(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(raw: bytes, change: Callable[[Program], object], *, entry: str = MODEL) -> bytes:
    """The archive with one of its JSON documents changed."""
    held = entries(raw)
    document = json.loads(held[entry])
    change(document)
    return zipped(held | {entry: json.dumps(document).encode()})


def graph(document: Program) -> Program:
    return document["graph_module"]["graph"]


def node(target: str, inputs: dict[str, Any], result: str) -> Program:
    return {
        "target": target,
        "inputs": [{"name": name, "arg": arg, "kind": 1} for name, arg in inputs.items()],
        "outputs": [{"as_tensor": {"name": result}}],
        "metadata": {},
    }


def tensor(name: str) -> Program:
    return {"as_tensor": {"name": name}}


def after(document: Program, target: str, inputs: dict[str, Any], result: str = "hostile") -> None:
    """Put an operation after the last one and make it the result."""
    held = graph(document)
    last = held["nodes"][-1]["outputs"][0]["as_tensor"]["name"]
    held["tensor_values"][result] = copy.deepcopy(held["tensor_values"][last])
    held["nodes"].append(node(target, inputs, result))
    specs = document["graph_module"]["signature"]["output_specs"]
    specs[0]["user_output"]["arg"]["as_tensor"]["name"] = result


def every_size(document: Program, size: Program) -> None:
    for value in graph(document)["tensor_values"].values():
        value["sizes"] = [size for _ in value["sizes"]]
