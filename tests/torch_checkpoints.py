"""Checkpoints of live torch modules, as the readers would list them, with their values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from app.core import judgement, verdicts
from app.core.checkpoint import Checkpoint, ModuleRecord, StoredTensor
from app.core.measurement import places_of
from app.core.report import Source
from app.core.sketch import sketch
from app.readers.naming import describe

torch.set_num_threads(1)  # tests run side by side; small models gain nothing from more
SOURCE = Source(name="model.pt", format="torch zip", bytes=1, sha256="0" * 64)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A checkpoint and the values behind it, in its tensors' order."""

    checkpoint: Checkpoint
    values: tuple[torch.Tensor, ...]


def stored(tensors: dict[str, torch.Tensor], *, modules=(), parameters=None) -> Stored:
    """A state dict; with `parameters` given, the file tells them from buffers."""
    first: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
    for index, value in enumerate(tensors.values()):
        first.setdefault(_memory(value), index)
    listed = tuple(
        StoredTensor(
            index=index,
            name=name,
            group="",
            dtype=str(value.dtype).removeprefix("torch."),
            shape=tuple(value.shape),
            strides=tuple(value.stride()),
            offset=0,
            parameter=None if parameters is None else name in parameters,
            alias_of=first[_memory(value)] if first[_memory(value)] < index else None,
        )
        for index, (name, value) in enumerate(tensors.items())
    )
    checkpoint = Checkpoint(format="torch zip", tensors=listed, modules=tuple(modules))
    return Stored(checkpoint=checkpoint, values=tuple(v.detach() for v in tensors.values()))


def _memory(value: torch.Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Which elements a tensor lies over."""
    return value.data_ptr() or id(value), tuple(value.shape), tuple(value.stride())


def whole_module(model: torch.nn.Module) -> Stored:
    """The model saved as a module: classes and plain attributes beside the tensors."""
    return stored(
        dict(model.state_dict(keep_vars=True)),
        modules=[_record(path, module) for path, module in model.named_modules()],
        parameters={name for name, _ in model.named_parameters(remove_duplicate=False)},
    )


def bare_state_dict(model: torch.nn.Module) -> Stored:
    """The model saved as its state dict: names, shapes and values only."""
    return stored(dict(model.state_dict()))


def numbers(value: torch.Tensor) -> np.ndarray:
    """The values in the form that sketch() takes."""
    if value.dtype is torch.bfloat16:
        return value.contiguous().view(torch.uint16).numpy()
    return value.numpy()


def judged(source: Stored) -> verdicts.Conclusion:
    """The whole analysis of a stored model."""
    checkpoint = source.checkpoint
    facts = describe(checkpoint)
    pairs = list(zip(checkpoint.tensors, facts, strict=True))
    alpha = 0.001 / max(1, sum(judgement.is_judged(about, tensor) for tensor, about in pairs))
    reports = []
    for (tensor, about), value in zip(pairs, source.values, strict=True):
        limit = judgement.limit_of(about, tensor)
        seen = sketch(numbers(value), dtype=tensor.dtype, limit=limit)
        blocks = judgement.blocks_of(about, tensor)
        places = None
        if judgement.is_judged(about, tensor):
            places = places_of(numbers(value), seen, blocks=blocks)
        reports.append(judgement.judge(tensor, about, seen, alpha=alpha, places=places))
    return verdicts.conclude(source=SOURCE, checkpoint=checkpoint, reports=reports, alpha=alpha)


def _record(path: str, module: torch.nn.Module) -> ModuleRecord:
    kind = type(module)
    plain = {name: value for name, value in vars(module).items() if _is_plain(value)}
    name = f"{kind.__module__}.{kind.__qualname__}"
    return ModuleRecord(path=path, class_name=name, attributes=plain)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(item is None or isinstance(item, bool | int | float | str) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
