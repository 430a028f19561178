"""What the sandboxed child does with a config: build the model without memory, and export it.

The modules of `transformers` are imported before the child closes itself: asking this module for
`export_bert` imports BERT's. Nothing is downloaded, and no weight is drawn.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch._export.serde.serialize import serialize
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from app.architecture.exported import read_exported
from app.architecture.limits import MOST_PARAMETERS
from app.core.graph import Graph
from app.errors import CannotRun, InitscopeError, TooLarge
from app.readers.records import plain_text

# Never asked for: code that a config or an installation could bring in.
_WITHOUT: Final = (
    "kernels",
    "torchvision",
    "timm",
    "accelerate",
    "peft",
    "flash_attn",
    "deepspeed",
)
_BATCH: Final = 2
_TOKENS: Final = 16
_MOST_VALUES: Final = 2**20  # of all constants together
_RUNNING: Final = ("running_mean", "running_var", "num_batches_tracked")
_MAPPINGS: Final = (
    "MODEL_MAPPING", "MODEL_FOR_CAUSAL_LM_MAPPING", "MODEL_FOR_MASKED_LM_MAPPING",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING", "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING",
    "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING", "MODEL_FOR_PRETRAINING_MAPPING",
)  # fmt: skip

Task: TypeAlias = Callable[[int | None, dict[str, Any], object], dict[str, Any]]
Numbers: TypeAlias = tuple[bool | int | float, ...]


def __getattr__(name: str) -> Task:
    """The task that exports models of one type; its modules are imported here."""
    if not name.startswith("export_"):
        raise AttributeError(name)
    warm()
    classes = _classes(name.removeprefix("export_").replace("__", "-"))
    return lambda _descriptor, arguments, _progress: asdict(
        exported(classes, arguments["architecture"], arguments["settings"])
    )


@cache
def warm() -> None:
    """Import what building and exporting a small model imports, and read what it looks at."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 16,
             "intermediate_size": 8}  # fmt: skip
    classes = _classes("bert")
    if not classes.missing:
        exported(classes, None, sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """What `transformers` has for one type of model; nothing, with the reason why."""

    config: Any = None
    models: dict[str, Any] = field(default_factory=dict)  # by class name, the bare model first
    missing: str = ""


def exported(classes: Classes, architecture: str | None, settings: dict[str, Any]) -> Graph:
    """The graph of the model of these settings.

    Args:
        classes: Of its type.
        architecture: Class that the config was saved from; the bare model where it is none.
        settings: What was let through of the config.

    Raises:
        CannotRun: If there is no such model, or it cannot be built or exported.
        TooLarge: If it has more parameters than are run here.
    """
    if classes.missing:
        raise CannotRun(reason=classes.missing)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            return _graph(classes, architecture, settings)
        except InitscopeError:
            raise
        except Exception as wrong:
            first = plain_text(str(wrong).strip().partition("\n")[0], limit=300)
            told = f"{type(wrong).__name__}: {first}"
            raise CannotRun(reason=f"transformers cannot build or export it ({told}).") from wrong


def _graph(classes: Classes, architecture: str | None, settings: dict[str, Any]) -> Graph:
    config = _config(classes, settings)
    kind = classes.models.get(architecture or "") or next(iter(classes.models.values()))
    model = _built(kind, config)
    program = _program(model, _inputs(model, config))
    found = json.loads(serialize(program).exported_program)
    graph = read_exported(
        found, None, origin="hugging face config", given=_Constants(model, program)
    )
    note = f"{kind.__name__} of transformers, built from its config."
    return replace(graph, notes=(*graph.notes, note))


def _classes(kind: str) -> Classes:
    """What `transformers` has of a type; whatever a config could bring in is kept out."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in _WITHOUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    try:
        auto = importlib.import_module("transformers.models.auto.modeling_auto")
        listed = importlib.import_module("transformers.models.auto.configuration_auto")
    except ImportError:
        told = "transformers is not installed here; install 'initscope[huggingface]'."
        return Classes(missing=told)
    if kind not in listed.CONFIG_MAPPING_NAMES:
        return Classes(missing=f"transformers has no model of the type {kind!r}.")
    config = listed.CONFIG_MAPPING[kind]
    mappings = (getattr(auto, name) for name in _MAPPINGS)
    found = [mapping[config] for mapping in mappings if config in mapping]
    models = {model.__name__: model for model in found if isinstance(model, type)}
    missing = "" if models else f"transformers has no model for the type {kind!r}."
    return Classes(config=config, models=models, missing=missing)


def _config(classes: Classes, settings: dict[str, Any]) -> Any:  # noqa: ANN401
    known = {*classes.config().to_dict(), *classes.config.attribute_map}
    own = {name: value for name, value in settings.items() if name in known}
    config = classes.config(**own)
    config.use_cache = False
    return config


def _built(kind: Any, config: Any) -> nn.Module:  # noqa: ANN401
    """The model with parameters that take no memory and buffers that hold what they should."""
    tried = ("sdpa", "eager")
    for at, attention in enumerate(tried):
        try:
            with _unfilled():
                model: nn.Module = kind._from_config(config, attn_implementation=attention)
        except (ValueError, ImportError):
            if at == len(tried) - 1:
                raise
        else:
            break
    else:
        raise AssertionError
    _check_size(model)
    _fill_with_one_zero(model)
    return model.eval()


def _check_size(model: nn.Module) -> None:
    total = sum(parameter.numel() for parameter in model.parameters())
    if total > MOST_PARAMETERS:
        limit = f"{MOST_PARAMETERS:,} parameters"
        raise TooLarge(what="The network", limit=limit, got=f"{total:,}")


class _Unfilled(TorchFunctionMode):
    """Memory that is about to be overwritten is not taken at all."""

    @override
    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty:
            given["device"] = "meta"
        return func(*args, **given)


@contextmanager
def _unfilled() -> Iterator[None]:
    """Modules made here have their parameters on the meta device."""
    register = nn.Module.register_parameter

    def without_memory(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and param.device.type != "meta":
            param = nn.Parameter(param.to("meta"), requires_grad=param.requires_grad)
        register(self, name, param)

    nn.Module.register_parameter = without_memory  # type: ignore[method-assign]
    try:
        with _Unfilled():
            yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def _fill_with_one_zero(model: nn.Module) -> None:
    """Every parameter one zero, seen as often as its shape asks; tied ones stay tied."""
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                zero = torch.zeros((), dtype=parameter.dtype).expand(parameter.shape)
                known = made.setdefault(id(parameter), nn.Parameter(zero))
                module._parameters[name] = known


def _inputs(model: nn.Module, config: Any) -> dict[str, Tensor]:  # noqa: ANN401
    name = getattr(model, "main_input_name", "input_ids")
    if name == "pixel_values":
        size = getattr(config, "image_size", None) or 32
        height, width = size if isinstance(size, list | tuple) else (size, size)
        channels = getattr(config, "num_channels", 3)
        return {name: torch.zeros(_BATCH, channels, height, width)}
    if name == "input_ids" and hasattr(config, "vision_config"):
        raise CannotRun(reason="it takes text and pictures at once; send one of its two parts.")
    if name != "input_ids":
        raise CannotRun(reason=f"it takes {plain_text(str(name), limit=60)}, not tokens or pixels.")
    tokens = torch.zeros(_BATCH, _TOKENS, dtype=torch.int64)
    if getattr(config, "is_encoder_decoder", False):
        return {name: tokens, "decoder_input_ids": tokens.clone()}
    return {name: tokens}


def _program(model: nn.Module, inputs: dict[str, Tensor]) -> torch.export.ExportedProgram:
    """The exported program, with an open batch where the model allows one."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    open_ = {name: {0: batch} for name in inputs}
    for shapes in (open_, None):
        try:
            return torch.export.export(model, (), inputs, dynamic_shapes=shapes, strict=False)
        except Exception:
            if shapes is None:
                raise
    raise AssertionError


class _Constants(Mapping[str, Numbers]):
    """Values of the buffers and constants that no file holds, read when they are asked for."""

    def __init__(self, model: nn.Module, program: torch.export.ExportedProgram) -> None:
        buffers = {
            name: value
            for name, value in model.named_buffers(remove_duplicate=False)
            if not name.endswith(_RUNNING)
        }
        tensors = {n: v for n, v in program.constants.items() if isinstance(v, Tensor)}
        self._held: dict[str, Tensor] = tensors | buffers
        self._left = _MOST_VALUES

    @override
    def __getitem__(self, name: str) -> Numbers:
        value = self._held[name]
        self._left -= value.numel()
        if self._left < 0:
            raise CannotRun(reason=f"its constants hold more than {_MOST_VALUES:,} values.")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            shown = plain_text(name, limit=80)
            raise CannotRun(reason=f"its constant {shown!r} holds infinities, which is not read.")
        return tuple(value.detach().flatten().tolist())

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    @override
    def __len__(self) -> int:
        return len(self._held)
