"""Operator → rule; an operator that is not here stops the prediction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from app.core.meanfield.rules import (
    arithmetic,
    convolved,
    dense,
    dropped,
    elementwise,
    functions,
    gates,
    joined,
    maxima,
    normalised,
    pieces,
    pooled,
    products,
    rearranged,
    recurrent,
    recurrent_cells,
    reduced,
    resized,
    shuffled,
    softmaxes,
    written_attention,
)
from app.core.meanfield.step import Situation, Step
from app.core.operators import ACTIVATIONS

_OTHERS: Final = frozenset({"aten.glu.default", "aten.rrelu.default"})  # not one number's own

Rule: TypeAlias = Callable[[Situation], Step]


def _aten(names: str, rule: Rule) -> dict[str, Rule]:
    return {f"aten.{name if '.' in name else f'{name}.default'}": rule for name in names.split()}


RULES: Final[dict[str, Rule]] = {
    **{name: elementwise.activation for name in ACTIVATIONS if name not in _OTHERS},
    **_aten("abs erf sin square", elementwise.activation),
    **_aten("rrelu", dropped.random_slope),
    **_aten("glu", gates.glu),
    **_aten("bilinear", gates.bilinear),
    **_aten(functions.NAMES, functions.function),
    **_aten("neg", arithmetic.negative),
    **_aten("linear", dense.linear),
    **_aten("addmm", partial(dense.linear, given="mat1", weight="mat2", bias="self")),
    **_aten("matmul mm bmm mv", products.product),
    **_aten("lstm.input gru.input rnn_tanh.input rnn_relu.input", recurrent.recurrent),
    **_aten("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", recurrent_cells.cell),
    **_aten("embedding", dense.embedding),
    **_aten(
        "conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding", convolved.convolution
    ),
    **_aten(
        "conv_transpose1d conv_transpose2d.input conv_transpose3d.input",
        partial(convolved.convolution, transposed=True),
    ),
    **_aten("batch_norm", normalised.batch_norm),
    **_aten("layer_norm", normalised.layer_norm),
    **_aten("group_norm", normalised.group_norm),
    **_aten("instance_norm", normalised.instance_norm),
    **_aten("rms_norm", normalised.rms_norm),
    **_aten("dropout feature_dropout", dropped.dropout),
    **_aten("alpha_dropout feature_alpha_dropout", dropped.alpha_dropout),
    **_aten("add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar rsub.Tensor", arithmetic.add),
    **_aten("mul.Tensor mul.Scalar div.Tensor div.Scalar true_divide.Tensor", arithmetic.scale),
    **_aten("cat concat", joined.concatenate),
    **_aten("stack", joined.stack),
    **_aten("avg_pool1d avg_pool2d avg_pool3d", pooled.average_pool),
    **_aten(
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d",
        pooled.adaptive_average_pool,
    ),
    **_aten("max_pool1d max_pool2d max_pool3d max_pool2d_with_indices", maxima.maximum_pool),
    **_aten("mean.dim mean", reduced.mean),
    **_aten("sum.dim_IntList sum", reduced.total),
    **_aten("var.correction var.dim std.correction std.dim", reduced.variance),
    **_aten("linalg_vector_norm norm.ScalarOpt_dim", reduced.norm),
    **_aten("softmax.int _softmax _safe_softmax", softmaxes.softmax),
    **_aten("log_softmax.int _log_softmax", softmaxes.log_softmax),
    **_aten("scaled_dot_product_attention", written_attention.fused),
    **_aten("masked_fill.Scalar masked_fill.Tensor", written_attention.masked_fill),
    **_aten("where.self where.ScalarOther", written_attention.where),
    **_aten(
        "clone contiguous detach alias to.dtype to.dtype_layout to.other _to_copy type_as",
        rearranged.same,
    ),
    **_aten(
        "view reshape flatten.using_ints unflatten.int squeeze squeeze.dim squeeze.dims unsqueeze"
        " _unsafe_view",
        rearranged.reshape,
    ),
    **_aten("permute transpose.int t swapaxes", rearranged.permute),
    **_aten("expand expand_as broadcast_to", rearranged.expand),
    **_aten("chunk split.Tensor split_with_sizes split.sizes", pieces.split),
    **_aten("unbind.int", pieces.unbind),
    **_aten("slice.Tensor select.int narrow", pieces.piece),
    **_aten("index_select index.Tensor", pieces.chosen),
    **_aten("roll", resized.roll),
    **_aten("flip", resized.flip),
    **_aten(
        "pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d"
        " replication_pad2d replication_pad3d",
        resized.pad,
    ),
    **dict.fromkeys(
        (
            f"aten.{kind}.{how}"
            for kind in (
                *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"),
                *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d"),
                *("_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d"),
                *("upsample_trilinear3d", "upsample_bicubic2d"),
            )
            for how in ("default", "vec")
        ),
        resized.upsample,
    ),
    **_aten("channel_shuffle", shuffled.channels),
    **_aten("pixel_shuffle", shuffled.pixel_shuffle),
    **_aten("pixel_unshuffle", shuffled.pixel_unshuffle),
}
