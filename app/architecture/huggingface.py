"""Hugging Face's config.json: what of it is let through to `transformers`, and what is not.

A config may name code, files, kernels and other models. Numbers, truth values and short words go
through, and nothing else; `huggingface_child` then builds and exports the model in the sandbox.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.architecture.limits import MOST_BYTES
from app.errors import CannotRun, TooLarge
from app.readers.records import plain_text

Settings: TypeAlias = dict[str, Any]

_MODEL_TYPE: Final = re.compile(r"[a-z][a-z0-9_-]{1,39}")
_CLASS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,79}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
# Settings that lead to code, files, other models or other kernels, and those that shape nothing.
_LEFT_OUT: Final = re.compile(
    r"^_|auto_map|implementation|backbone|quantization|trust|remote|path|file|url|repo|revision"
    r"|timm|kernel_config|use_kernels|pretrained|architectures|version|dtype|tokenizer|label"
    r"|^name|_name$|^task|problem_type|pruned_heads|gguf|torchscript|compile|cache_dir"
)
_DEPTH: Final = re.compile(
    r"layers?$|depths?$|blocks$|stages$|repeats?$|^n_head|heads$|experts$|^n_layer"
)
_ID: Final = re.compile(r"_ids?$|^pad_|_index$")
_READ_ELSEWHERE: Final = frozenset({"model_type", "architectures", "transformers_version"})
_MOST_DEPTH: Final = 256
_MOST_SIZE: Final = 65_536
_MOST_ROWS: Final = 1_000_000  # of a vocabulary or of positions
_ROWS: Final = re.compile(r"vocab|position|seq|length|n_ctx|theta|window|max_|_base|size_buckets")
_ITEMS: Final = 64
_INNER: Final = frozenset(
    {"text_config", "vision_config", "audio_config", "encoder", "decoder", "rope_parameters",
     "rope_scaling"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A config with what was let through."""

    model_type: str
    architecture: str | None  # class that the file says it was saved from
    settings: Settings
    left_out: tuple[str, ...]


def is_config(text: str) -> bool:
    """Whether a text is a config.json: a JSON object that names its model_type."""
    if not text.lstrip().startswith("{") or '"model_type"' not in text:
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("model_type"), str)


def allowed(text: str) -> ModelConfig:
    """The settings of a config.json that say how large its network is.

    Args:
        text: JSON of at most 256 KiB.

    Raises:
        TooLarge: If the text, a size or the depth is beyond what is built here.
        CannotRun: If it names no type of model, or a size makes no sense.
    """
    if len(text) > MOST_BYTES:
        raise TooLarge(what="The config", limit=f"{MOST_BYTES:,} bytes", got=f"{len(text):,}")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise CannotRun(reason="the config is not JSON.") from wrong
    kind = given.get("model_type") if isinstance(given, dict) else None
    if not isinstance(kind, str) or not _MODEL_TYPE.fullmatch(kind):
        raise CannotRun(reason="the config names no model_type, such as 'bert' or 'llama'.")
    left_out: list[str] = []
    settings = _settings(given, left_out, inner=False)
    named = given.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    known = isinstance(first, str) and _CLASS.fullmatch(first) is not None
    return ModelConfig(
        model_type=kind,
        architecture=first if known else None,
        settings=settings,
        left_out=tuple(left_out),
    )


def _settings(given: Settings, left_out: list[str], *, inner: bool) -> Settings:
    found: Settings = {}
    for name, value in given.items():
        shown = plain_text(name, limit=60)
        if name in _READ_ELSEWHERE and not inner:
            continue
        if not _KEY.fullmatch(name) or _LEFT_OUT.search(name):
            left_out.append(shown)
        elif isinstance(value, dict):
            if name in _INNER and not inner:
                found[name] = _settings(value, left_out, inner=True)
            else:
                left_out.append(shown)
        elif _plain(value):
            found[name] = _checked(name, value)
        else:
            left_out.append(shown)
    return found


def _plain(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= _ITEMS and all(_single(item) for item in value)
    return _single(value)


def _single(value: object) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)


def _checked(name: str, value: object) -> object:
    for number in value if isinstance(value, list) else [value]:
        match number:
            case bool():
                continue
            case int():
                _check_size(name, number)
            case float() if not math.isfinite(number):
                raise CannotRun(reason=f"{name} in the config is no finite number.")
            case float() if number.is_integer():
                _check_most(name, int(number), most=10 * _MOST_ROWS)
            case _:
                continue
    return value


def _check_size(name: str, number: int) -> None:
    least = -1 if _ID.search(name) else 0
    if number < least:
        shown = str(number) if number > -(10**30) else "below -10^30"
        raise CannotRun(reason=f"{name} in the config is {shown}; expected at least {least}.")
    if _DEPTH.search(name):
        _check_most(name, number, most=_MOST_DEPTH)
    else:
        rows = _ID.search(name) or _ROWS.search(name)
        _check_most(name, number, most=10 * _MOST_ROWS if rows else _MOST_SIZE)


def _check_most(name: str, number: int, *, most: int) -> None:
    if number > most:
        got = f"{number:,}" if number < 10**30 else "more than 10^30"
        raise TooLarge(what=f"{name} in the config", limit=f"{most:,}", got=got)
