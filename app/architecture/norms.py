"""Normalisation layers."""

from __future__ import annotations

import math

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import expect_features, expect_real, optional, shown
from app.core.arguments import Arguments
from app.core.layers import BATCH_NORM

EPS = 1e-5  # torch's default, and the operators'
_AXES = {
    **{f"BatchNorm{n}d": {n + 2} for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": {n + 2} for n in (1, 2, 3)},
    "BatchNorm1d": {2, 3},
}


def _running(at: Place, given: Arguments, x: Signal) -> Signal:
    """Batch and instance norm: over the batch's own values, as in training."""
    channels = given.size("num_features")
    expected = _AXES.get(at.kind, set(range(2, 12)))
    if len(x.shape) not in expected:
        axes = " or ".join(str(n - 2) for n in sorted(expected))
        at.refuse(f"expects channels and {axes} more axes; {shown(x)} arrives from {x.source}.")
    expect_features(at, x, channels, axis=1)
    own = at.drawn(at.kind, given.given)
    batch = at.kind in BATCH_NORM
    if not batch and math.prod(x.shape[2:]) == 1:
        at.refuse("expects more than one position in each channel; one alone has no variance.")
    tracked = given.flag("track_running_stats", default=batch)
    arguments: dict[str, Given] = {
        "input": x,
        "weight": own.get("weight"),
        "bias": own.get("bias"),
        "running_mean": at.buffer("running_mean", (channels,)) if tracked else None,
        "running_var": at.buffer("running_var", (channels,)) if tracked else None,
        "training" if batch else "use_input_stats": True,
        "momentum": given.number("momentum", 0.1),
        "eps": given.number("eps", EPS),
        "cudnn_enabled": True,
    }
    op = "batch_norm.default" if batch else "instance_norm.default"
    return at.op(op, arguments, x.shape)


def _layer_norm(at: Place, given: Arguments, x: Signal) -> Signal:
    shape = given.shape("normalized_shape")
    expect_real(at, x)
    if x.inner[-len(shape) :] != shape:
        wanted = f"{shape[0]:,} features" if len(shape) == 1 else f"(…, {str(shape)[1:]}"
        at.refuse(f"expects {wanted}; {shown(x)} arrives from {x.source}.")
    own = at.drawn(at.kind, given.given)
    eps = None if given.value("eps") is None else given.number("eps", EPS)
    layer = at.kind == "LayerNorm"
    told = optional(eps=None if layer and eps == EPS else eps)
    arguments: dict[str, Given] = {"input": x, "normalized_shape": shape, **own, **told}
    op = "layer_norm.default" if layer else "rms_norm.default"
    return at.op(op, arguments, x.shape)


def _group_norm(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_features(at, x, given.size("num_channels"), axis=1)
    own = at.drawn("GroupNorm", given.given)
    eps = given.number("eps", EPS)
    arguments: dict[str, Given] = {"input": x, "num_groups": given.size("num_groups"), **own}
    if eps != EPS:
        arguments["eps"] = eps
    return at.op("group_norm.default", arguments, x.shape)


def _local_response(at: Place, given: Arguments, x: Signal) -> Signal:
    """`x / (k + α·mean of squares over neighbouring channels)^β`.

    Source:
        torch.nn.functional.local_response_norm, torch 2.13.
    """
    expect_real(at, x)
    if len(x.shape) < 3:
        at.refuse(f"expects channels and more axes; {shown(x)} arrives from {x.source}.")
    size, channels, rest = given.size("size", most=4096), x.shape[1], x.shape[2:]
    squares = at.op("mul.Tensor", {"self": x, "other": x}, x.shape, part="square")
    flat = math.prod(rest)
    view = (x.shape[0], 1, channels, flat)
    square = at.op(
        "view.default", {"self": squares, "size": (-1, *view[1:])}, view, part="one plane"
    )
    pad = (0, 0, size // 2, (size - 1) // 2)
    tall = (*view[:2], channels + size - 1, flat)
    padded = at.op("pad.default", {"self": square, "pad": pad}, tall, part="pad")
    pool: dict[str, Given] = {"self": padded, "kernel_size": (size, 1), "stride": (1, 1)}
    mean = at.op("avg_pool2d.default", pool, view, part="mean of neighbours")
    back = at.op("view.default", {"self": mean, "size": (-1, *x.inner)}, x.shape, part="axes back")
    alpha, k = given.number("alpha", 1e-4), given.number("k", 1.0)
    scaled = at.op("mul.Scalar", {"self": back, "other": alpha}, x.shape, part="times alpha")
    added = at.op("add.Scalar", {"self": scaled, "other": k}, x.shape, part="plus k")
    beta = given.number("beta", 0.75)
    power = at.op("pow.Tensor_Scalar", {"self": added, "exponent": beta}, x.shape, part="power")
    return at.op("div.Tensor", {"self": x, "other": power}, x.shape)


NORMS: dict[str, Rule] = {
    **{f"{kind}{n}d": _running for kind in ("BatchNorm", "InstanceNorm") for n in (1, 2, 3)},
    "SyncBatchNorm": _running,
    "LayerNorm": _layer_norm,
    "RMSNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "LocalResponseNorm": _local_response,
}
