"""From findings to a checkpoint: what is the model, what stands beside it, what repeats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from app.core.checkpoint import Checkpoint, ModuleRecord, StoredTensor
from app.errors import Malformed, NoTensors
from app.readers.dtypes import ELEMENT_TYPES, element_count
from app.readers.records import Ref, plain_text, refs
from app.readers.tensors import Part
from app.readers.walk import Findings, Path

_SPARE_BYTES: Final = 2**30
_ELEMENTS: Final = 2**58  # 2^62 bytes at the widest dtype; numpy counts bytes in 63 bits
_NAMES_SHOWN: Final = 5

# Where training scripts keep the model, likeliest first.
_MODEL_KEYS: Final = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model_weights",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "params_ema",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
)
_BESIDE: Final = re.compile(
    r"(^|_)(optim|optimizers?|opt|schedulers?|scaler|amp|rng|random|callbacks|loops|ema)(_|$)",
    re.IGNORECASE,
)

# Names that honest checkpoints ask for: of torch, of numbers beside it, of plain containers.
_USUAL: Final = re.compile(
    r"(torch|__torch__|collections|numpy|argparse|copyreg|copy_reg|_codecs|datetime|pathlib)\."
    r"|(builtins|__builtin__)\.(bool|bytearray|bytes|complex|dict|float|frozenset|int|list|object"
    r"|range|set|slice|str|tuple)$"
)


def assemble(found: Findings, *, kind: str, names: Iterable[Ref], file_bytes: int) -> Checkpoint:
    """The table of contents: the model as group "", everything else in groups by its path.

    Raises:
        NoTensors: If there is none.
        Malformed: If the tensors address far more values than the file stores.
    """
    if not found.tensors:
        raise NoTensors(detail=_instead(found))
    root = _model_root([path for path, _ in found.tensors])
    notes = list(found.notes)
    asked = refs(iter(names))
    if foreign := [name for name in asked if not _USUAL.match(name)]:
        notes.append(_code_asked_for(foreign))
    if root:
        notes.insert(0, f"Read from the key '{plain_text('.'.join(root), limit=200)}'.")
    return Checkpoint(
        format=kind,
        tensors=stored_tensors(
            [(*_place(path, root), part) for path, part in found.tensors],
            kind=kind,
            file_bytes=file_bytes,
        ),
        modules=_modules(found, root),
        metadata=found.scalars,
        globals=asked,
        notes=tuple(notes),
    )


def stored_tensors(
    parts: Sequence[tuple[str, str, Part]], *, kind: str, file_bytes: int
) -> tuple[StoredTensor, ...]:
    """The tensors with their index and aliases.

    Args:
        parts: Group, name and place of each.
        kind: The file's format, for a refusal.
        file_bytes: Size of the file.

    Raises:
        Malformed: If they address more than 8 times the file and 1 GiB: no honest file views
            its storages so often, and reading it all would take for ever.
    """
    seen: dict[tuple[str, int, tuple[int, ...], tuple[int, ...]], int] = {}
    tensors: list[StoredTensor] = []
    left = 8 * file_bytes + _SPARE_BYTES
    for index, (group, name, part) in enumerate(parts):
        place = (part.dtype, part.offset, part.shape, part.strides)
        count = element_count(part.shape)
        if element_count(tuple(filter(None, part.shape))) > _ELEMENTS:  # no array has that shape
            raise Malformed(format=kind, reason="a tensor's shape is beyond any memory.")
        alias = seen.setdefault(place, index) if count else index
        if alias == index:
            left -= count * ELEMENT_TYPES[part.dtype].itemsize
        if left < 0:
            raise Malformed(format=kind, reason="its tensors claim far more values than it stores.")
        tensors.append(_stored(index, group, name, part, alias if alias != index else None))
    return tuple(tensors)


def _stored(index: int, group: str, name: str, part: Part, alias: int | None) -> StoredTensor:
    return StoredTensor(
        index=index,
        name=name,
        group=group,
        dtype=part.dtype,
        shape=part.shape,
        strides=part.strides,
        offset=part.offset,
        parameter=part.parameter,
        alias_of=alias,
        note=part.note,
    )


def _model_root(paths: Sequence[Path]) -> Path:
    """The path of the dictionary that holds the model's own tensors."""
    root: Path = ()
    while True:
        inside = [path[len(root) :] for path in paths if path[: len(root)] == root]
        containers = dict.fromkeys(path[0] for path in inside if len(path) > 1)
        key = next((key for key in _MODEL_KEYS if key in containers), None)
        if key is None:
            return root
        others = [name for name in containers if name != key and not _BESIDE.search(name)]
        if key in ("ema", "model_ema") and others:
            return root
        root = (*root, key)


def _place(path: Path, root: Path) -> tuple[str, str]:
    """Group and name of the tensor at `path`."""
    inside = path[: len(root)] == root
    rest = path[len(root) :] if inside else path
    if inside and not (len(rest) > 1 and _BESIDE.search(rest[0])):
        return "", _joined(rest)
    shared = 0
    while shared < min(len(root), len(path) - 1) and path[shared] == root[shared]:
        shared += 1
    cut = len(root) + 1 if inside else shared + 1
    group, name = path[:cut], path[cut:] or path[-1:]
    return _joined(group), _joined(name)


def _joined(path: Path) -> str:
    return plain_text(".".join(path)) if path else "tensor"


def _modules(found: Findings, root: Path) -> tuple[ModuleRecord, ...]:
    return tuple(
        replace(record, path=plain_text(".".join(path[len(root) :])))
        for path, record in found.modules
        if path[: len(root)] == root
    )


def _instead(found: Findings) -> str:
    if not found.top:
        return ""
    shown = ", ".join(repr(plain_text(name, limit=40)) for name in found.top[:_NAMES_SHOWN])
    more = ", …" if len(found.top) > _NAMES_SHOWN else ""
    return f"; what it has is {shown}{more}"


def _code_asked_for(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return (
        f"Loading this file with pickle would run code from outside torch: {shown}."
        " Nothing of it was imported or run here."
    )
