"""The parameters of torch.nn layers that are made of other layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.core.arguments import MOST_LAYERS, Argument, Arguments
from app.core.parameters import Parameter, parameters


def all_parameters(layer: str, arguments: Mapping[str, Argument]) -> tuple[Parameter, ...]:
    """Every parameter of a layer, in its own order, also of layers made of layers.

    Args:
        layer: A torch.nn class name.
        arguments: Of its constructor.

    Raises:
        Invalid: If torch.nn has no such layer with parameters, or an argument is missing, unknown
            or out of range.
    """
    rule = _RULES.get(layer)
    if rule is None:
        return parameters(layer, arguments)
    given = Arguments(layer, arguments)
    given.placed()
    found = rule(given)
    given.finish()
    return tuple(found)


def _below(prefix: str, found: tuple[Parameter, ...] | list[Parameter]) -> list[Parameter]:
    return [
        replace(
            parameter,
            name=f"{prefix}.{parameter.name}",
            facts=replace(
                parameter.facts, module=f"{prefix}.{parameter.facts.module}".removesuffix(".")
            ),
        )
        for parameter in found
    ]


def _norm(width: int, *, bias: bool) -> tuple[Parameter, ...]:
    return parameters("LayerNorm", {"normalized_shape": width, "bias": bias})


def _linear(inputs: int, outputs: int, *, bias: bool) -> tuple[Parameter, ...]:
    sizes: dict[str, Argument] = {"in_features": inputs, "out_features": outputs, "bias": bias}
    return parameters("Linear", sizes)


def _layer(given: Arguments, *, decoder: bool) -> list[Parameter]:
    """One layer of an encoder or a decoder: attention, feed-forward, norms."""
    width, heads = given.size("d_model"), given.size("nhead")
    wide, bias = given.size("dim_feedforward", 2048), given.flag("bias", default=True)
    if width % heads:
        raise given.refused("nhead", f"a divisor of d_model = {width}", heads)
    _check_forward(given)
    sizes: dict[str, Argument] = {"embed_dim": width, "num_heads": heads, "bias": bias}
    attention = parameters("MultiheadAttention", sizes)
    found = _below("self_attn", attention)
    if decoder:
        found += _below("multihead_attn", attention)
    found += _below("linear1", _linear(width, wide, bias=bias))
    found += _below("linear2", _linear(wide, width, bias=bias))
    for number in range(1, 4 if decoder else 3):
        found += _below(f"norm{number}", _norm(width, bias=bias))
    return found


def _check_forward(given: Arguments) -> None:
    """Arguments of a Transformer's forward pass, which change no parameter."""
    given.number("dropout", 0.1, low=0.0, high=1.0)
    given.number("layer_norm_eps", 1e-5)
    given.word("activation", "relu", "gelu")
    for name in ("batch_first", "norm_first"):
        given.flag(name, default=False)


def _encoder_layer(given: Arguments) -> list[Parameter]:
    return _layer(given, decoder=False)


def _decoder_layer(given: Arguments) -> list[Parameter]:
    return _layer(given, decoder=True)


def _transformer(given: Arguments) -> list[Parameter]:
    """Both stacks with their final norms; every matrix is drawn again by the Transformer."""
    defaults: dict[str, Argument] = {"d_model": 512, "nhead": 8}
    inner = Arguments(given.layer, {**defaults, **given.given})
    found: list[Parameter] = []
    for half, decoder in (("encoder", False), ("decoder", True)):
        layers = given.size(f"num_{half}_layers", 6, most=MOST_LAYERS)
        one = _layer(inner, decoder=decoder)
        for number in range(layers):
            found += _below(f"{half}.layers.{number}", one)
        bias = inner.flag("bias", default=True)
        found += _below(f"{half}.norm", _norm(inner.size("d_model"), bias=bias))
    given.read |= inner.read
    return [_redrawn(parameter) for parameter in found]


def _redrawn(parameter: Parameter) -> Parameter:
    if len(parameter.shape) < 2:
        return parameter
    return replace(parameter, facts=replace(parameter.facts, enclosing="Transformer"))


def _adaptive_softmax(given: Arguments) -> list[Parameter]:
    """A head over the common classes, and for each cluster a projection and its own layer."""
    inputs, classes = given.size("in_features"), given.size("n_classes")
    cutoffs, divide = given.shape("cutoffs"), given.number("div_value", 4.0, low=1.0, high=1e6)
    bias = given.flag("head_bias", default=False)
    if list(cutoffs) != sorted(set(cutoffs)) or cutoffs[-1] >= classes:
        expected = f"ascending numbers below n_classes = {classes}"
        raise given.refused("cutoffs", expected, given.value("cutoffs"))
    found = _below("head", _linear(inputs, cutoffs[0] + len(cutoffs), bias=bias))
    for at, (low, high) in enumerate(zip(cutoffs, (*cutoffs[1:], classes), strict=True)):
        inner = max(1, int(inputs // divide ** (at + 1)))
        found += _below(f"tail.{at}.0", _linear(inputs, inner, bias=False))
        found += _below(f"tail.{at}.1", _linear(inner, high - low, bias=False))
    return found


_RULES: dict[str, Callable[[Arguments], list[Parameter]]] = {
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerDecoderLayer": _decoder_layer,
    "Transformer": _transformer,
    "AdaptiveLogSoftmaxWithLoss": _adaptive_softmax,
}
