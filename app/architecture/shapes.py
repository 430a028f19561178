"""Sizes that convolutions, pools and their like give, exactly as torch computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A kernel that moves over the trailing axes."""

    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes


def convolved(sizes: Sequence[int], window: Window) -> Sizes:
    """`⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1` for each axis.

    Source:
        torch.nn.Conv2d, torch 2.13.
    """
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            sizes, window.kernel, window.stride, window.padding, window.dilation, strict=True
        )
    )


def pooled(sizes: Sequence[int], window: Window, *, ceil: bool) -> Sizes:
    """As `convolved`, or rounded up, but no window starts in the padding on the right.

    Source:
        pooling_output_shape_pad_lr in ATen/native/Pool.h, torch 2.13.
    """
    if not ceil:
        return convolved(sizes, window)
    found = []
    for n, k, s, p, d in zip(
        sizes, window.kernel, window.stride, window.padding, window.dilation, strict=True
    ):
        size = -((n + 2 * p - d * (k - 1) - 1) // -s) + 1
        found.append(size - 1 if (size - 1) * s >= n + p else size)
    return tuple(found)


def transposed(sizes: Sequence[int], window: Window, extra: Sizes) -> Sizes:
    """`(n − 1)·s − 2p + d·(k − 1) + extra + 1` for each axis.

    Source:
        torch.nn.ConvTranspose2d, torch 2.13.
    """
    return tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(
            sizes, window.kernel, window.stride, window.padding, window.dilation, extra, strict=True
        )
    )


def same_padding(window: Window) -> Sizes:
    """What `padding='same'` adds on both sides together, for each axis."""
    return tuple(d * (k - 1) for k, d in zip(window.kernel, window.dilation, strict=True))
