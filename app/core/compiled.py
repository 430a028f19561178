"""Compiled loops: declared with their types, made ready once, never compiled behind one's back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Signature: TypeAlias = tuple[types.Type, ...]

# Sums may be reordered into vector lanes, but NaN and infinity keep their meaning.
_REORDER = ("reassoc", "contract", "nsz", "arcp")

_registered: list[tuple[Any, Signature]] = []
_prepared: list[tuple[Any, Signature]] = []


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


def prepare() -> None:
    """Compile every declared loop, or load it from numba's cache, and forbid any other.

    What was declared since the last call is made ready by the next; otherwise that does nothing.
    """
    fresh = _registered[len(_prepared) :]
    for loop, signature in fresh:
        if signature not in loop.overloads:
            loop.compile(signature)
    for loop, _ in fresh:
        loop.disable_compile()
    _prepared.extend(fresh)


def read_only(dtype: types.Type) -> types.Type:
    """A contiguous row that may be a read-only map; a writable one is taken as well."""
    return types.Array(dtype, 1, "C", readonly=True)


def writable(dtype: types.Type) -> types.Type:
    """A contiguous row that the loop writes to."""
    return types.Array(dtype, 1, "C")


def together(*parts: types.Type) -> types.Type:
    """A tuple."""
    return types.Tuple(parts)  # type: ignore[no-untyped-call]


def _prefetch(typing: Any, row: types.Array, place: types.Integer) -> Any:  # noqa: ANN401, ARG001
    """In a loop, `prefetch(row, place)` asks for `row[place]` to be in the cache soon.

    The place may lie behind the end. Where values are scattered over counters, the processor's
    own prefetching falls behind: asking is worth 20 % of the time of a float32 tensor in memory.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        module: Any = builder.module
        function = cast("Any", cgutils).get_or_insert_function(module, kind, "llvm.prefetch.p0")
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        read, keep, into_data_cache = number(0), number(3), number(1)
        builder.call(function, [address, read, keep, into_data_cache])
        return context.get_dummy_value()

    return types.void(row, place), generate


prefetch: Callable[[np.ndarray, np.uint64], None] = cast("Any", intrinsic)(_prefetch)
