"""An inventory of an ONNX file: its operations with weights, and why it cannot run."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from app.core.graph import Inventory, InventoryLayer
from app.readers.onnx_file import OnnxFile
from app.readers.records import plain_text

MOST_LISTED: Final = 2000
_KINDS_SHOWN: Final = 8
_REMEDY: Final = (
    "To measure the network, export it from PyTorch: "
    "torch.export.save(torch.export.export(model, (x,)), 'model.pt2'), and send that file."
)


def inventory(file: OnnxFile, reason: str) -> Inventory:
    """Every operation of the file that has weights, with their shapes.

    Args:
        file: The operations and tensors.
        reason: Why it cannot run.
    """
    listed = _layers(file)
    parts = [reason, _counts(file), _REMEDY]
    if len(listed) > MOST_LISTED:
        parts.append(f"Only the first {MOST_LISTED:,} layers are listed.")
    return Inventory(origin="onnx", layers=tuple(listed[:MOST_LISTED]), reason=" ".join(parts))


def _layers(file: OnnxFile) -> list[InventoryLayer]:
    found: list[InventoryLayer] = []
    seen: set[str] = set()
    for node in file.nodes:
        held = [file.tensors[name] for name in node.inputs if name in file.tensors]
        own = [tensor for tensor in held if tensor.name not in seen]
        seen.update(tensor.name for tensor in own)
        if not any(len(tensor.shape) for tensor in held):
            continue
        shapes = ", ".join("×".join(map(str, t.shape)) or "scalar" for t in held)
        found.append(
            InventoryLayer(
                path=plain_text(node.name or next(iter(node.outputs), ""), limit=200),
                kind=plain_text(node.operator, limit=80),
                text=shapes,
                parameters=sum(math.prod(tensor.shape) for tensor in own),
            )
        )
    return found


def _counts(file: OnnxFile) -> str:
    kinds = Counter(plain_text(node.operator, limit=40) for node in file.nodes)
    shown = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(_KINDS_SHOWN))
    return f"The ONNX file holds {len(file.nodes):,} operations: {shown}."
