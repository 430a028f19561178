import subprocess
import sys

import numpy as np
import pytest
import torch

from app.core import matrix_reading
from app.core.matrix import UNITS, unit_spread
from app.core.matrix_reading import MOST_LINES, chosen, chosen_columns, read

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn]
SHAPES = [(5, 2), (3, 1), (1, 7), (64, 3, 7, 7), (1000, 513), (7, 70001)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def stored(values):
    name = str(values.dtype).removeprefix("torch.")
    if name == "bfloat16":
        return values.view(torch.uint16).numpy(), name
    if name.startswith("float8"):
        return values.view(torch.uint8).numpy(), name
    return values.numpy(), name


def reading(values, *, count_zeros=False):
    array, dtype = stored(values)
    return read(array, dtype=dtype, count_zeros=count_zeros)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_and_columns_are_summed_as_numpy_sums_them(dtype, shape):
    values = torch.randn(shape).to(dtype)
    facts = reading(values).matrix
    exact = values.double().reshape(shape[0], -1).numpy()
    for axis, sums in ((1, facts.row), (0, facts.column)):
        # Sums of up to 7e4 values of size 1 in float64: off by far less than 1e-9.
        np.testing.assert_allclose(sums.total, exact.sum(axis), atol=1e-9)
        np.testing.assert_allclose(sums.squares, (exact * exact).sum(axis), rtol=1e-12)


def test_zeros_are_counted_where_asked():
    values = (torch.rand(40, 30) > 0.3) * torch.randn(40, 30)
    facts = reading(values, count_zeros=True).matrix
    np.testing.assert_array_equal(facts.row.zeros, (values == 0).sum(1))
    np.testing.assert_array_equal(facts.column.zeros, (values == 0).sum(0))


def test_minus_zero_is_a_zero():
    assert reading(torch.full((4, 4), -0.0), count_zeros=True).matrix.row.zeros.sum() == 16


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_digest_does_not_depend_on_strides(dtype):
    array, name = stored(torch.randn(50, 40, 3).to(dtype))
    turned = np.ascontiguousarray(array.transpose(2, 1, 0)).transpose(2, 1, 0)
    plain = read(array, dtype=name, count_zeros=False)
    assert read(turned, dtype=name, count_zeros=False).digest == plain.digest


@pytest.mark.parametrize("place", [0, 1, 8191, 65535, 65536, 199_999])
def test_one_bit_changes_the_digest(place):
    values = torch.randn(400, 500)
    other = values.clone()
    other.view(torch.int32).view(-1)[place] ^= 1
    assert reading(values).digest != reading(other).digest


def test_two_flipped_signs_change_the_digest():
    # 128 words of 64 bits apart, the same lane: what a plain product would not carry down.
    values = torch.randn(400, 500)
    other = values.clone()
    other.view(-1)[[1, 257]] *= -1
    assert reading(values).digest != reading(other).digest


def test_shape_and_dtype_are_part_of_the_digest():
    digests = {reading(torch.zeros(shape)).digest for shape in [(4, 6), (6, 4), (24,)]}
    digests.add(reading(torch.zeros(4, 6, dtype=torch.int32)).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("shape", [(24,), (MOST_LINES + 1, 2), (2, MOST_LINES + 1)])
def test_one_axis_or_too_many_lines_are_not_summed(shape):
    assert reading(torch.zeros(shape)).matrix is None


def test_a_repeated_axis_is_not_summed():
    endless = np.broadcast_to(np.ones(3, np.float32), (10**6, 3))
    assert not matrix_reading._is_matrix(endless, "float32")


def test_values_whose_squares_overflow_are_not_summed():
    assert reading(torch.full((4, 4), 1e200, dtype=torch.float64)).matrix is None


def test_unaligned_values_are_read():
    data = np.zeros(4 * 30 + 1, np.uint8)[1:].view(np.float32).reshape(5, 6)
    data[:] = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(
        read(data, dtype="float32", count_zeros=False).matrix.row.total, data.sum(1)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_chosen_lines_are_the_values_themselves(dtype):
    values = torch.randn(20, 3, 5).to(dtype)
    array, name = stored(values)
    exact = values.double().reshape(20, 15).numpy()
    np.testing.assert_array_equal(chosen(array, name, rows=[2, 19]), exact[[2, 19]])
    picked = chosen_columns(array, name, columns=np.array([0, 14]))
    np.testing.assert_array_equal(picked, exact[:, [0, 14]].T)


def test_the_spread_of_each_unit_is_its_population_std():
    values = torch.randn(300, 70) + 3
    spread = unit_spread(reading(values).matrix)
    exact = values.double().std(1, correction=0).numpy()
    assert (spread.units, spread.count, spread.places) == (300, 70, ())
    np.testing.assert_allclose(spread.stds, exact, rtol=1e-5)  # six digits are kept
    np.testing.assert_allclose(spread.means, values.double().mean(1).numpy(), rtol=1e-5)


def test_of_many_units_the_extremes_are_among_those_listed():
    values = torch.randn(5000, 8)
    values[1234] *= 100
    spread = unit_spread(reading(values).matrix)
    assert len(spread.stds) == len(spread.places) <= UNITS
    assert 1234 in spread.places
    assert spread.units == 5000


def test_loops_declared_after_others_were_made_ready_are_made_ready_too():
    # In the sandbox nothing may be compiled or loaded: the fork server warms up in two steps.
    program = (
        "from app.core import sketch; sketch.warm();"
        "from app.core import matrix_kernels as kernels; from app.core.compiled import prepare;"
        "prepare(); assert kernels.fold.signatures and kernels.add32.signatures"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
