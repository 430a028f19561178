"""Operators that torch has for one device or mode only, in terms of those that always run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_ATEN = torch.ops.aten


def _copy(self: torch.Tensor, src: torch.Tensor, *, non_blocking: bool = False) -> torch.Tensor:
    """aten.copy, which torch cannot differentiate: the source in the target's shape and dtype."""
    del non_blocking
    return src.to(self.dtype).expand(self.shape).clone()


def _attention(*given: Any, **named: Any) -> tuple[torch.Tensor, None]:  # noqa: ANN401
    """The CPU's flash attention by the operator of every device; it has one more result."""
    names = ("query", "key", "value", "dropout_p", "is_causal")
    arguments = {**dict(zip(names, given, strict=False)), **named}
    return _ATEN.scaled_dot_product_attention.default(**arguments), None


def _batch_norm(*given: Any, **named: Any) -> tuple[torch.Tensor, ...]:  # noqa: ANN401
    """A batch norm that was exported for inference, by the batch's own statistics."""
    names = ("input", "weight", "bias", "running_mean", "running_var", "momentum", "eps")
    arguments = {**dict(zip(names, given, strict=False)), **named}
    kept = {name: arguments[name] for name in ("input", "weight", "bias", "momentum", "eps")}
    found: tuple[torch.Tensor, ...] = _ATEN._native_batch_norm_legit.no_stats(**kept, training=True)
    return found


INSTEAD: dict[str, Callable[..., Any]] = {
    "aten.copy.default": _copy,
    "aten._scaled_dot_product_flash_attention_for_cpu.default": _attention,
}
IN_TRAINING: dict[str, Callable[..., Any]] = {
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
}
