"""The operators a network may be made of, by family; whatever is not listed here never runs.

Each is a pure function of tensors: it reads no file, keeps no state, and draws nothing but what
dropout draws. In-place variants and views of memory are no members: readers give the functional
form. The families are what charts and theory ask for.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Family: TypeAlias = Literal[
    "linear",
    "convolution",
    "recurrent",
    "embedding",
    "norm",
    "activation",
    "attention",
    "softmax",
    "dropout",
    "pooling",
    "resampling",
    "product",  # of two signals: matmul, einsum
    "arithmetic",
    "reduction",
    "comparison",
    "selection",
    "shape",
    "factory",  # makes a tensor from numbers; its size is bounded by the interpreter's dry run
    "cast",
    "size",  # numbers, not tensors: sizes and what is calculated from them
]

_AXES: Final = (1, 2, 3)
_RECURRENT: Final = ("lstm", "gru", "rnn_tanh", "rnn_relu")

ACTIVATIONS: Final[dict[str, str]] = {
    "aten.relu.default": "ReLU",
    "aten.relu6.default": "ReLU6",
    "aten.leaky_relu.default": "LeakyReLU",
    "aten.prelu.default": "PReLU",
    "aten._prelu_kernel.default": "PReLU",
    "aten.rrelu.default": "RReLU",
    "aten.elu.default": "ELU",
    "aten.selu.default": "SELU",
    "aten.celu.default": "CELU",
    "aten.gelu.default": "GELU",
    "aten.silu.default": "SiLU",
    "aten.mish.default": "Mish",
    "aten.softplus.default": "Softplus",
    "aten.tanh.default": "Tanh",
    "aten.sigmoid.default": "Sigmoid",
    "aten.log_sigmoid.default": "LogSigmoid",
    "aten.hardtanh.default": "Hardtanh",
    "aten.hardsigmoid.default": "Hardsigmoid",
    "aten.hardswish.default": "Hardswish",
    "aten.hardshrink.default": "Hardshrink",
    "aten.softshrink.default": "Softshrink",
    "aten.threshold.default": "Threshold",
    "aten.glu.default": "GLU",
}
"""Activation → its torch.nn class. Softsign and Tanhshrink are exported as arithmetic."""

SATURATING: Final[dict[str, tuple[float, float]]] = {
    "aten.tanh.default": (-1.0, 1.0),
    "aten.sigmoid.default": (0.0, 1.0),
    "aten.hardtanh.default": (-1.0, 1.0),  # unless min_val and max_val say otherwise
    "aten.hardsigmoid.default": (0.0, 1.0),
    "aten.relu6.default": (0.0, 6.0),
}
"""Activation → the values between which its output is caught."""

ZEROING: Final = frozenset(
    f"aten.{name}.default"
    for name in (
        "relu", "relu6", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "threshold",
        "hardtanh",  # where min_val is 0: torch exports ReLU6 so
    )
)  # fmt: skip
"""Activations that are exactly 0 over a whole range of inputs, so that a unit can be dead."""

WEIGHT_ARGUMENT: Final[dict[str, str]] = {
    "aten.linear.default": "weight",
    "aten.addmm.default": "mat2",
    "aten.bilinear.default": "weight",
    "aten.embedding.default": "weight",
    "aten.embedding_bag.padding_idx": "weight",
    "aten.convolution.default": "weight",
    "aten._convolution.default": "weight",
    **{f"aten.conv{n}d.{how}": "weight" for n in _AXES for how in ("default", "padding")},
    "aten.conv_transpose1d.default": "weight",
    "aten.conv_transpose2d.input": "weight",
    "aten.conv_transpose3d.input": "weight",
    **{f"aten.{name}.input": "params" for name in _RECURRENT},
    **{f"aten.{name}_cell.default": "w_ih" for name in _RECURRENT},
}
"""Operator that carries a weight → its argument's name; the operators along a chart's depth."""

TRAINING_ARGUMENT: Final[dict[str, str]] = {
    "aten.batch_norm.default": "training",
    "aten._native_batch_norm_legit_functional.default": "training",
    "aten.instance_norm.default": "use_input_stats",
    **{
        f"aten.{name}.default": "train"
        for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    },
    "aten.native_dropout.default": "train",
    "aten.rrelu.default": "training",
    **{f"aten.{name}.input": "train" for name in _RECURRENT},
}
"""Operator that behaves otherwise in training → the argument that says so."""


def _names(text: str, *, overload: str = "") -> tuple[str, ...]:
    return tuple(f"aten.{name}{overload}" for name in text.split())


_TABLE: Final[dict[Family, tuple[str, ...]]] = {
    "linear": ("aten.linear.default", "aten.addmm.default", "aten.bilinear.default"),
    "convolution": tuple(name for name in WEIGHT_ARGUMENT if "conv" in name),
    "recurrent": tuple(f"aten.{name}{how}" for name in _RECURRENT for how in (".input", "_cell")),
    "embedding": ("aten.embedding.default", "aten.embedding_bag.padding_idx"),
    "norm": _names(
        "batch_norm layer_norm group_norm instance_norm rms_norm native_layer_norm"
        " native_group_norm _native_batch_norm_legit_no_training _fused_rms_norm"
        " _native_batch_norm_legit_functional",
        overload=".default",
    )
    + _names("_native_batch_norm_legit.no_stats"),
    "activation": tuple(ACTIVATIONS),
    "attention": _names(
        "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu"
        " _scaled_dot_product_attention_math",
        overload=".default",
    ),
    "softmax": _names("softmax.int log_softmax.int _softmax.default _log_softmax.default"
                      " _safe_softmax.default"),
    "dropout": _names(
        "dropout alpha_dropout feature_dropout feature_alpha_dropout native_dropout",
        overload=".default",
    )
    + _names("bernoulli.p"),
    "pooling": tuple(
        f"aten.{name}{n}d.default"
        for n in _AXES
        for name in ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool")
    )
    + _names(
        "_adaptive_avg_pool2d _adaptive_avg_pool3d max_pool2d_with_indices"
        " max_pool3d_with_indices max_pool1d_with_indices",
        overload=".default",
    ),
    "resampling": tuple(
        f"aten.upsample_{kind}.{overload}"
        for kind in (
            "nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d",
            "trilinear3d", "_nearest_exact1d", "_nearest_exact2d", "_nearest_exact3d",
        )
        for overload in ("default", "vec")
        if not kind.startswith("_")
    )
    + tuple(f"aten._upsample_nearest_exact{n}d.{how}" for n in _AXES for how in ("default", "vec"))
    + _names("pixel_shuffle pixel_unshuffle channel_shuffle grid_sampler im2col col2im"
             " affine_grid_generator grid_sampler_2d", overload=".default"),
    "product": _names("matmul mm bmm dot mv baddbmm einsum outer kron linalg_vecdot",
                      overload=".default"),
    "arithmetic": _names(
        "add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar rsub.Tensor mul.Tensor mul.Scalar"
        " div.Tensor div.Scalar div.Tensor_mode div.Scalar_mode true_divide.Tensor"
        " floor_divide.default floor_divide.Scalar remainder.Tensor remainder.Scalar fmod.Scalar"
        " fmod.Tensor pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar maximum.default"
        " minimum.default clamp.default clamp.Tensor clamp_min.default clamp_max.default"
        " lerp.Scalar lerp.Tensor addcmul.default addcdiv.default bitwise_and.Tensor"
        " bitwise_and.Scalar bitwise_or.Tensor bitwise_or.Scalar bitwise_xor.Tensor"
        " __and__.Tensor __or__.Tensor square.default nan_to_num.default atan2.default"
        " rsqrt.default xlogy.Tensor __rshift__.Scalar __lshift__.Scalar"
    )
    + _names(
        "neg abs sign sgn exp exp2 expm1 log log2 log10 log1p sqrt reciprocal sin cos tan asin acos"
        " atan sinh cosh asinh acosh atanh erf erfc erfinv floor ceil round trunc frac"
        " bitwise_not logical_not logical_and logical_or logical_xor logit sinc logaddexp positive",
        overload=".default",
    ),
    "reduction": _names(
        "mean.default mean.dim sum.default sum.dim_IntList prod.default prod.dim_int std.default"
        " std.dim std.correction var.default var.dim var.correction var_mean.correction"
        " std_mean.correction amax.default amin.default max.default max.dim max.other min.default"
        " min.dim min.other argmax.default argmin.default logsumexp.default norm.Scalar"
        " norm.ScalarOpt_dim linalg_vector_norm.default linalg_norm.default cumsum.default"
        " cumprod.default all.default all.dim any.default any.dim count_nonzero.default"
        " topk.default sort.default sort.stable argsort.default median.dim"
        " cosine_similarity.default pairwise_distance.default cdist.default"
        " _cdist_forward.default diff.default cummax.default cummin.default"
    ),
    "comparison": _names(
        "isnan.default isinf.default isfinite.default isclose.default"
    )
    + tuple(
        f"aten.{name}.{overload}"
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
        for overload in ("Tensor", "Scalar")
    ),
    "selection": _names(
        "where.self where.ScalarOther where.ScalarSelf where.Scalar masked_fill.Scalar"
        " masked_fill.Tensor gather.default index.Tensor index_select.default select.int"
        " slice.Tensor narrow.default take.default take_along_dim.default tril.default"
        " triu.default index_put.default index_add.default index_copy.default index_fill.int_Scalar"
        " scatter.src scatter.value scatter_add.default select_scatter.default"
        " slice_scatter.default diagonal_scatter.default diagonal.default diag_embed.default"
        " masked_scatter.default fill.Scalar fill.Tensor copy.default zero.default"
        " bucketize.Tensor searchsorted.Tensor one_hot.default"
    ),
    "shape": _names(
        "reshape permute transpose.int t flatten.using_ints unflatten.int squeeze squeeze.dim"
        " squeeze.dims unsqueeze expand expand_as reshape_as view_as repeat"
        " repeat_interleave.self_int tile cat concat stack hstack vstack chunk split.Tensor"
        " split.sizes split_with_sizes tensor_split.sections unbind.int roll flip rot90"
        " movedim.int movedim.intlist swapaxes swapdims moveaxis.int adjoint mT numpy_T pad"
        " constant_pad_nd view"
        " reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d"
        " replication_pad3d clone contiguous detach alias unfold broadcast_tensors atleast_1d"
        " atleast_2d meshgrid meshgrid.indexing block_diag unsafe_chunk unsafe_split.Tensor"
        " broadcast_to split_copy.Tensor"
    ),
    "factory": _names(
        "arange.default arange.start arange.start_step linspace.default full.default"
        " full_like.default zeros.default zeros_like.default ones.default ones_like.default"
        " new_zeros.default new_ones.default new_full.default scalar_tensor.default eye.default"
        " eye.m tril_indices.default triu_indices.default lift_fresh_copy.default"
    ),
    "cast": _names("to.dtype to.dtype_layout to.other _to_copy.default type_as.default"),
    "size": _names("sym_size.int sym_numel.default")
    + tuple(
        f"_operator.{name}"
        for name in (
            "add", "sub", "mul", "floordiv", "truediv", "mod", "neg",
            "eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "not_",
        )
    )
    + ("torch.sym_max", "torch.sym_min", "torch.sym_int", "torch.sym_float", "torch.sym_not"),
}  # fmt: skip


def _complete(name: str) -> str:
    """The name with its overload; most operators have but the default one."""
    bare = name.startswith("aten.") and name.count(".") == 1
    return f"{name}.default" if bare else name


FAMILY: Final[dict[str, Family]] = {
    _complete(name): family for family, names in _TABLE.items() for name in names
}
"""Operator with its overload → family."""

OPERATORS: Final = frozenset(FAMILY)
"""Names of all operators that may run: "aten.linear.default", "_operator.mul"."""
