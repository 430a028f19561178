"""Operator → rule; an operator that is not here stops the prediction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from app.core.meanfield import (
    arithmetic,
    attended,
    convolved,
    dense,
    elementwise,
    normalised,
    pooled,
    rearranged,
)
from app.core.meanfield.step import Situation, Step
from app.core.operators import ACTIVATIONS

Rule: TypeAlias = Callable[[Situation], Step]


def _aten(names: str, rule: Rule) -> dict[str, Rule]:
    return {f"aten.{name if '.' in name else f'{name}.default'}": rule for name in names.split()}


RULES: Final[dict[str, Rule]] = {
    **{name: elementwise.activation for name in ACTIVATIONS if "glu" not in name},
    **_aten("abs erf sin square", elementwise.activation),
    **_aten("linear", dense.linear),
    **_aten("addmm", partial(dense.linear, given="mat1", weight="mat2")),
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
    **_aten("dropout feature_dropout", elementwise.dropout),
    **_aten("add.Tensor add.Scalar sub.Tensor sub.Scalar", arithmetic.add),
    **_aten("mul.Tensor mul.Scalar div.Tensor div.Scalar", arithmetic.scale),
    **_aten("cat concat", arithmetic.concatenate),
    **_aten("avg_pool1d avg_pool2d avg_pool3d", pooled.average_pool),
    **_aten(
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d",
        pooled.adaptive_average_pool,
    ),
    **_aten("max_pool1d max_pool2d max_pool3d max_pool2d_with_indices", pooled.maximum_pool),
    **_aten("mean.dim mean", pooled.mean),
    **_aten("scaled_dot_product_attention", attended.attention),
    **_aten("clone contiguous detach alias to.dtype _to_copy", rearranged.same),
    **_aten(
        "view reshape flatten.using_ints unflatten.int squeeze squeeze.dim squeeze.dims unsqueeze"
        " _unsafe_view",
        rearranged.reshape,
    ),
    **_aten("permute transpose.int t swapaxes", rearranged.permute),
    **_aten("expand", rearranged.expand),
    **_aten("chunk split.Tensor split_with_sizes split.sizes", rearranged.split),
    **_aten("slice.Tensor select.int narrow", rearranged.piece),
}
