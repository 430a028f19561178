"""Compiled loops: declared with their types, made ready once, never compiled behind one's back."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
from numba import types

Function = TypeVar("Function", bound=Callable[..., Any])
Signature: TypeAlias = tuple[types.Type, ...]

# Sums may be reordered into vector lanes, but NaN and infinity keep their meaning.
_REORDER = ("reassoc", "contract", "nsz", "arcp")

_registered: list[tuple[Any, Signature]] = []


def compiled(*signatures: Signature, reorder: bool = False) -> Callable[[Function], Function]:
    """A decorator that declares a loop; `prepare` compiles it, importing does not.

    Args:
        signatures: Argument types the loop is called with from Python; none for a loop that only
            other loops call.
        reorder: Whether floating sums may be taken in any order.
    """

    def decorate(function: Function) -> Function:
        loop = numba.njit(nogil=True, fastmath=set(_REORDER) if reorder else False)(function)
        with contextlib.suppress(RuntimeError):  # no folder for numba's cache can be written
            loop.enable_caching()
        _registered.extend((loop, signature) for signature in signatures)
        return cast("Function", loop)

    return decorate


@functools.cache
def prepare() -> None:
    """Compile every declared loop, or load it from numba's cache, and forbid any other."""
    for loop, signature in _registered:
        loop.compile(signature)
    for loop, _ in _registered:
        loop.disable_compile()


def read_only(dtype: types.Type) -> types.Type:
    """A contiguous row that may be a read-only map; a writable one is taken as well."""
    return types.Array(dtype, 1, "C", readonly=True)


def writable(dtype: types.Type) -> types.Type:
    """A contiguous row that the loop writes to."""
    return types.Array(dtype, 1, "C")


def together(*parts: types.Type) -> types.Type:
    """A tuple."""
    return types.Tuple(parts)  # type: ignore[no-untyped-call]
