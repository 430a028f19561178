"""Layers that mix features or look up rows, and those that change nothing or drop values."""

from __future__ import annotations

from app.architecture.building import Given, Place, Rule, Signal
from app.core.arguments import Arguments


def expect_features(at: Place, signal: Signal, expected: int, *, axis: int = -1) -> None:
    """Refuse a signal whose axis has another size than the layer takes."""
    expect_real(at, signal)
    if len(signal.shape) < 2:
        at.refuse(f"expects {expected:,} features; one number arrives from {signal.source}.")
    if signal.shape[axis] != expected:
        word = "features" if axis == -1 else "channels"
        at.refuse(
            f"expects {expected:,} {word}; {signal.shape[axis]:,} arrive from {signal.source}, "
            f"whose output has the shape {shown(signal)}."
        )


def expect_real(at: Place, signal: Signal) -> None:
    """Refuse token ids."""
    if signal.dtype != "float32":
        at.refuse("expects numbers; token ids arrive. Put an Embedding before it.")


def shown(signal: Signal) -> str:
    """A signal's shape without the batch."""
    return f"({', '.join(str(size) for size in signal.inner)})" if signal.inner else "()"


def optional(**values: Given) -> dict[str, Given]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def first_dimension(at: Place, given: Arguments) -> None:
    """Note that the batch stands first here, whatever the layer asks for."""
    if not given.flag("batch_first", default=False):
        at.note(
            "Shapes stand with the batch first; layers with batch_first=False are given theirs in "
            "the order that they take, with the same values."
        )


def _linear(at: Place, given: Arguments, x: Signal) -> Signal:
    inputs, outputs = given.size("in_features"), given.size("out_features")
    expect_features(at, x, inputs)
    own = at.drawn("Linear", given.given)
    arguments = {"input": x, **own}
    return at.op("linear.default", arguments, (*x.shape[:-1], outputs))


def _bilinear(at: Place, given: Arguments, x: Signal) -> Signal:
    inputs, outputs = given.size("in1_features"), given.size("out_features")
    if inputs != given.size("in2_features"):
        at.refuse("takes two inputs; here one signal stands for both, so their sizes must agree.")
    expect_features(at, x, inputs)
    at.note("Bilinear takes two inputs; the same signal stands for both.")
    own = at.drawn("Bilinear", given.given)
    arguments = {"input1": x, "input2": x, **own}
    return at.op("bilinear.default", arguments, (*x.shape[:-1], outputs))


def _embedding(at: Place, given: Arguments, x: Signal) -> Signal:
    """Rows by token ids; for a bag, their mean, sum or largest."""
    if x.dtype != "int64":
        at.refuse(
            "expects token ids; numbers arrive. Let it come first, or begin the spec with "
            "`input: {tokens: 64, vocabulary: …}`."
        )
    if given.value("max_norm") is not None:
        at.refuse("has a max_norm, which rewrites its weight as it runs; leave it out.")
    rows_known = given.size("num_embeddings")
    if x.high is not None and x.high > rows_known:
        at.refuse(f"has {rows_known:,} rows; token ids up to {x.high - 1:,} arrive.")
    own = at.drawn(at.kind, given.given)
    width = given.size("embedding_dim")
    arguments: dict[str, Given] = {"weight": own["weight"], "indices": x}
    row = given.value("padding_idx")
    if row is not None:
        arguments["padding_idx"] = int(str(row)) % given.size("num_embeddings")
    for name in ("scale_grad_by_freq", "sparse"):
        if given.flag(name, default=False):
            at.note(f"{name} of {at.kind} changes no value and is left out.")
    part = "rows" if at.kind == "EmbeddingBag" else ""
    rows = at.op("embedding.default", arguments, (*x.shape, width), part=part)
    return rows if at.kind == "Embedding" else _bag(at, given, rows)


def _bag(at: Place, given: Arguments, rows: Signal) -> Signal:
    mode = given.word("mode", "mean", "sum", "max")
    if given.value("padding_idx") is not None or len(rows.shape) != 3:
        at.refuse("is measured over one list of token ids without a padding_idx.")
    op = {"mean": "mean.dim", "sum": "sum.dim_IntList", "max": "amax.default"}[mode]
    return at.op(op, {"self": rows, "dim": (1,)}, (rows.shape[0], rows.shape[2]))


def _dropout(at: Place, given: Arguments, x: Signal) -> Signal:
    p = given.number("p", 0.5, low=0.0, high=1.0)
    expect_real(at, x)
    op = {
        "Dropout": "dropout.default",
        "AlphaDropout": "alpha_dropout.default",
        "FeatureAlphaDropout": "feature_alpha_dropout.default",
    }.get(at.kind, "feature_dropout.default")
    axes = {"Dropout1d": 3, "Dropout2d": 4, "Dropout3d": 5}.get(at.kind)
    if axes is not None and len(x.shape) != axes:
        at.refuse(f"expects channels and {axes - 2} more axes; {shown(x)} arrives from {x.source}.")
    return at.op(op, {"input": x, "p": p, "train": True}, x.shape)


def _identity(at: Place, given: Arguments, x: Signal) -> Signal:
    del at, given
    return x


DENSE: dict[str, Rule] = {
    "Linear": _linear,
    "Bilinear": _bilinear,
    "Embedding": _embedding,
    "EmbeddingBag": _embedding,
    "Identity": _identity,
    **dict.fromkeys(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        _dropout,
    ),
}
