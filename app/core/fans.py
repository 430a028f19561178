"""fan_in and fan_out by torch's own convention, and where that convention misleads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.layers import CONV, CONV_TRANSPOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fans:
    """What torch.nn.init takes for the inputs and outputs of one unit."""

    fan_in: int
    fan_out: int


def fans(shape: Sequence[int]) -> Fans:
    """The fans that torch.nn.init computes from a weight's shape alone.

    Args:
        shape: At least 2 axes.

    Returns:
        `size(1)·∏k` and `size(0)·∏k`, where k are the axes after the second.

    Raises:
        ValueError: If there are fewer than 2 axes.

    Source:
        torch.nn.init._calculate_fan_in_and_fan_out, torch 2.13.
    """
    if len(shape) < 2:
        msg = f"a weight needs at least 2 axes to have fans, got shape {tuple(shape)}"
        raise ValueError(msg)
    field = math.prod(shape[2:])
    return Fans(fan_in=shape[1] * field, fan_out=shape[0] * field)


def stored_transposed(shape: Sequence[int]) -> Fans:
    """The fans of a weight that a library stores as (in, out), such as GPT-2's Conv1D."""
    flipped = fans(shape)
    return Fans(fan_in=flipped.fan_out, fan_out=flipped.fan_in)


def stored_last(shape: Sequence[int]) -> Fans:
    """The fans of a kernel that Keras or Flax stores as (…, in, out), the field's axes first.

    Source:
        keras.src.initializers.random_initializers.compute_fans, Keras 3.15; JAX's lecun_normal.
    """
    field = math.prod(shape[:-2])
    return Fans(fan_in=shape[-2] * field, fan_out=shape[-1] * field)


def fan_in_text(shape: Sequence[int]) -> str:
    """How fan_in follows from the shape: `size(1) · 3·3 = 64 · 9`."""
    if len(shape) == 2:
        return "size(1), the inputs of one unit"
    field = "·".join(str(k) for k in shape[2:])
    return f"size(1) · kernel = {shape[1]} · ({field})"


def trap(kind: str, shape: Sequence[int], groups: int | None) -> str | None:
    """The sentence that says where torch's fans are not what their names promise.

    Args:
        kind: A torch.nn class name.
        shape: The weight's shape.
        groups: Of a convolution, where the file tells.

    Returns:
        None where fan_in and fan_out mean what they say.
    """
    if kind in CONV_TRANSPOSE and len(shape) > 2:
        return (
            f"{kind} stores its weight as (in_channels, out_channels/groups, kernel), so torch's "
            "fan_in, size(1) times the kernel, is really a fan-out, and the other way round."
        )
    if kind in CONV and groups is not None and groups > 1:
        counted, true = fans(shape).fan_out, fans(shape).fan_out // groups
        return (
            f"With groups={groups}, fan_in is right, but torch's fan_out ignores groups: {counted} "
            f"where each input reaches {true} outputs. A fan_out scheme draws "
            f"√{groups} times too small here."
        )
    if kind == "Bilinear":
        return (
            "Bilinear's bound uses in1_features alone; in2_features is ignored, so the output "
            "grows as √in2_features."
        )
    return None
