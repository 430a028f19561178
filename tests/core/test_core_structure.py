import numpy as np
import pytest
import torch
from torch import nn

from app.core.sketch import sketch
from app.core.structure import effective_dtype, padding_zeros, structure_of, without_zeros


def sketched(values):
    return sketch(np.asarray(values), dtype=np.asarray(values).dtype.name)


def kind_of(values):
    found = structure_of(sketched(values), np.shape(values))
    return found.kind if found else None


def test_equal_values_are_a_constant():
    found = structure_of(sketched(np.full((8, 8), 0.25, np.float32)), (8, 8))
    assert (found.kind, found.value) == ("constant", 0.25)


def test_one_value_alone_is_no_constant():
    assert kind_of(np.array([0.3], np.float32)) is None


@pytest.mark.parametrize("shape", [(8, 8), (8, 5), (5, 8)])
def test_an_identity_is_seen_by_its_counts(shape):
    assert kind_of(np.eye(*shape, dtype=np.float32)) == "identity"


def test_a_dirac_kernel_is_seen_by_its_counts():
    assert kind_of(nn.init.dirac_(torch.empty(6, 4, 3, 3)).numpy()) == "dirac"


def test_zeros_and_ones_in_other_numbers_are_no_identity():
    values = np.zeros((8, 8), np.float32)
    values[:, 0] = values[0, 1] = 1
    assert kind_of(values) == "sparse"


def test_pruned_values_are_sparse():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    values[:50] = 0
    found = structure_of(sketched(values), values.shape)
    assert (found.kind, found.value) == ("sparse", 0.05)


def test_a_fresh_draw_has_no_structure():
    assert kind_of(np.random.default_rng(0).normal(size=(64, 64))) is None


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("wide", [torch.float32, torch.float64])
def test_values_of_a_narrow_dtype_are_known_in_a_wide_one(narrow, wide):
    values = torch.randn(5000).to(narrow).to(wide).numpy()
    assert effective_dtype(sketched(values)) == str(narrow).removeprefix("torch.")


def test_native_float32_is_float32():
    assert effective_dtype(sketched(np.random.default_rng(0).random(99, np.float32))) == "float32"


@pytest.mark.parametrize("zeros", [0, 64])
def test_leaving_zeros_out_gives_the_sketch_of_the_rest(zeros):
    rest = np.random.default_rng(3).normal(0.3, 1.0, size=6400)
    whole = sketched(np.concatenate([rest, np.zeros(zeros)]))
    left, direct = without_zeros(whole, zeros), sketched(rest)
    assert (left.count, left.zeros) == (direct.count, direct.zeros)
    for name in ("mean", "std", "skewness", "kurtosis", "second_moment"):
        # Sums of 6464 values, rounded at 1.1e-16 each way: below 1e-12 in every moment.
        assert getattr(left, name) == pytest.approx(getattr(direct, name), rel=1e-11)


def test_an_embedding_s_padding_row_is_counted():
    weight = nn.Embedding(100, 16, padding_idx=4).weight.detach().numpy()
    assert padding_zeros(sketched(weight), weight.shape, told=False) == 16


def test_zeros_that_are_no_whole_row_are_not_padding():
    weight = nn.Embedding(100, 16).weight.detach().numpy()
    weight[0, :5] = 0
    assert padding_zeros(sketched(weight), weight.shape, told=False) == 0
