"""One torch.nn layer → the operations that torch would run for it."""

from __future__ import annotations

from app.architecture.activations import ACTIVATIONS
from app.architecture.building import Place, Rule, Signal
from app.architecture.convolutions import CONVOLUTIONS
from app.architecture.dense import DENSE, expect_real
from app.architecture.norms import NORMS
from app.architecture.pools import POOLS
from app.architecture.rearranging import REARRANGING
from app.architecture.recurrent import RECURRENT
from app.architecture.resizing import RESIZING
from app.architecture.transformers import ATTENTION
from app.core.arguments import Argument, Arguments
from app.errors import Invalid, NotANetwork

RULES: dict[str, Rule] = {
    **ACTIVATIONS,
    **ATTENTION,
    **CONVOLUTIONS,
    **DENSE,
    **NORMS,
    **POOLS,
    **REARRANGING,
    **RECURRENT,
    **RESIZING,
}
_TAKE_TOKENS = frozenset({"Embedding", "EmbeddingBag", "Identity"})
# Lazy layers learn one size from what arrives: class → the argument and the axis it is read from.
_LAZY = {
    "LazyLinear": ("in_features", -1),
    **{f"LazyConv{n}d": ("in_channels", 1) for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d": ("in_channels", 1) for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": ("num_features", 1) for n in (1, 2, 3)},
    **{f"LazyInstanceNorm{n}d": ("num_features", 1) for n in (1, 2, 3)},
}


def lowered(at: Place, arguments: dict[str, Argument], x: Signal) -> Signal:
    """Add a layer's operations to the graph.

    Args:
        at: Where it stands; `at.kind` is its class.
        arguments: Of its constructor, by name.
        x: What arrives.

    Returns:
        What goes on.

    Raises:
        NotANetwork: If an argument is out of range, or what arrives does not fit.
    """
    lazy = _LAZY.get(at.kind)
    if lazy is not None and len(x.shape) > 1:
        name, axis = lazy
        inner = Place(
            building=at.building,
            path=at.path,
            kind=at.kind.removeprefix("Lazy"),
            text=at.text,
            line=at.line,
        )
        return lowered(inner, {name: x.shape[axis], **arguments}, x)
    given = Arguments(at.kind, arguments)
    try:
        for name in ("inplace", "enable_nested_tensor", "mask_check"):
            given.flag(name, default=False)
        given.placed()
        if at.kind not in _TAKE_TOKENS:
            expect_real(at, x)
        return RULES[at.kind](at, given, x)
    except Invalid as wrong:
        where = "" if at.line is None else f"line {at.line}: "
        raise NotANetwork(reason=f"{where}{wrong.message}") from wrong
