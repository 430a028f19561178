import numpy as np
import pytest
import torch
from torch import nn

from app.core.measurement import places_of
from app.core.precision import effective_dtype
from app.core.sketch import sketch
from app.core.structure import padding_zeros, structure_of, without_zeros
from tests.torch_checkpoints import judged, stored, whole_module


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


def measured(values):
    array = values.detach().contiguous()
    dtype = str(array.dtype).removeprefix("torch.")
    array = array.view(torch.uint16).numpy() if dtype == "bfloat16" else array.numpy()
    seen = sketch(array, dtype=dtype)
    return seen, places_of(array, seen)


def structure(values):
    seen, places = measured(values)
    return structure_of(seen, tuple(values.shape), places)


def report(values):
    return judged(stored({"fc.weight": values.detach()})).reports[0]


@pytest.mark.parametrize("shape", [(8, 8), (8, 5), (5, 8)])
@pytest.mark.parametrize("scale", [1.0, 0.5, -2.0])
def test_an_identity_is_known_by_the_place_of_every_value(shape, scale):
    found = structure(torch.eye(*shape) * scale)
    assert (found.kind, found.value) == ("identity", scale)


def test_ones_off_the_diagonal_are_no_identity():
    assert structure(torch.eye(8).flip(0)).kind != "identity"


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(8, 4, 3), (8, 16, 3, 3), (8, 2, 5, 5, 5), (8, 3, 1, 1)])
def test_a_dirac_kernel_is_known_by_the_place_of_every_value(shape, groups):
    assert structure(nn.init.dirac_(torch.empty(shape), groups=groups)).kind == "dirac"


def test_ones_off_the_middle_tap_are_no_dirac_kernel():
    kernel = nn.init.dirac_(torch.empty(8, 8, 3, 3)).roll(1, dims=3)
    assert structure(kernel).kind == "orthogonal"  # as a permutation's rows are


ORTHOGONAL = [(64, 64), (200, 30), (30, 200), (4, 100), (32, 16, 3, 3), (100_000, 12)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", ORTHOGONAL)
def test_orthogonal_matrices_are_known_with_their_gain(shape, dtype):
    torch.manual_seed(1)
    found = structure(nn.init.orthogonal_(torch.empty(shape), gain=1.5).to(dtype))
    assert found.kind == "orthogonal"
    assert found.value == pytest.approx(1.5, rel=2e-3)  # bfloat16's 2⁻⁹, as the scheme's test has


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [*ORTHOGONAL, (8, 20_000), (256, 12_000)])
def test_independent_rows_are_not_orthogonal_however_long(shape, dtype):
    torch.manual_seed(2)
    assert structure((torch.randn(shape) / shape[-1] ** 0.5).to(dtype)) is None


def test_equal_lengths_alone_are_not_orthogonal():
    torch.manual_seed(3)
    assert structure(nn.functional.normalize(torch.randn(64, 100))) is None


def test_an_orthogonal_scheme_needs_orthogonal_rows_not_their_scale():
    torch.manual_seed(4)
    w = torch.randn(64, 256)
    w *= 8 / w.norm()  # Σw² = 64, as 64 rows of gain 1 have
    told = next(c for c in report(w).candidates if c.ids[0] == "orthogonal(gain=1)")
    assert told.rejected_by == "rows"
    assert "limit 0.0001" in told.reason


def test_an_orthogonal_matrix_fits_its_gain_alone():
    torch.manual_seed(5)
    found = report(nn.init.orthogonal_(torch.empty(64, 256), gain=2**0.5))
    assert (found.status, found.schemes) == ("consistent", ("orthogonal(gain=1.414)", "lsuv"))


def test_a_gain_of_no_list_is_told():
    torch.manual_seed(6)
    found = report(nn.init.orthogonal_(torch.empty(64, 256), gain=1.23))
    assert (found.status, found.structure.kind, found.schemes) == (
        "consistent",
        "orthogonal",
        ("lsuv",),
    )
    assert found.sentence.startswith(
        "Fits Orthogonal at a gain of its own, as LSUV: the gain is 1.23, W·Wᵀ/g² is off"
    )


def test_an_orthogonal_matrix_after_one_step_is_not_at_init():
    torch.manual_seed(7)
    w = nn.init.orthogonal_(torch.empty(64, 256))
    found = report(w + 1e-3 * torch.randn(64, 256))
    assert found.status == "not_at_init"


def test_sparse_init_is_known_by_its_columns_and_its_rest():
    torch.manual_seed(8)
    found = report(nn.init.sparse_(torch.empty(100, 200), sparsity=0.9))
    assert (found.status, found.structure.kind) == ("structured", "sparse")
    assert "90 zeros in each of 200 columns, and the rest fits Normal 0.01" in found.sentence


def test_pruning_by_size_is_told_from_pruning_at_random():
    torch.manual_seed(9)
    w = torch.randn(100, 100)
    small = torch.where(w.abs() < 0.3, 0.0, w)
    thinned = w * (torch.rand(100, 100) > 0.3)
    assert structure(small).detail.endswith(": the smallest were pruned")
    assert structure(thinned).detail.endswith("at places that do not depend on size")


def test_dead_rows_and_columns_are_counted():
    torch.manual_seed(10)
    w = torch.randn(100, 50)
    w[[1, 2, 3]] = 0
    w[:, 7] = 0
    assert structure(w).detail.endswith("and fill 3 rows and 1 column")
    assert report(w).status == "not_at_init"


def test_a_few_exact_zeros_are_more_than_a_float32_draw_has():
    torch.manual_seed(11)
    w = torch.randn(500, 500)
    w.view(-1)[torch.randperm(250_000)[:100]] = 0
    assert structure(w).kind == "sparse"
    assert structure(torch.rand(1000, 1000) - 0.5) is None


def test_padding_rows_are_named_and_left_out():
    torch.manual_seed(12)
    table = nn.Embedding(300, 32, padding_idx=7)
    found = next(iter(judged(whole_module(table)).reports))
    assert (found.status, found.structure) == ("consistent", None)
    assert any(
        remark.startswith("Row 7 is all zeros, as padding_idx has") for remark in found.remarks
    )


def test_rows_of_zeros_behind_a_vocabulary_are_left_out_too():
    torch.manual_seed(13)
    table = nn.Embedding(300, 32)
    with torch.no_grad():
        table.weight[290:] = 0
    found = next(iter(judged(whole_module(table)).reports))
    assert found.status == "consistent"
    assert any(remark.startswith("10 rows (290, 291,") for remark in found.remarks)


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_zeros_that_8_bits_bring_about_are_not_pruned(law):
    torch.manual_seed(4)
    drawn = torch.randn(300, 300) * 0.05 if law == "normal" else torch.rand(300, 300) * 0.2 - 0.1
    stored = drawn.to(torch.float8_e4m3fn)
    seen = sketch(stored.view(torch.uint8).numpy(), dtype="float8_e4m3fn")
    assert seen.zeros > 0.005 * seen.finite
    assert structure_of(seen, (300, 300)) is None


def test_pruning_is_seen_in_8_bits_too():
    torch.manual_seed(4)
    drawn = torch.randn(300, 300) * 0.05
    stored = (drawn * (torch.rand(300, 300) > 0.1)).to(torch.float8_e4m3fn)
    seen = sketch(stored.view(torch.uint8).numpy(), dtype="float8_e4m3fn")
    assert structure_of(seen, (300, 300)).kind == "sparse"
