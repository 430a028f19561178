"""torch's own draws, replayed bit for bit."""

import numpy as np
import pytest
import torch

from app.core.generator import BLOCK, Stream, outputs_taken, uniform_values, units

torch.set_num_threads(1)
AVX2 = torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}


def after(seed, *, skip):
    """The generator `skip` outputs behind its seeding: a float32 uniform takes one."""
    torch.manual_seed(seed)
    torch.empty(skip).uniform_()


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1, 2**40 + 5])
def test_uniform_values_are_torchs_bit_for_bit(seed):
    torch.manual_seed(seed)
    drawn = torch.empty(5000).uniform_(-0.0443, 0.0443).numpy()
    bound = float(np.float32(0.0443))
    assert np.array_equal(
        uniform_values(Stream(seed).digits(0, 5000), low=-bound, high=bound), drawn
    )


def test_a_lopsided_uniform_is_torchs_bit_for_bit():
    torch.manual_seed(7)
    drawn = torch.empty(5000).uniform_(0.2, 0.9).numpy()
    low, high = float(np.float32(0.2)), float(np.float32(0.9))
    assert np.array_equal(uniform_values(Stream(7).digits(0, 5000), low=low, high=high), drawn)


@pytest.mark.parametrize("size", [16, 17, 31, 32, 1000, 100_003])
def test_unit_normals_are_torchs_bit_for_bit(size):
    after(3, skip=77)
    drawn = torch.empty(size).normal_().numpy()
    vector = units(Stream(3), 77, "normal", count=size, part=slice(0, size))
    scalar = units(Stream(3), 77, "normal", count=size, part=slice(0, size), vector=False)
    # Where torch runs without AVX2 its logarithm and sine are the system's, rarely one off.
    same = max((one.astype(np.float32) == drawn).mean() for one in (vector, scalar))
    assert same == 1.0 if AVX2 else same > 0.9


@pytest.mark.parametrize("size", [1, 2, 5, 15])
def test_small_normals_are_torchs_bit_for_bit(size):
    after(4, skip=10)
    drawn = torch.empty(size).normal_(0, 1).numpy()
    replayed = units(Stream(4), 10, "small_normal", count=size, part=slice(0, size))
    assert np.array_equal(replayed.astype(np.float32), drawn)


@pytest.mark.parametrize(
    ("size", "drawn"),
    [(7, "uniform"), (16, "normal"), (17, "normal"), (3, "small_normal"), (4, "small_normal")],
)
def test_a_draw_takes_as_many_outputs_as_torch_takes(size, drawn):
    after(5, skip=20)
    tensor = torch.empty(size)
    tensor.uniform_() if drawn == "uniform" else tensor.normal_()
    following = torch.empty(1).uniform_().item()
    start = 20 + outputs_taken(size, drawn)
    assert following == Stream(5).digits(start, 1)[0] * 2.0**-24


@pytest.mark.parametrize("part", [slice(0, 16), slice(96, 300), slice(288, 300), slice(280, 291)])
def test_a_part_of_a_draw_is_that_part_of_the_whole(part):
    stream = Stream(6)
    whole = units(stream, 5, "normal", count=300, part=slice(0, 300))
    begin = part.start // 16 * 16
    found = units(stream, 5, "normal", count=300, part=slice(begin, part.stop))
    assert np.array_equal(found, whole[begin : part.stop])


def test_a_stream_is_the_same_in_any_order_of_asking():
    far, near = Stream(8), Stream(8)
    end = far.words(3 * BLOCK - 5, 10).copy()
    near.words(0, 10)
    assert np.array_equal(end, near.words(3 * BLOCK - 5, 10))
    assert np.array_equal(far.words(0, 10), near.words(0, 10))
